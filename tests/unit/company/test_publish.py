from __future__ import annotations

from datetime import date

import duckdb
import pytest

from orchestration.company.loader import load_company
from orchestration.company.publish import SOURCE_FEED, write_definitions
from orchestration.company.records import DefinitionRecord, natural_id
from orchestration.errors import LakeError
from orchestration.lake.store import Lake
from tests.unit.company.company_files import at, edit, put

KPIS, OKRS = "kpis/punctuality.yml", "okrs/2013-Q1/ops.yml"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def publish(lake, company_dir, moment):
    return write_definitions(lake, load_company(company_dir).records, clock=moment)


def rows(lake, entity, columns="*", where="true"):
    return duckdb.execute(
        f"""
        select {columns} from read_parquet($entity, union_by_name = true)
        where load_id in (select load_id from read_parquet($loads, union_by_name = true)) and {where}
        order by loaded_at, load_id, source_file, source_row
        """,
        {"entity": lake.glob(entity), "loads": lake.glob("loads")},
    ).fetchall()


def test_first_write_appends_everything(lake, company_dir):
    report = publish(lake, company_dir, at(1))
    assert (report.records, report.changed, report.added, report.deleted, report.unchanged) == (8, 8, 8, 0, 0)
    assert report.by_table == {
        "company": 1, "units": 2, "people": 1, "cycles": 1, "kpis": 1, "objectives": 1, "key_results": 1
    }  # fmt: skip
    assert rows(
        lake, "definitions/kpis", "kpi_id, unit, valid_max, is_deleted, source_feed, source_file, source_row"
    ) == [("on_time_share", "share", 1.0, False, SOURCE_FEED, KPIS, 2)]
    assert rows(lake, "definitions/people", "person_id, active_from, active_to") == [("coo", date(2010, 1, 1), None)]


def test_ledger_conserves(lake, company_dir):
    report = publish(lake, company_dir, at(1))
    assert duckdb.execute(
        "select load_id, kind, source_feed, status, rows_read, rows_accepted, rows_quarantined, rows_collapsed,"
        " file_sha256 from read_parquet(?)",
        [lake.glob("loads")],
    ).fetchall() == [(report.load_id, "definitions", SOURCE_FEED, "loaded", 8, 8, 0, 0, report.content_hash)]


def test_children_carry_the_key_of_their_parent(lake, company_dir):
    publish(lake, company_dir, at(1))
    ((kpi_key,),) = rows(lake, "definitions/kpis", "record_key")
    assert rows(lake, "definitions/kpi_owners", "record_key, position, role, source_row") == [
        (kpi_key, 0, "accountable_owner", 12),
        (kpi_key, 1, "data_steward", 13),
    ]


def test_second_write_of_the_same_is_no_load(lake, company_dir):
    publish(lake, company_dir, at(1))
    before = {path: path.stat().st_mtime_ns for path in lake.root.rglob("*.parquet")}
    report = publish(lake, company_dir, at(2))
    assert report.is_noop
    assert (report.load_id, report.changed, report.unchanged) == (None, 0, 8)
    assert {path: path.stat().st_mtime_ns for path in lake.root.rglob("*.parquet")} == before


def test_only_what_changed_is_appended(lake, company_dir):
    publish(lake, company_dir, at(1))
    edit(company_dir, OKRS, "target: 0.8", "target: 0.9")
    report = publish(lake, company_dir, at(2))
    assert (report.changed, report.added, report.deleted, report.unchanged) == (1, 0, 0, 7)
    assert report.by_table == {"key_results": 1}
    assert rows(lake, "definitions/key_results", "target") == [(0.8,), (0.9,)]
    assert len(rows(lake, "definitions/key_result_links")) == 2
    assert len(rows(lake, "definitions/kpis")) == 1


def test_changed_child_makes_a_new_version_of_its_parent(lake, company_dir):
    publish(lake, company_dir, at(1))
    edit(company_dir, KPIS, "role: data_steward, person: coo", "role: data_steward, person: cfo")
    publish(lake, company_dir, at(2))
    assert len(rows(lake, "definitions/kpis")) == 2
    assert rows(lake, "definitions/kpi_owners", "person_id") == [("coo",), ("coo",), ("coo",), ("cfo",)]


def test_return_to_an_older_version_is_a_version(lake, company_dir):
    """Comparing with any version instead of the newest would lose the way back."""
    for day, value in enumerate(["0.9", "0.8"], start=2):
        publish(lake, company_dir, at(1))
        old = "0.8" if value == "0.9" else "0.9"
        edit(company_dir, OKRS, f"target: {old}", f"target: {value}")
        assert publish(lake, company_dir, at(day)).changed == 1
    assert rows(lake, "definitions/key_results", "target") == [(0.8,), (0.9,), (0.8,)]
    keys = rows(lake, "definitions/key_results", "distinct record_key, loaded_at, load_id, source_file, source_row")
    assert len(keys) == 3


def test_clock_that_stands_still_or_goes_back_still_orders_versions(lake, company_dir):
    publish(lake, company_dir, at(3))
    for old, new in (("0.8", "0.9"), ("0.9", "0.8"), ("0.8", "0.9")):
        edit(company_dir, OKRS, f"target: {old}", f"target: {new}")
        assert publish(lake, company_dir, at(2)).changed == 1
        assert publish(lake, company_dir, at(2)).is_noop
    assert rows(lake, "definitions/key_results", "target") == [(0.8,), (0.9,), (0.8,), (0.9,)]


def test_vanished_record_gets_one_tombstone_and_may_return(lake, company_dir):
    put(company_dir, "kpis/extra.yml", (company_dir / KPIS).read_text().replace("on_time_share", "extra"))
    publish(lake, company_dir, at(1))
    text = (company_dir / "kpis/extra.yml").read_text()
    (company_dir / "kpis/extra.yml").unlink()
    report = publish(lake, company_dir, at(2))
    assert (report.records, report.changed, report.deleted, report.unchanged) == (8, 0, 1, 8)
    assert rows(lake, "definitions/kpis", "kpi_id, name, source_file", "is_deleted") == [
        ("extra", None, "kpis/extra.yml")
    ]
    assert publish(lake, company_dir, at(3)).is_noop
    put(company_dir, "kpis/extra.yml", text)
    back = publish(lake, company_dir, at(4))
    assert (back.changed, back.added) == (1, 1)
    assert rows(lake, "definitions/kpis", "is_deleted", "kpi_id = 'extra'") == [(False,), (True,), (False,)]


def test_versions_by_effective_from_live_apart(lake, company_dir):
    text = (company_dir / KPIS).read_text()
    put(
        company_dir,
        "kpis/z.yml",
        text.replace("id: on_time_share", "id: on_time_share\n    effective_from: 2013-02-01"),
    )
    publish(lake, company_dir, at(1))
    (company_dir / "kpis/z.yml").unlink()
    publish(lake, company_dir, at(2))
    assert rows(lake, "definitions/kpis", "effective_from, is_deleted") == [
        (None, False),
        (date(2013, 2, 1), False),
        (date(2013, 2, 1), True),
    ]


def test_tombstone_of_an_escalation_keeps_its_whole_id(lake, company_dir):
    path = put(
        company_dir,
        "governance/escalations.yml",
        "escalations: [{id: e, state: decided, on: 2013-01-02, comment: c}]\n",
    )
    publish(lake, company_dir, at(1))
    path.unlink()
    assert publish(lake, company_dir, at(2)).deleted == 1
    assert rows(lake, "definitions/escalations", 'escalation_id, state, "on", comment, is_deleted') == [
        ("e", "decided", date(2013, 1, 2), "c", False),
        ("e", "decided", date(2013, 1, 2), None, True),
    ]
    assert publish(lake, company_dir, at(3)).is_noop


def test_rows_of_a_load_that_was_not_committed_do_not_count(lake, company_dir):
    report = publish(lake, company_dir, at(1))
    (lake.root / "loads" / f"{report.load_id}.parquet").unlink()
    assert publish(lake, company_dir, at(2)).added == 8


def test_records_of_other_parts_are_written_too(lake):
    columns = {"feed_id": "on_time", "name": "On time", "max_quarantine_share": 0.05}
    feed = DefinitionRecord("feeds", natural_id("feeds", columns), None, columns, source_file="feeds.yml", source_row=2)
    assert write_definitions(lake, [feed], clock=at(1)).added == 1
    assert rows(lake, "definitions/feeds", "feed_id, owner_id, source_row") == [("on_time", None, 2)]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([DefinitionRecord("kpi", "a", None, {})], "no definition table kpi"),
        ([DefinitionRecord("kpis", "a", None, {"kpi_id": "a", "colour": "red"})], "no column"),
        ([DefinitionRecord("kpis", "a", None, {"kpi_id": "a"})] * 2, "share one id"),
    ],
)
def test_record_that_fits_no_table_leaves_the_lake_alone(lake, records, message):
    with pytest.raises(LakeError, match=message):
        write_definitions(lake, records, clock=at(1))
    assert not list(lake.root.rglob("*.parquet"))
