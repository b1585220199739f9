"""Scores of closed cycles on their way into the lake. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import pytest

from orchestration.lake.store import Lake
from orchestration.planning.close import record_scores
from orchestration.tables import LAKE_TABLES

CLOSED = date(2026, 4, 10)
EVENING = datetime(2026, 4, 10, 20, tzinfo=UTC)
COLUMNS = (
    "as_of date, cycle_id varchar, closed_on date, key_result_id varchar, objective_id varchar, org_unit_id varchar,"
    " champion_id varchar, unit varchar, measured_value double, score double, score_null_reason varchar,"
    " attainment_vs_current double, status varchar, is_achieved boolean, reported_status varchar,"
    " reported_confidence double, is_withheld boolean"
)


@pytest.fixture
def close(tmp_path):
    """Write what reports say into the lake; returns the report and what the lake then holds."""
    lake = Lake(tmp_path / "lake")
    lake.ensure(LAKE_TABLES)

    def run(*rows, as_of=CLOSED, clock=EVENING):
        path = tmp_path / "warehouse.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create schema reports; create table reports.rpt_cycle_score ({COLUMNS})")
            for key_result, score, is_withheld in rows:
                connection.execute(
                    "insert into reports.rpt_cycle_score values (?, 'q1', ?, ?, 'o', 'ops', 'ada', 'share', 1, ?, null,"
                    " ?, 'achieved', true, null, null, ?)",
                    [CLOSED, CLOSED, key_result, score, score, is_withheld],
                )
        report = record_scores(warehouse=path, lake=lake, as_of=as_of, run_id="run", clock=clock)
        held = duckdb.sql(
            f"select key_result_id, score from read_parquet('{lake.glob('cycle_scores')}', union_by_name = true)"
            " order by all"
        ).fetchall()
        return report, held

    return run


def test_what_is_written_once_is_not_written_again(close):
    """Every run of a closed quarter adds the scores of that day."""
    report, held = close(("a", 0.5, False), ("b", None, False))
    assert (report.scores, held) == ({"q1": 2}, [("a", 0.5), ("b", None)])
    again, held = close(("a", 0.9, False), ("b", 1.0, False))
    assert (again.load_id, again.scores, held) == (None, {}, [("a", 0.5), ("b", None)])


def test_withheld_scores_wait_until_they_may_be_published(close):
    """A score that nobody could see becomes the one that was agreed."""
    assert close(("a", 0.5, True), ("b", 1.0, False))[1] == [("b", 1.0)]
    assert close(("a", 0.7, False), ("b", 1.0, False))[1] == [("a", 0.7), ("b", 1.0)]


def test_reports_of_another_day_are_passed_over(close):
    """What a backfill left in the warehouse is taken for the close."""
    report, held = close(("a", 0.5, False), as_of=date(2026, 4, 11))
    assert (report.load_id, held) == (None, [])
