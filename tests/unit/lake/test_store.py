from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from orchestration.errors import LakeError
from orchestration.lake.store import Lake

MOMENT = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
THINGS = pa.schema([("name", pa.string()), ("load_id", pa.string())])


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path / "lake")
    lake.ensure({"things": THINGS})
    return lake


def visible(lake, entity="things"):
    return duckdb.execute(
        "select t.* from read_parquet(?, union_by_name = true) t"
        " where load_id in (select load_id from read_parquet(?, union_by_name = true))",
        [lake.glob(entity), lake.glob("loads")],
    ).fetchall()


def load_one(lake, name, moment=MOMENT, content="ab" * 32, subject="s"):
    with lake.begin(moment, content) as load:
        load.write("things", pa.table({"name": [name], "load_id": [load.load_id]}, schema=THINGS), subject)
        load.commit({"kind": "feed", "rows_read": 1, "rows_accepted": 1, "rows_quarantined": 0})
    return load.load_id


def test_every_table_is_readable_before_its_first_row(lake):
    assert visible(lake) == []
    assert lake.totals().loads == 0


def test_committed_load_is_visible_with_its_ledger_row(lake):
    load_id = load_one(lake, "a")
    assert visible(lake) == [("a", load_id)]
    totals = lake.totals()
    assert (totals.loads, totals.rows_read, totals.rows_accepted) == (1, 1, 1)


def test_load_without_commit_leaves_nothing(lake):
    with pytest.raises(RuntimeError), lake.begin(MOMENT, "cd" * 32) as load:
        load.write("things", pa.table({"name": ["x"], "load_id": [load.load_id]}, schema=THINGS))
        raise RuntimeError("crash")
    assert visible(lake) == []
    assert [path.name for path in lake.root.rglob("*.parquet")].count("schema.parquet") == 2
    assert not list((lake.root / ".staging").iterdir())


def test_data_without_ledger_row_is_invisible_and_collected(lake):
    load_id = load_one(lake, "a")
    (lake.root / "loads" / f"{load_id}.parquet").unlink()
    assert visible(lake) == []
    with lake.exclusive():
        assert lake.collect_orphans() == 1
    assert not (lake.root / "things" / "s" / f"{load_id}.parquet").exists()


def test_collecting_orphans_keeps_committed_loads(lake):
    load_id = load_one(lake, "a")
    assert lake.collect_orphans() == 0
    assert visible(lake) == [("a", load_id)]


def test_same_name_of_load_is_refused(lake):
    load_one(lake, "a")
    with pytest.raises(LakeError, match="committed already"):
        load_one(lake, "b")


def test_load_ids_order_by_time(lake):
    early = load_one(lake, "a", MOMENT, "ff" * 32)
    late = load_one(lake, "b", MOMENT + timedelta(microseconds=1), "00" * 32)
    assert early < late


def test_subject_cannot_leave_the_lake(lake, tmp_path):
    load_one(lake, "a", subject="../../outside")
    assert not (tmp_path / "outside").exists()
    assert len(visible(lake)) == 1


def test_unknown_ledger_column_is_refused(lake):
    with pytest.raises(LakeError, match="no column"), lake.begin(MOMENT, "ab" * 32) as load:
        load.commit({"rows_raed": 1})


def test_refusing_disk_leaves_the_lake_as_it_was(lake, monkeypatch):
    import orchestration.lake.store as store

    real = store._replace
    calls = []

    def full_disk(source, target):
        calls.append(target)
        if target.parent.name == "loads":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(store, "_replace", full_disk)
    with pytest.raises(LakeError, match="No space left"):
        load_one(lake, "a")
    assert visible(lake) == []
    assert not list((lake.root / "things" / "s").glob("*.parquet"))
    monkeypatch.setattr(store, "_replace", real)
    load_one(lake, "a")
    assert len(visible(lake)) == 1


def test_new_column_of_a_table_reads_old_files_as_null(lake):
    load_id = load_one(lake, "a")
    lake.ensure({"things": pa.schema([*THINGS, ("added", pa.int64())])})
    assert visible(lake) == [("a", load_id, None)] or set(visible(lake)[0]) == {"a", load_id, None}
