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


def test_name_that_was_added_later_is_found():
    names = Names(MANY)
    assert names.nearest("complaint_count") is None
    names.add("complaint_counts")
    assert names.nearest("complaint_count") == "complaint_counts"


def test_names_that_were_added_are_known():
    assert "scrap_rate" in Names(FEW)
    assert "scrap" not in Names(FEW)
    assert Names().nearest("scrap") is None
