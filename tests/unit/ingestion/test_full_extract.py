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
    assert "1 value is no longer in the file and recorded as deleted" in result.message
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
    assert "1 value is no longer in the file and not recorded as deleted" in report.files[0].message


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
    report = feed.ingest(clock=LATER + timedelta(days=1), full_extract=True, may_be_empty=True)
    assert (report.files[0].status, report.files[0].reason_code) == ("rejected", "unreadable_file")
    assert deleted(feed) == []
    feed.ingest(clock=LATER + timedelta(days=2), full_extract=True, may_be_empty=True, max_deleted_share=1.0)

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


def extract(days: int, value: int = 1) -> str:
    """Return a file with a value for each of the first days of February."""
    return HEADER + "".join(f"latency,2026-02-{day:02d},{value}\n" for day in range(1, days + 1))


@pytest.mark.parametrize(
    ("left", "limit", "status", "tombstones"),
    [
        (10, 0.5, "loaded", 0),
        (6, 0.5, "loaded", 4),
        (5, 0.5, "loaded", 5),
        (4, 0.5, "rejected", 0),
        (9, 0.0, "rejected", 0),
        (7, 0.3, "loaded", 3),  # a limit times a count would be a hair more or less than the count
        (1, 1.0, "loaded", 9),
    ],
)
def test_share_of_deleted_keys_is_limited_inclusively(feed, left, limit, status, tombstones):
    """A delivery cut in half buries half of the history, or one that is in order is refused."""
    feed.load(extract(10), full_extract=True, max_deleted_share=limit)
    feed.put(extract(left, value=2))
    (result,) = feed.ingest(clock=LATER, full_extract=True, max_deleted_share=limit).files

    assert (result.status, len(deleted(feed))) == (status, tombstones)
    assert set(current(feed).values()) - {None} == ({1.0} if status == "rejected" else {2.0})


def test_refused_extract_says_how_much_is_gone_and_how_to_allow_it(feed):
    """A feed stands still, and nobody knows why or what to do."""
    feed.load(extract(10), full_extract=True)
    feed.put(extract(2))
    (result,) = feed.ingest(clock=LATER, full_extract=True).files

    assert "8 of the 10 values" in result.message
    assert "80.0%" in result.message
    assert "raise `max_deleted_share` in feeds.yml" in result.message
    assert feed.reasons() == [(None, "unreadable_file", None)]
    assert (feed.rows("loads")[-1]["status"], feed.rows("loads")[-1]["rows_deleted"]) == ("rejected", None)
    again = feed.ingest(clock=LATER + timedelta(hours=1), full_extract=True)
    assert again.files[0].status == "unchanged"
    assert again.files[0].reason_code == "unreadable_file"

    (allowed,) = feed.ingest(clock=LATER + timedelta(hours=2), full_extract=True, max_deleted_share=0.8).files
    assert (allowed.status, len(deleted(feed))) == ("loaded", 8)


def test_whole_extract_after_a_refused_one_is_taken(feed):
    """One bad delivery stops the feed for good."""
    feed.load(extract(10), full_extract=True)
    feed.put(extract(2))
    feed.ingest(clock=LATER, full_extract=True)
    feed.put(extract(11, value=3))
    (result,) = feed.ingest(clock=LATER + timedelta(days=1), full_extract=True).files

    assert (result.status, result.message) == ("loaded", None)
    assert set(current(feed).values()) == {3.0}


def test_keys_deleted_before_do_not_count_as_standing(feed):
    """Old tombstones make the share look small, or large."""
    feed.load(extract(10), full_extract=True)
    for number, (left, status) in enumerate([(5, "loaded"), (3, "loaded"), (1, "rejected")], start=1):
        feed.put(extract(left))
        (result,) = feed.ingest(clock=LATER + timedelta(days=number), full_extract=True).files
        assert result.status == status
    assert len(deleted(feed)) == 7


def test_first_delivery_and_unlimited_feeds_know_no_limit(feed):
    """The first file of a feed is refused for what it does not hold."""
    (first,) = feed.load(extract(1), full_extract=True, max_deleted_share=0.0).files
    assert first.status == "loaded"
    feed.put(HEADER + "latency,2026-02-02,2\n")
    assert feed.ingest(clock=LATER).files[0].status == "loaded"
