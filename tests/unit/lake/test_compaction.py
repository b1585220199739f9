"""Many small files become few, and nobody who asks can tell."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestration.errors import LakeError
from orchestration.lake import compaction
from orchestration.lake.compaction import compact
from orchestration.lake.store import ASIDE, COMPACTED, SCHEMA_FILE, Lake
from tests.unit.ingestion.small_feed import HEADER, NOW, SmallFeed

SCHEMA = pa.schema(
    [("load_id", pa.string()), ("at", pa.timestamp("us")), ("value", pa.float64()), ("word", pa.string())]
)


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.ensure({"things": SCHEMA})
    return lake


def put(lake: Lake, number: int, rows: int = 2, subject: str = "s", schema: pa.Schema = SCHEMA) -> str:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    with lake.begin(moment, f"{number:064d}"[::-1]) as load:
        values = [[load.load_id] * rows, [load.loaded_at] * rows, [number + 0.1 * row for row in range(rows)]]
        values.append([None if row % 2 else f"w{number}" for row in range(rows)])
        arrays = [pa.array(column, kind) for column, kind in zip(values, SCHEMA.types, strict=True)]
        load.write("things", pa.table(arrays, schema=SCHEMA).select(schema.names), subject)
        load.commit({"kind": "feed", "source_feed": subject, "rows_read": rows, "rows_accepted": rows})
    return load.load_id


def answer(lake: Lake, entity: str = "things") -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(
            "select * from read_parquet(?, union_by_name = true) t"
            " where load_id in (select load_id from read_parquet(?, union_by_name = true)) order by all",
            [lake.glob(entity), lake.glob("loads")],
        ).fetchall()


def files(lake: Lake, folder: str = "things/s") -> list[str]:
    return sorted(path.name for path in (lake.root / folder).glob("*.parquet") if path.name != SCHEMA_FILE)


def test_small_files_become_one_and_every_row_stays(lake):
    loads = [put(lake, number) for number in range(20)]
    before, ledger = answer(lake), answer(lake, "loads")
    done = compact(lake)

    assert {one.folder: (one.files_before, one.files_after, one.rows) for one in done} == {
        "things/s": (20, 1, 40),
        "loads": (20, 1, 20),
    }
    assert (answer(lake), answer(lake, "loads")) == (before, ledger)
    assert len(before) == 40
    assert len(files(lake)) == len(files(lake, "loads")) == 1
    assert lake.committed_loads() == set(loads)
    assert lake.totals().rows_accepted == 40


def test_second_run_finds_nothing_to_do(lake):
    for number in range(20):
        put(lake, number)
    compact(lake)
    names = files(lake)
    assert compact(lake) == []
    assert files(lake) == names


def test_loads_after_it_are_compacted_with_what_it_made(lake):
    for number in range(60):
        put(lake, number)
        if number % 20 == 19:
            compact(lake)
    assert len(answer(lake)) == 120
    assert len(files(lake)) == 1
    assert [value for _, _, value, _ in answer(lake)][:4] == [0.0, 0.1, 1.0, 1.1]


def test_few_files_and_large_ones_are_left_alone(lake):
    for number in range(10):
        put(lake, number)
        put(lake, 100 + number, rows=50_000, subject="large")
    assert compact(lake, small_bytes=50_000) != []  # the ledger has twenty
    assert len(files(lake)) == 10
    assert len(files(lake, "things/large")) == 10
    done = {one.folder: one for one in compact(lake, min_files=5, small_bytes=50_000)}
    assert set(done) == {"things/s"}


def test_large_file_beside_small_ones_stays_as_it_is(lake):
    big = put(lake, 0, rows=50_000)
    for number in range(1, 20):
        put(lake, number)
    before = answer(lake)
    inode = (lake.root / "things/s" / f"{big}.parquet").stat().st_ino
    compact(lake, small_bytes=50_000)
    assert (lake.root / "things/s" / f"{big}.parquet").stat().st_ino == inode
    assert len(files(lake)) == 2
    assert answer(lake) == before


def test_groups_are_of_about_the_target_size(lake):
    for number in range(20):
        put(lake, number)
    size = sum(path.stat().st_size for path in (lake.root / "things/s").glob("*.parquet"))
    before = answer(lake)
    compact(lake, target_bytes=size // 4)
    assert 4 <= len(files(lake)) <= 6
    assert answer(lake) == before


def test_what_no_ledger_row_vouches_for_stays_outside(lake):
    """A load that crashed comes to life in the compacted file."""
    for number in range(20):
        put(lake, number)
    orphan = put(lake, 99)
    (lake.root / "loads" / f"{orphan}.parquet").unlink()
    before = answer(lake)
    compact(lake)
    assert answer(lake) == before
    assert len(files(lake)) == 2
    assert f"{orphan}.parquet" in files(lake)
    with lake.exclusive():
        assert lake.collect_orphans() == 1
    assert answer(lake) == before


def test_orphans_are_told_from_compacted_files(lake):
    """The sweep of orphans takes the compacted file for one."""
    for number in range(20):
        put(lake, number)
    before = answer(lake)
    compact(lake)
    with lake.exclusive():
        assert lake.collect_orphans() == 0
    assert answer(lake) == before


def test_load_that_was_compacted_is_not_committed_again(lake):
    for number in range(20):
        put(lake, number)
    compact(lake)
    with pytest.raises(LakeError, match="committed already"):
        put(lake, 3)


def test_files_of_an_older_schema_read_as_before(lake):
    old = pa.schema([field for field in SCHEMA if field.name != "word"])
    for number in range(20):
        put(lake, number, schema=old if number % 2 else SCHEMA)
    before = answer(lake)
    compact(lake)
    assert answer(lake) == before
    (path,) = (lake.root / "things/s").glob("*.parquet")
    assert pq.read_schema(path).names == SCHEMA.names


def test_replaced_files_stay_aside_for_a_while(lake):
    """Somebody who is listing the old folder finds half of it."""
    for number in range(20):
        put(lake, number)
    compact(lake)
    (left,) = (lake.root / ASIDE).iterdir()
    assert len(list(left.rglob("2026*.parquet"))) == 40
    lake.collect_orphans()
    assert left.exists()
    os.utime(left, (0, 0))
    lake.collect_orphans()
    assert not left.exists()


def test_broken_file_stops_it_and_names_the_file(lake):
    for number in range(20):
        put(lake, number)
    broken = sorted((lake.root / "things/s").glob("*.parquet"))[3]
    broken.write_bytes(b"PAR1")
    names = files(lake)
    with pytest.raises(LakeError, match=broken.name):
        compact(lake)
    assert files(lake) == names


def test_file_that_does_not_hold_what_it_was_made_of_is_not_taken(lake):
    """A defect of the writer destroys what it rewrites."""
    for number in range(20):
        put(lake, number)
    before, names = answer(lake), files(lake)

    def spoil(name: str) -> None:
        if name == "written":
            (path,) = (lake.root / ASIDE).rglob(f"{COMPACTED}*.parquet")
            table = pq.read_table(path)
            pq.write_table(table.slice(1), path)

    with pytest.raises(LakeError, match="does not hold"):
        compact(lake, reached=spoil)
    assert (answer(lake), files(lake)) == (before, names)


def test_file_system_that_cannot_exchange_changes_nothing(lake, monkeypatch):
    for number in range(20):
        put(lake, number)
    before, names = answer(lake), files(lake)

    class Old:
        """A C library without renameat2."""

    monkeypatch.setattr(compaction.ctypes, "CDLL", lambda *_, **__: Old())
    monkeypatch.setattr(compaction.sys, "platform", "linux")
    with pytest.raises(LakeError, match="cannot exchange"):
        compact(lake)
    assert (answer(lake), files(lake)) == (before, names)


def test_folder_that_changes_meanwhile_is_left_alone(lake):
    """A writer that knows no lock loses its file."""
    for number in range(20):
        put(lake, number)

    seen = []

    def write(name: str) -> None:
        seen.append(name)
        if seen.count("checked") == 2 and name == "checked":  # the ledger was the first folder
            pq.write_table(SCHEMA.empty_table(), lake.root / "things/s/late.parquet")

    with pytest.raises(LakeError, match="changed while"):
        compact(lake, reached=write)
    assert (lake.root / "things/s/late.parquet").exists()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["load", "compact", "sweep", "orphan"]), min_size=4, max_size=25), st.integers(1, 4))
def test_no_order_of_loads_and_compactions_changes_an_answer(tmp_path_factory, steps, subjects):
    lake = Lake(tmp_path_factory.mktemp("any") / "lake")
    lake.ensure({"things": SCHEMA})
    wanted = 0
    for number, step in enumerate(steps):
        before, ledger = answer(lake), answer(lake, "loads")
        if step == "load":
            put(lake, number, rows=3, subject=f"s{number % subjects}")
            wanted += 3
        elif step == "orphan":
            load_id = put(lake, number, subject="s0")
            (lake.root / "loads" / f"{load_id}.parquet").unlink()
        else:
            with lake.exclusive():
                lake.collect_orphans()
            if step == "compact":
                compact(lake, min_files=2, target_bytes=4_000)
        if step != "load":
            assert (answer(lake), answer(lake, "loads")) == (before, ledger)
        assert len(answer(lake)) == wanted


def test_feed_goes_on_after_it(tmp_path):
    """A compacted load is loaded again, or a tombstone is lost."""
    feed = SmallFeed(tmp_path)
    for number in range(20):
        feed.put(HEADER + f"latency,2026-02-{number + 1:02d},{number}\n" + "x,2026-02-01,1\n", f"ops/{number:02d}.csv")
    feed.ingest()
    observations, quarantine = feed.rows("observations"), feed.rows("quarantine")
    assert {one.folder for one in compact(feed.lake)} == {"observations/ops", "quarantine/ops", "loads"}
    assert (feed.rows("observations"), feed.rows("quarantine")) == (observations, quarantine)
    report = feed.ingest(clock=NOW + timedelta(days=1))
    assert {result.status for result in report.files} == {"unchanged"}
    feed.put(HEADER + "latency,2026-02-01,99\n", "ops/00.csv")
    assert len(feed.ingest(clock=NOW + timedelta(days=2)).files_of("loaded")) == 1
    assert len(feed.rows("observations")) == 21


def test_command_tells_what_it_did(tmp_path, monkeypatch):
    from orchestration.cli import app

    monkeypatch.setenv("LOS_DATA_DIR", str(tmp_path / "data"))
    assert "nothing to compact" in CliRunner().invoke(app, ["compact"]).output
    lake = Lake(tmp_path / "data" / "lake")
    lake.ensure({"things": SCHEMA})
    for number in range(20):
        put(lake, number)
    output = CliRunner().invoke(app, ["compact"]).output
    assert "things/s: 20 files are 1 now, 40 rows" in output
    assert Path(tmp_path / "data/lake/loads").is_dir()
