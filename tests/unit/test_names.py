"""What a misspelt name was meant to be, among few names and among many."""

from __future__ import annotations

import pytest

from orchestration.names import Names

FEW = ["order_latency", "on_time_share", "scrap_rate"]
MANY = [*FEW, *(f"line_{number:05d}_downtime" for number in range(20_000))]


@pytest.mark.parametrize("names", [FEW, MANY])
@pytest.mark.parametrize(
    ("written", "meant"),
    [("order_latncy", "order_latency"), ("on-time-share", "on_time_share"), ("zzz", None), ("", None)],
)
def test_nearest_name_is_found(names, written, meant):
    assert Names(names).nearest(written) == meant


@pytest.mark.parametrize("written", ["%s'--", '""', "\n", "ünïcode", "%", "x" * 5000])
def test_any_text_may_be_asked_for(written):
    assert Names(MANY).nearest(written) is None


def test_names_are_looked_up_in_their_own_list():
    assert Names(MANY).nearest("complaint_count") is None
    assert Names([*MANY, "complaint_counts"]).nearest("complaint_count") == "complaint_counts"


def test_names_are_known_whole():
    assert "scrap_rate" in Names(FEW)
    assert "scrap" not in Names(FEW)
    assert Names().nearest("scrap") is None
