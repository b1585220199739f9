"""An old report, built again from a lake that has since learnt otherwise. Each docstring is the failure it prevents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.integration import acme
from tests.integration.acme import kpi, link
from tests.integration.tiny_lake import TinyLake, Warehouse, record

THEN = datetime(2026, 2, 10, 20)  # known_at of the old report
LATER = datetime(2026, 3, 5, 8)
NOW = LATER + timedelta(days=1)

# No table of marts or reports says when or by which run it was built: nothing is excepted.
RUN_COLUMNS: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The report of 10 February as it was built on that evening, audited."""
    folder: Path = tmp_path_factory.mktemp("old_report")
    lake = TinyLake(folder / "lake")
    lake.define(acme.DEFINED_AT, *acme.organisation(), *acme.kpis(), *acme.goals())
    lake.observe(acme.OBSERVED_AT, acme.series())
    lake.observe(acme.RESTATED_AT, {"steady": {date(2026, 2, 9): 0.76}})
    lake.audit(
        THEN - timedelta(hours=1),
        acme.AS_OF,
        {"rule_id": "OWN-02", "subject_type": "kpi", "subject_id": "errors", "detail": "two owners"},
        rules=["OWN-02", "MAP-01"],
    )
    return Warehouse(lake.root, folder / "then.duckdb", folder / "target", acme.AS_OF, THEN).build()


def learn_otherwise(lake: TinyLake) -> None:
    """A target, a past target, an owner, a status rule, a cycle, a value; a key result gone; another audit."""
    lake.define(
        LATER,
        acme.key_result("up", link("on_time"), baseline=0.7, target=0.72, effective_from=date(2026, 2, 1)),
        acme.key_result("pair", link("on_time"), link("steady"), baseline=0.7, target=0.71),
        acme.key_result(
            "weighted",
            link("on_time"),
            baseline=0.7,
            target=0.8,
            status_rule="upraise",
            effective_from=date(2026, 1, 20),
        ),
        record("key_results", "stale", is_deleted=True),
        kpi("steady", {"person_id": "cyd"}),
        kpi("on_time", {"person_id": "cyd"}, effective_from=date(2026, 1, 15), lifecycle="retired"),
        record("people", "ada", name="Ada Lovelace", unit_id="product"),
        record(
            "cycles",
            "2026-Q1",
            name="Q1",
            starts_on=acme.Q1,
            ends_on=date(2026, 4, 30),
            locks_on=date(2026, 3, 31),
            status_rule="upraise",
        ),
    )
    restated = {"on_time": {date(2026, 2, 9): 0.1}, "errors": {date(2026, 1, 5): 0.9}}
    lake.observe(LATER + timedelta(hours=1), restated, available_at=datetime(2026, 2, 9, 23))
    # Known later, audited later, of the same business date.
    lake.audit(
        LATER + timedelta(hours=2), acme.AS_OF, {"rule_id": "MAP-01", "subject_type": "key_result", "subject_id": "up"}
    )


def differences(first: Warehouse, second: Warehouse) -> dict[str, tuple[int, int]]:
    """Rows of each table of marts and reports that only one of the two has."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{first.path}' as a (read_only); attach '{second.path}' as b (read_only)")
        tables = {
            database: connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() "
                f"where database_name = '{database}' and schema_name in ('marts', 'reports') order by 1"
            ).fetchall()
            for database in ("a", "b")
        }
        assert tables["a"] == tables["b"]
        assert len(tables["a"]) >= 20
        found = {}
        for (table,) in tables["a"]:
            columns = f"* exclude ({', '.join(RUN_COLUMNS)})" if RUN_COLUMNS else "*"
            only = [
                connection.execute(
                    f"select count(*) from (select {columns} from {one}.{table} except all "
                    f"select {columns} from {other}.{table})"
                ).fetchone()
                for one, other in (("a", "b"), ("b", "a"))
            ]
            counts = (only[0] or (0,))[0], (only[1] or (0,))[0]
            if any(counts):
                found[table] = counts
        return found


def test_old_report_can_be_built_again_row_by_row(before: Warehouse, tmp_path: Path) -> None:
    """Somebody is held to a number that can no longer be shown as it was."""
    learn_otherwise(TinyLake(before.lake))
    again = replace(before, path=tmp_path / "again.duckdb", target=tmp_path / "target").build()
    assert differences(before, again) == {}
    assert again.rows("select count(*) from reports.rpt_okr_scorecard where not is_withheld") != [(0,)]

    # What was learnt would have changed the report, so the comparison compares something.
    learnt = replace(again, path=tmp_path / "now.duckdb", known_at=NOW).build()
    changed = differences(before, learnt)
    assert {
        "marts.dim_key_result", "marts.fct_key_result_daily", "marts.fct_goal_change", "marts.dim_ownership",
        "marts.fct_restatement", "marts.fct_planning_rigor", "reports.rpt_okr_scorecard",
        "reports.rpt_goalpost_ledger", "reports.rpt_integrity_failures",
    } <= set(changed)  # fmt: skip
