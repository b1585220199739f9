"""Full extracts: what a newer delivery of a file holds no more is recorded as deleted, never silently kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orchestration.ingestion.registry import KpiEntry, KpiRegistry
from tests.unit.ingestion.small_feed import HEADER, KPIS, NOW, SmallFeed

THREE = HEADER + "latency,2026-02-01,1\nlatency,2026-02-02,2\nbacklog,2026-02-10,3\n"
TWO = HEADER + "latency,2026-02-01,1\nbacklog,2026-02-10,3\n"
LATER = NOW + timedelta(days=1)


def deleted(feed: SmallFeed) -> list[tuple]:
    """Return (kpi, period, status) of every tombstone."""
    return [
        (row["kpi_id"], str(row["period_start_on"]), row["obs_status"])
        for row in feed.rows("observations")
        if row["value"] is None
    ]


def current(feed: SmallFeed) -> dict[tuple, float | None]:
    """Return the newest vintage's value by (kpi, period)."""
    rows = sorted(feed.rows("observations"), key=lambda row: (row["vintage_at"], row["loaded_at"], row["load_id"]))
    return {(row["kpi_id"], str(row["period_start_on"])): row["value"] for row in rows}


@pytest.fixture
def feed(tmp_path) -> SmallFeed:
    return SmallFeed(tmp_path)


def test_key_that_disappears_gets_a_tombstone_with_its_lineage(feed):
    """A number that its source took back stays in every report."""
    feed.load(THREE, full_extract=True)
    feed.put(TWO)
    report = feed.ingest(clock=LATER, full_extract=True)

    assert deleted(feed) == [("latency", "2026-02-02", "M")]
    (tombstone,) = [row for row in feed.rows("observations") if row["value"] is None]
    (result,) = report.files
    assert (tombstone["load_id"], tombstone["source_feed"], tombstone["source_file"]) == (
        result.load_id,
        "ops",
        "ops/1.csv",
    )
    assert (tombstone["unit"], tombstone["source_row"]) == ("minutes", None)
    assert tombstone["vintage_at"] == tombstone["loaded_at"] == LATER.replace(tzinfo=None)
    assert current(feed)[("latency", "2026-02-02")] is None
    assert [row["value"] for row in feed.rows("observations")].count(2.0) == 1  # the old vintage stays
    assert "1 values are no longer in the file" in result.message
    assert feed.rows("loads")[-1]["rows_deleted"] == 1


def test_tombstone_is_written_once(feed):
    """Every delivery buries the same key again."""
    feed.load(THREE, full_extract=True)
    feed.put(TWO)
    feed.ingest(clock=LATER, full_extract=True)
    feed.ingest(clock=LATER + timedelta(hours=1), full_extract=True)
    feed.put(TWO + "latency,2026-02-03,4\n")
    report = feed.ingest(clock=LATER + timedelta(days=1), full_extract=True)

    assert len(deleted(feed)) == 1
    assert report.files[0].message is None


def test_without_the_declaration_nothing_is_deleted(feed):
    """A daily file deletes yesterday."""
    feed.load(THREE)
    feed.put(TWO)
    feed.ingest(clock=LATER)

    assert deleted(feed) == []


def test_key_that_comes_back_stands_again_whatever_time_the_source_states(feed):
    """A value that returns with its old time of availability stays deleted."""
    columns = {"kpi": "kpi", "period": "day", "value": "value", "available_at": "at"}
    changes = {"columns": columns, "time_zone": "UTC", "full_extract": True}
    header, first = "kpi,day,value,at\n", "latency,2026-02-01,1,2026-02-02T00:00:00\n"
    second = "latency,2026-02-02,2,2026-02-03T00:00:00\n"
    for number, content in enumerate((first + second, first, first + second)):
        feed.put(header + content)
        feed.ingest(clock=NOW + timedelta(days=number), **changes)

    assert current(feed)[("latency", "2026-02-02")] == 2.0
    assert len(deleted(feed)) == 1
    returned = feed.rows("observations")[-1]
    assert returned["available_at"] == datetime(2026, 2, 3)  # what the source says stays as it says it
    assert returned["vintage_at"] == returned["loaded_at"]


def test_time_of_availability_ahead_of_ours_is_deleted_too(feed):
    """A source whose clock runs ahead can never take a value back."""
    columns = {"kpi": "kpi", "period": "day", "value": "value", "available_at": "at"}
    changes = {"columns": columns, "time_zone": "UTC", "full_extract": True}
    ahead = "2026-03-02T06:00:00"
    feed.put(f"kpi,day,value,at\nlatency,2026-02-01,1,{ahead}\nlatency,2026-02-02,2,{ahead}\n")
    feed.ingest(**changes)
    feed.put(f"kpi,day,value,at\nlatency,2026-02-01,1,{ahead}\n")
    feed.ingest(clock=NOW + timedelta(hours=1), **changes)

    assert current(feed)[("latency", "2026-02-02")] is None


def test_quarantined_row_is_no_deletion(feed):
    """A typing error in the value buries the value before it."""
    feed.load(THREE, full_extract=True)
    feed.put(THREE.replace("2026-02-02,2", "2026-02-02,two"))
    feed.ingest(clock=LATER, full_extract=True)

    assert deleted(feed) == []
    assert feed.reasons() == [(3, "not_a_number", "value")]


@pytest.mark.parametrize("broken", ["latency,2026-02-02\n", ",2026-02-02,2\n", "latency,yesterday,2\n"])
def test_file_with_an_unreadable_key_deletes_nothing_and_says_so(feed, broken):
    """A broken row is taken for a deleted one."""
    feed.load(THREE, full_extract=True)
    feed.put(TWO + broken)
    report = feed.ingest(clock=LATER, full_extract=True)

    assert deleted(feed) == []
    assert "1 values are no longer in the file and still stand" in report.files[0].message


def test_kpi_that_is_no_longer_defined_is_quarantined_not_deleted(feed):
    """Deleting a definition deletes the data."""
    feed.load(THREE, full_extract=True)
    feed.put(THREE + "latency,2026-02-03,4\n")
    registry = KpiRegistry(tuple(entry for entry in KPIS if entry.kpi_id != "backlog"))
    feed.ingest(clock=LATER, registry=registry, full_extract=True)

    assert deleted(feed) == []


def test_files_of_a_feed_do_not_delete_each_others_keys(feed):
    """The file of one region deletes those of all others."""
    feed.put(HEADER + "latency,2026-02-01,1\n", "ops/north.csv")
    feed.put(HEADER + "latency,2026-02-02,2\nlatency,2026-02-03,9\n", "ops/south.csv")
    feed.ingest(full_extract=True)
    feed.put(HEADER + "latency,2026-02-02,2\n", "ops/south.csv")
    feed.put(HEADER + "latency,2026-02-01,1\nlatency,2026-02-03,3\n", "ops/north.csv")
    feed.ingest(clock=LATER, full_extract=True)

    # The north has the third day now, and was loaded before the south: the south deletes only what is its own.
    assert deleted(feed) == []
    assert current(feed)[("latency", "2026-02-03")] == 3.0


def test_empty_full_extract_deletes_everything_when_it_may_be_empty(feed):
    """An empty file is rejected where it may not be empty, and believed where it may."""
    feed.load(THREE, full_extract=True, may_be_empty=True)
    feed.put(HEADER)
    assert feed.ingest(clock=LATER, full_extract=True).files[0].status == "rejected"
    assert deleted(feed) == []
    feed.ingest(clock=LATER + timedelta(days=1), full_extract=True, may_be_empty=True)

    assert len(deleted(feed)) == 3


def test_emptied_cell_of_a_wide_file_is_deleted(feed):
    """A cell that somebody clears keeps its number."""
    wide = {
        "layout": "wide",
        "columns": {"period": "day"},
        "kpi_columns": {"a": "latency", "b": "on_time"},
        "full_extract": True,
    }
    feed.put("day,a,b\n2026-02-01,1,0.5\n2026-02-02,2,0.6\n")
    feed.ingest(**wide)
    feed.put("day,a,b\n2026-02-01,1,0.5\n2026-02-02,,0.6\n")
    feed.ingest(clock=LATER, **wide)

    assert deleted(feed) == [("latency", "2026-02-02", "M")]


def test_two_kpis_that_differ_only_in_grain_are_told_apart(tmp_path):
    """A day inside the month counts as another period than the month."""
    feed = SmallFeed(tmp_path)
    registry = KpiRegistry((KpiEntry("backlog", "orders", grain="month"),))
    feed.put(HEADER + "backlog,2026-02-10,3\n")
    feed.ingest(registry=registry, full_extract=True)
    feed.put(HEADER + "backlog,2026-02-20,5\n")
    feed.ingest(clock=LATER, registry=registry, full_extract=True)

    assert deleted(feed) == []
    assert current(feed) == {("backlog", "2026-02-01"): 5.0}
