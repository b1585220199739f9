"""Which files are read again, and what the lake holds afterwards."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from orchestration.errors import FeedError
from orchestration.ingestion.registry import KpiEntry, KpiRegistry
from tests.unit.ingestion.small_feed import HEADER, KPIS, LONG, NOW

A = HEADER + "latency,2026-01-05,1\n"
B = HEADER + "latency,2026-01-05,2\n"
LATER = NOW + timedelta(hours=1)


def current(feed) -> list[tuple]:
    """Return each KPI's and period's value of the newest vintage."""
    newest = {}
    for row in feed.rows("observations"):
        key = (row["kpi_id"], str(row["period_start_on"]))
        order = (row["vintage_at"], row["loaded_at"], row["load_id"])
        if key not in newest or order > newest[key][0]:
            newest[key] = (order, row["value"])
    return sorted((*key, value) for key, (_, value) in newest.items())


def test_same_bytes_twice_change_nothing(feed):
    feed.load(A)
    before = sorted(path.name for path in feed.lake.root.rglob("*.parquet"))
    report = feed.ingest(clock=LATER)
    assert [result.status for result in report.files] == ["unchanged"]
    assert report.rows_read == 0
    assert sorted(path.name for path in feed.lake.root.rglob("*.parquet")) == before


def test_changed_file_is_a_new_vintage_and_the_old_one_stays(feed):
    feed.load(A)
    feed.load(B, clock=LATER)
    assert [row["value"] for row in feed.rows("observations")] == [1.0, 2.0]
    assert current(feed) == [("latency", "2026-01-05", 2.0)]


def test_returning_to_earlier_bytes_is_a_new_vintage(feed):
    for content in (A, B, A):  # within one tick of the clock
        feed.load(content)
    assert [row["value"] for row in feed.rows("observations")] == [1.0, 2.0, 1.0]
    assert current(feed) == [("latency", "2026-01-05", 1.0)]


def test_copy_under_another_name_is_not_loaded(feed):
    feed.load(A, "ops/1.csv")
    report = feed.load(A, "ops/2.csv", clock=LATER)
    assert [result.status for result in report.files] == ["unchanged", "unchanged"]
    assert "copy" in report.files[1].message


def test_renamed_file_is_loaded_under_its_new_name(feed):
    feed.load(A, "ops/1.csv").files[0]
    (feed.landing / "ops/1.csv").rename(feed.landing / "ops/2.csv")
    assert [result.status for result in feed.ingest(clock=LATER).files] == ["loaded"]


def test_same_bytes_in_two_feeds_are_two_loads(feed):
    feed.load(A)
    report = feed.ingest(id="other")
    assert report.files[0].status == "loaded"
    assert len(feed.rows("loads")) == 2


def test_file_is_read_again_when_its_contract_changed(feed):
    feed.load(A)
    assert feed.ingest(clock=LATER, name="Renamed", owner="someone").files[0].status == "unchanged"
    assert feed.ingest(clock=LATER, unit="hours", scale=60).files[0].status == "loaded"
    assert current(feed) == [("latency", "2026-01-05", 60.0)]


def test_file_is_read_again_when_the_definitions_it_lacked_arrive(feed):
    feed.load(HEADER + "latency,2026-01-05,1\nnew_kpi,2026-01-05,2\n")
    assert feed.ingest(clock=LATER).files[0].status == "unchanged"
    registry = KpiRegistry((*KPIS, KpiEntry("new_kpi", "pieces")))
    assert feed.ingest(clock=LATER, registry=registry).files[0].status == "loaded"
    assert current(feed) == [("latency", "2026-01-05", 1.0), ("new_kpi", "2026-01-05", 2.0)]
    assert feed.ingest(clock=LATER, registry=registry).files[0].status == "unchanged"


def test_file_without_such_rows_is_not_read_again_for_new_definitions(feed):
    feed.load(HEADER + "latency,2026-01-05,1\nlatency,2026-01-06,x\n")
    registry = KpiRegistry((*KPIS, KpiEntry("new_kpi", "pieces")))
    assert feed.ingest(clock=LATER, registry=registry).files[0].status == "unchanged"


def test_files_load_in_the_order_of_their_names_and_none_after_the_clock(feed):
    for number in range(3):
        feed.put(HEADER + f"latency,2026-01-05,{number}\n", f"ops/{number}.csv")
    feed.ingest()
    times = [row["loaded_at"] for row in feed.rows("loads")]
    assert times == sorted(set(times))
    assert times[-1] == NOW.replace(tzinfo=None)
    assert current(feed) == [("latency", "2026-01-05", 2.0)]


def test_nested_folders_and_hidden_files(feed):
    feed.put(A, "ops/2026/01/a.csv")
    feed.put(B, "ops/2026/.hidden.csv")
    report = feed.ingest(source={"type": "file", "path": "ops/**/*.csv"})
    assert [result.name for result in report.files] == ["ops/2026/01/a.csv"]


@pytest.mark.parametrize(
    "name", ["ops/[1].csv", "ops/it's; select 1.csv", "ops/ä ö.csv", "ops/$x {y}.csv", "ops/a%20b.csv"]
)
def test_strange_file_names_are_read(feed, name):
    feed.load(A, name)
    assert feed.rows("observations")[0]["source_file"] == name


def test_ledger_row_tells_the_load(feed):
    feed.load(HEADER + "latency,2026-01-05,1\nlatency,2026-01-05,1\nlatency,2026-02-05,x\nlatency,2026-02-06,3\n")
    (row,) = feed.rows("loads")
    told = {name: row[name] for name in ("kind", "source_feed", "source_file", "status", "reason_code", "message")}
    assert told == {
        "kind": "feed",
        "source_feed": "ops",
        "source_file": "ops/1.csv",
        "status": "loaded",
        "reason_code": None,
        "message": None,
    }
    assert (row["rows_read"], row["rows_accepted"], row["rows_quarantined"], row["rows_collapsed"]) == (4, 3, 1, 1)
    assert (str(row["oldest_period_on"]), str(row["newest_period_on"])) == ("2026-01-05", "2026-02-06")
    assert row["file_bytes"] == (feed.landing / "ops/1.csv").stat().st_size
    assert len(row["file_sha256"]) == 64
    assert row["loaded_at"] == NOW.replace(tzinfo=None)


def test_columns_of_the_lake_have_the_declared_types(feed):
    from orchestration.ingestion.tables import TABLES

    feed.load(HEADER + "latency,2026-01-05,1\nlatency,2026-01-06,x\n")
    feed.load("", "ops/2.csv")
    import pyarrow.parquet as pq

    for entity, schema in TABLES.items():
        if entity == "key_result_events":
            continue  # test_events.py
        paths = list((feed.lake.root / entity).rglob("*.parquet"))
        assert len(paths) > 1
        for path in paths:
            written = pq.read_schema(path)
            assert list(zip(written.names, written.types, strict=True)) == list(
                zip(schema.names, schema.types, strict=True)
            )


def test_nothing_stays_behind(feed):
    feed.load(A)
    feed.load("nonsense")
    assert list((feed.lake.root / ".staging").iterdir()) == []


def test_memory_shortage_rejects_no_file(feed, monkeypatch):
    from orchestration.ingestion.staging import Staging

    def run(self):
        raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block")

    monkeypatch.setattr(Staging, "run", run)
    feed.put(A)
    with pytest.raises(FeedError, match="LOS_DUCKDB_MEMORY_LIMIT"):
        feed.ingest()
    assert feed.rows("loads") == []


def test_failure_while_writing_leaves_the_lake_as_it_was(feed, monkeypatch):
    from orchestration.ingestion.staging import Staging

    feed.load(A)
    monkeypatch.setattr(Staging, "write_quarantine", lambda *a: (_ for _ in ()).throw(OSError("no")))
    feed.put(B + "latency,2026-01-06,x\n")
    with pytest.raises(FeedError):
        feed.ingest(clock=LATER)
    monkeypatch.undo()
    assert current(feed) == [("latency", "2026-01-05", 1.0)]
    assert len(feed.rows("loads")) == 1
    assert feed.ingest(clock=LATER).files[0].status == "loaded"


def test_progress_is_told(feed):
    from orchestration.ingestion.load import ingest_feed
    from tests.unit.ingestion.small_feed import contract

    feed.put(A, "ops/1.csv")
    feed.put(B, "ops/2.csv")
    calls = []
    ingest_feed(
        contract(),
        landing_dir=feed.landing,
        lake=feed.lake,
        registry=feed.registry,
        clock=NOW,
        progress=lambda file, done, total: calls.append((file, done, total)),
    )
    assert calls == [("ops/1.csv", 0, 2), ("ops/2.csv", 1, 2), ("", 2, 2)]


def test_evolve_passes_over_columns_that_freeze_refuses(feed):
    feed.load("kpi,note,day,value\nlatency,x,2026-01-05,1\n", on_schema_change="evolve")
    assert current(feed) == [("latency", "2026-01-05", 1.0)]


def test_ignored_columns_may_be_there_or_not(feed):
    feed.load("kpi,note,day,value\nlatency,x,2026-01-05,1\n", ignored_columns=["note", "other"])
    assert feed.rows("quarantine") == []


def test_report_metadata_holds_plain_values(feed):
    report = feed.load(HEADER + "latency,2026-01-05,1\nlatency,2026-01-06,x\n")
    metadata = report.metadata()
    assert metadata["rows_read"] == 2
    assert metadata["quarantined_by_reason"] == {"not_a_number": 1}
    assert metadata["newest_period"] == "2026-01-05"
    assert all(isinstance(value, (int, float, str, dict)) for value in metadata.values())
    assert "above the feed's limit" in report.warnings()[0]
    assert "2 rows read = 1 accepted + 1 quarantined" in report.summary()


def test_feed_without_columns_clash(feed):
    """Columns of the file that are named like our own helpers do not confuse them."""
    feed.load(
        "kpi_text,line,value_sent\nlatency,2026-01-05,1\n",
        columns={"kpi": "kpi_text", "period": "line", "value": "value_sent"},
    )
    assert current(feed) == [("latency", "2026-01-05", 1.0)]
    assert LONG["kpi"] == "kpi"
