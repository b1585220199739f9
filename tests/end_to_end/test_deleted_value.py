"""A value that its source takes back, from the extract to the report. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from tests.conftest import GoldenProject

MORNING, EVENING, NOON = "2026-02-16T08:00:00+01:00", "2026-02-16T20:00:00+01:00", "2026-02-16T12:00:00+01:00"
TAKEN_BACK = date(2026, 2, 15)
VINTAGES = """
    select value, obs_status, is_current, restates_value from marts.fct_kpi_observation
    where kpi_id = 'latency' and period_start_on = '2026-02-15' order by vintage_at
"""
LATENCY = "select measured_value, progress_raw, status from {table} where key_result_id = 'kr_latency'"
LATEST = LATENCY.format(table="marts.fct_key_result_daily") + " and is_latest"


class TakenBack:
    """The golden company, whose operations feed says everything each time, before and after a value is gone."""

    def __init__(self, project: GoldenProject) -> None:
        self.project = project
        self.before: dict[str, Any] = {}
        project.edit(
            "company/feeds.yml", 'path: "operations/*.csv"}', 'path: "operations/*.csv"}\n    full_extract: true'
        )
        assert project.run(LOS_NOW=MORNING) == 0
        self.before = {"vintages": self.warehouse(VINTAGES), "scorecard": self.scorecard()}
        project.edit("landing/operations/2026.csv", "latency,2026-02-15,20.75,2026-02-16T06:00:00+01:00\n", "")
        assert project.run(LOS_NOW=EVENING) == 0

    def warehouse(self, sql: str) -> list[tuple]:
        path = self.project.root / "data/warehouse/warehouse.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def scorecard(self) -> list[tuple]:
        return self.project.query(LATENCY.format(table="reports.rpt_okr_scorecard"))


@pytest.fixture(scope="module")
def taken_back(tmp_path_factory: pytest.TempPathFactory) -> TakenBack:
    return TakenBack(GoldenProject(tmp_path_factory.mktemp("deleted") / "golden"))


def test_deletion_is_a_vintage_beside_the_value(taken_back: TakenBack) -> None:
    """The value is overwritten, or stands as if nobody had taken it back."""
    assert taken_back.before["vintages"] == [(20.75, "A", True, None)]
    assert taken_back.warehouse(VINTAGES) == [(20.75, "A", False, None), (None, "M", True, 20.75)]


def test_key_result_stands_on_the_day_before(taken_back: TakenBack) -> None:
    """A number that is gone at the source goes on in the report."""
    assert taken_back.before["scorecard"] == [(20.75, pytest.approx(-0.15), "off_track")]
    # 14 February: (20.8 - 20) / (15 - 20)
    assert taken_back.scorecard() == [(20.8, pytest.approx(-0.16), "off_track")]


def test_deletion_is_listed_as_a_restatement(taken_back: TakenBack) -> None:
    """Nobody can say why last week's report had another number."""
    assert taken_back.warehouse(
        "select kpi_id, period_start_on, kind, value_before, value_after, value_now from marts.fct_restatement"
    ) == [("latency", TAKEN_BACK, "deleted", 20.75, None, None)]
    assert taken_back.warehouse(
        "select rows_accepted, rows_deleted from marts.fct_feed_load "
        "where source_feed = 'operations' order by loaded_at"
    ) == [(92, 0), (91, 1)]


def test_facts_reconcile_with_the_tombstone_among_them(taken_back: TakenBack) -> None:
    """The rule that compares facts and lake counts the tombstone on one side only, or was never put to it."""
    lake = taken_back.project.root / "data/lake/rule_outcomes"
    outcomes = duckdb.execute(
        "select rule_id, stage, outcome, judged_count > 0 from read_parquet(?, union_by_name = true) "
        "where rule_id in ('DAT-01', 'DAT-06') qualify row_number() over ("
        "partition by rule_id, stage order by audited_at desc) = 1 order by all",
        [f"{lake}/**/*.parquet"],
    ).fetchall()
    assert ("DAT-06", "marts", "passed", True) in outcomes
    assert ("DAT-06", "reports", "passed", True) in outcomes
    assert {row[2] for row in outcomes} == {"passed"}


def test_as_known_before_the_deletion_it_still_stands(taken_back: TakenBack) -> None:
    """A question about noon is answered with what the evening knew."""
    assert taken_back.project.run(publish=False, LOS_NOW=EVENING, LOS_KNOWN_AT=NOON) == 0
    assert taken_back.warehouse(VINTAGES) == [(20.75, "A", True, None)]
    assert taken_back.warehouse(LATEST) == [(20.75, pytest.approx(-0.15), "off_track")]
    assert taken_back.warehouse("select count(*) from marts.fct_restatement") == [(0,)]
    assert taken_back.project.run(publish=False, LOS_NOW=EVENING) == 0
    assert taken_back.warehouse(VINTAGES)[-1][:2] == (None, "M")
