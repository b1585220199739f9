"""The warehouse on a company of which every figure is computed by hand. Each docstring is the failure it prevents."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration import acme
from tests.integration.tiny_lake import TinyLake, Warehouse

ELAPSED = 40 / 89  # 1 January to 10 February of 1 January to 31 March


def latest(warehouse: Warehouse, key_result: str) -> dict[str, Any]:
    return warehouse.row(f"from marts.fct_key_result_daily where is_latest and key_result_id = '{key_result}'")


def everything(warehouse: Warehouse, schema: str) -> dict[str, list[tuple[Any, ...]]]:
    names = warehouse.rows(f"select table_name from duckdb_tables() where schema_name = '{schema}' order by 1")
    assert names
    return {name: warehouse.rows(f"from {schema}.{name} order by all") for (name,) in names}


def test_unit_tests_of_the_project_pass(acme_warehouse: Warehouse) -> None:
    """A formula changes and nobody notices."""
    done = acme_warehouse.dbt("test", "--select", "test_type:unit")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("key_result", "measured", "progress", "status"),
    [
        ("up", 0.7975, (0.7975 - 0.7) / 0.2, "on_track"),
        ("down", 22.4, 0.76, "on_track"),  # mean of 22.6, 22.4 and 22.2
        ("total", 11 + 12 + 13 + 14 + 15, 65 / 120, "on_track"),  # weeks that started in the quarter and are over
        ("average", 13, 13 / 20, "on_track"),
        ("stay", 0.1, 37 / 40, "on_track"),  # two days over the limit, one missing
        ("pair", None, (0.975 + 0.6) / 2, "on_track"),
        ("weighted", None, 0.8 * 0.975 + 0.2 * 0.6, "on_track"),
        ("portal", None, 1 / 4, "on_track"),  # a checkpoint expects no more
        ("old", 0.69, 0.9, "on_track"),  # 0.10 behind on its last day: exactly the threshold
    ],
)
def test_key_result_says_what_a_person_would_compute(
    acme_warehouse: Warehouse, key_result: str, measured: float | None, progress: float, status: str
) -> None:
    """A number in the report differs from the one on the back of an envelope."""
    row = latest(acme_warehouse, key_result)
    assert row["measured_value"] == (pytest.approx(measured) if measured is not None else None)
    assert row["progress"] == pytest.approx(progress)
    assert (row["status"], row["null_reason"]) == (status, None)


@pytest.mark.parametrize(
    ("key_result", "reason"),
    [
        ("half_known", "no_data"),
        ("stale", "stale"),
        ("silent", "no_data"),
        ("flat", "degenerate_range"),
        ("aimless", "no_target"),
        ("ghostly", "unknown_kpi"),
        ("unmapped", "no_kpi"),
    ],
)
def test_key_result_without_a_figure_says_why(acme_warehouse: Warehouse, key_result: str, reason: str) -> None:
    """Missing data shows as 0, or as the mean of what is not missing."""
    row = latest(acme_warehouse, key_result)
    assert (row["progress_raw"], row["progress"], row["status"], row["null_reason"]) == (
        None,
        None,
        "not_assessable",
        reason,
    )


def test_every_committed_key_result_that_has_started_is_counted_once(acme_warehouse: Warehouse) -> None:
    """A key result falls out of the count, or a draft gets into it."""
    counted = acme_warehouse.rows("select key_result_id from marts.fct_key_result_daily where is_latest order by 1")
    committed = {
        record.columns["key_result_id"]
        for record in acme.goals()
        if record.table == "key_results" and record.columns["state"] == "committed"
    }
    assert [name for (name,) in counted] == sorted(committed)
    assert latest(acme_warehouse, "old")["as_of"] == date(2025, 12, 31)


def test_days_before_a_change_keep_the_old_goal(acme_warehouse: Warehouse) -> None:
    """A target that moves rewrites the past."""
    days = {
        on: figures
        for on, *figures in acme_warehouse.rows(
            "select as_of, target, attainment_vs_current, attainment_vs_locked from marts.fct_key_result_kpi "
            "where key_result_id = 'up' and as_of between '2026-01-31' and '2026-02-01'"
        )
    }
    assert days[date(2026, 1, 31)] == [0.8, pytest.approx(0.75), pytest.approx(0.75)]
    assert days[date(2026, 2, 1)] == [0.9, pytest.approx(0.3875), pytest.approx(0.775)]
    versions = acme_warehouse.rows(
        "select target, is_locked_version, locked_at, is_current from marts.dim_key_result "
        "where key_result_id = 'up' order by valid_from"
    )
    assert versions == [(0.8, True, datetime(2026, 1, 8), False), (0.9, False, None, True)]


def test_owner_of_the_day_is_on_the_day(acme_warehouse: Warehouse) -> None:
    """A new owner answers for what happened before."""
    owners = acme_warehouse.rows(
        "select kpi_owner_id, min(as_of), max(as_of) from marts.fct_key_result_kpi "
        "where key_result_id = 'up' group by all order by 2"
    )
    assert owners == [
        ("ada", date(2026, 1, 1), date(2026, 1, 31)),
        ("dan", date(2026, 2, 1), date(2026, 2, 10)),
    ]


def test_ownership_names_gaps_and_doubles(acme_warehouse: Warehouse) -> None:
    """A KPI without an owner is missing from the register instead of standing in it."""
    current = acme_warehouse.rows(
        "select subject_id, list(person_id order by person_id) from marts.dim_ownership "
        "where subject_type = 'kpi' and role = 'accountable_owner' and is_current group by 1 order by 1"
    )
    assert dict(current) == {
        "errors": ["ada", "dan"],
        "latency": ["(unowned)"],
        "on_time": ["dan"],
        "silent": ["ada"],
        "steady": ["ada"],
        "stopped": ["ada"],
        "volume": ["ada"],
    }


def test_links_that_do_not_measure_have_rows_too(acme_warehouse: Warehouse) -> None:
    """The KPI that a launch is expected to touch is nowhere in the fact."""
    rows = acme_warehouse.rows(
        "select link_type, kpi_id, status, kpi_value, progress, null_reason, data_age_days, kpi_org_unit_id, "
        "key_result_org_unit_id from marts.fct_key_result_kpi where key_result_id = 'portal' and is_latest order by 1"
    )
    assert [(*row[:3], *row[4:]) for row in rows] == [
        ("drives", "errors", "not_assessable", None, "not_measured_by_this_link", 1, "ops", "portal"),
        ("guardrail", "on_time", "on_track", None, "not_measured_by_this_link", 1, "ops", "portal"),
        ("impacts", "latency", "not_assessable", None, "not_measured_by_this_link", 1, "ops", "portal"),
    ]
    assert [row[3] for row in rows] == pytest.approx([0.1, 0.7975, 22.2])


def test_links_add_up_to_their_key_result(acme_warehouse: Warehouse) -> None:
    """A key result's progress cannot be traced to its KPIs."""
    assert not acme_warehouse.rows(
        """
        select daily.key_result_id, daily.as_of
        from marts.fct_key_result_daily as daily
        inner join marts.fct_key_result_kpi as links
            on links.key_result_id = daily.key_result_id and links.as_of = daily.as_of and links.link_type = 'measures'
        group by daily.key_result_id, daily.as_of, daily.progress_raw
        having abs(daily.progress_raw - sum(links.contribution)) > 1e-9 or abs(sum(links.weight_share) - 1) > 1e-9
        """
    )


def test_objectives_count_the_key_results_of_the_scorecard(acme_warehouse: Warehouse) -> None:
    """A total over objectives is not the total over key results."""
    ours = "objective_id, status, count(*) from marts.fct_key_result_daily where is_latest group by all"
    counts = "achieved_count, on_track_count, at_risk_count, off_track_count, not_assessable_count"
    theirs = (
        "objective_id, regexp_replace(state, '_count$', ''), counted from marts.fct_objective_daily "
        f"unpivot (counted for state in ({counts})) where is_latest and counted > 0"
    )
    assert acme_warehouse.rows(f"select {ours} order by all") == acme_warehouse.rows(f"select {theirs} order by all")
    every_day = acme_warehouse.rows(
        "select count(*), count(case when tree_key_result_count < key_result_count then 1 end) "
        "from marts.fct_objective_daily"
    )
    assert every_day[0][0] > 80
    assert every_day[0][1] == 0


def test_chosen_rule_says_in_the_comparison_what_the_scorecard_says(acme_warehouse: Warehouse) -> None:
    """Two reports of one release disagree on a status."""
    assert acme_warehouse.rows(
        "select count(*), count(case when comparison.status = scorecard.status then 1 end) "
        "from reports.rpt_status_rule_comparison as comparison "
        "inner join reports.rpt_okr_scorecard as scorecard using (key_result_id) where is_chosen"
    ) == [(16, 16)]


def test_units_know_their_ancestors(acme_warehouse: Warehouse) -> None:
    """A report by department loses teams."""
    units = acme_warehouse.rows(
        "select org_unit_id, depth, path, department_id, enterprise_id from marts.dim_org_unit order by path"
    )
    assert units == [
        ("(unknown)", 0, "(unknown)", "(unknown)", "(unknown)"),
        ("group", 0, "Acme Group", "group", "group"),
        ("ops", 1, "Acme Group > Operations", "ops", "group"),
        ("product", 1, "Acme Group > Product", "product", "group"),
        ("portal", 2, "Acme Group > Product > Portal", "product", "group"),
    ]


def test_calendar_is_the_companys(acme_warehouse: Warehouse) -> None:
    """A week is filed under the wrong year, or New Year counts as a working day."""
    columns = "iso_year, iso_week, iso_day_of_week, fiscal_year, fiscal_quarter, is_working_day, quarter_starts_on"
    days = {
        on: acme_warehouse.rows(f"select {columns} from marts.dim_date where date_on = '{on}'")[0]
        for on in ("2026-01-01", "2026-01-04", "2026-01-05", "2026-12-31")
    }
    assert days["2026-01-01"] == (2026, 1, 4, 2026, 4, False, date(2026, 1, 1))
    assert days["2026-01-04"] == (2026, 1, 7, 2026, 4, False, date(2026, 1, 1))
    assert days["2026-01-05"] == (2026, 2, 1, 2026, 4, True, date(2026, 1, 1))
    assert days["2026-12-31"] == (2026, 53, 4, 2027, 3, True, date(2026, 10, 1))
    assert dict(acme_warehouse.rows("select cycle_id, state from marts.dim_cycle")) == {
        "2025-Q4": "closed",
        "2026-Q1": "active",
        "(unknown)": None,
    }


def test_shared_kpi_is_one_of_several_units(acme_warehouse: Warehouse) -> None:
    """A KPI that two units depend on has no steward because nobody knows that it is shared."""
    shared = acme_warehouse.rows("select kpi_id from marts.dim_kpi where is_shared order by 1")
    assert shared == [("errors",), ("latency",), ("on_time",)]


def test_dangling_reference_is_found_with_its_place(acme_warehouse: Warehouse) -> None:
    """A link to nothing looks like a link."""
    assert acme_warehouse.rows(
        "select subject_type, subject_id, reference, referenced_type, referenced_id, source_file "
        "from intermediate.int_definitions__references where not is_resolved"
    ) == [("key_result", "ghostly", "links.kpi", "kpi", "ghost", "company.yml")]


def test_restated_value_keeps_its_vintages(acme_warehouse: Warehouse) -> None:
    """A correction overwrites what was known."""
    assert acme_warehouse.rows(
        "select value, restates_value, is_current, vintage_at from marts.fct_kpi_observation "
        "where kpi_id = 'steady' and period_start_on = '2026-02-09' order by vintage_at"
    ) == [(0.75, None, False, acme.OBSERVED_AT), (0.76, 0.75, True, acme.RESTATED_AT)]


def test_an_old_report_can_be_made_again(acme_warehouse: Warehouse) -> None:
    """Yesterday's report cannot be defended, because today's data has replaced it."""
    then = replace(acme_warehouse, known_at=acme.OBSERVED_AT + timedelta(hours=1), as_of=date(2026, 2, 9))
    before = everything(acme_warehouse, "marts")
    try:
        then.build("--select", "+fct_key_result_daily", "+fct_kpi_observation")
        row = latest(then, "pair")
        assert row["as_of"] == date(2026, 2, 9)
        assert row["progress"] == pytest.approx((0.975 + 0.5) / 2)  # before the restatement
        assert not then.rows("from marts.fct_kpi_observation where kpi_id = 'steady' and value = 0.76")
        # A value of the day itself counts, none of a later day does.
        assert then.rows("select max(kpi_period_start_on) from marts.fct_key_result_kpi") == [(date(2026, 2, 9),)]
    finally:
        acme_warehouse.path.unlink()
        acme_warehouse.build()
    assert everything(acme_warehouse, "marts") == before, "a warehouse rebuilt from the lake must hold the same rows"


def test_reports_show_nothing_unaudited_and_withhold_what_the_audit_forbids(
    acme_warehouse: Warehouse, acme_lake: TinyLake
) -> None:
    """Figures reach a reader that no audit has passed, or that it has failed."""
    by_status = "select status, count(*) from reports.rpt_okr_scorecard group by all order by all"
    assert acme_warehouse.rows(by_status) == [("withheld", 16)]
    assert acme_warehouse.rows("select distinct is_withheld, progress from reports.rpt_key_result_kpi") == [
        (True, None)
    ]

    failure = {"rule_id": "OWN-02", "subject_type": "kpi", "subject_id": "latency", "detail": "nobody is its owner"}
    failures = [
        failure,
        {"rule_id": "MAP-01", "subject_type": "key_result", "subject_id": "unmapped", "detail": "no KPI measures it"},
        {"rule_id": "OWN-01", "subject_type": "objective", "subject_id": "o_old", "detail": "-", "owner_id": "gone"},
        {"rule_id": "POL-02", "subject_type": "kpi", "subject_id": "steady", "detail": "-", "severity": "warn"},
        {"rule_id": "OWN-02", "subject_type": "kpi", "subject_id": "on_time", "outcome": "waived", "waiver_id": "w"},
    ]
    rules = ["OWN-02", "MAP-01", "OWN-01", "POL-02"]
    acme_lake.audit(datetime(2026, 2, 8, 7), date(2026, 2, 8), failure, rules=rules)
    acme_lake.audit(datetime(2026, 2, 9, 7), date(2026, 2, 9), *failures[1:], rules=rules)
    acme_lake.audit(datetime(2026, 2, 10, 7), acme.AS_OF, failure, rules=rules)
    acme_lake.audit(datetime(2026, 2, 12, 7), acme.AS_OF, *failures, rules=rules)
    acme_lake.audit(datetime(2026, 2, 13, 7), date(2026, 2, 11), rules=rules)  # of another day: not ours
    acme_warehouse.build("--select", "path:models/reports")

    withheld = dict(
        acme_warehouse.rows("select key_result_id, withheld_reason from reports.rpt_okr_scorecard where is_withheld")
    )
    assert withheld == {
        "down": "KPI latency: OWN-02: nobody is its owner",
        "old": "OWN-01 (objective o_old): -",
        "unmapped": "MAP-01: no KPI measures it",
    }
    assert acme_warehouse.rows(
        "select count(*) from reports.rpt_okr_scorecard where is_withheld and coalesce(baseline, target, "
        "measured_value, progress_raw, progress, expected_progress, attainment_vs_locked, attainment_vs_current, "
        "kpi_count) is not null"
    ) == [(0,)]
    assert acme_warehouse.rows(
        "select key_result_id, kpi_id, status from reports.rpt_key_result_kpi where is_withheld order by all"
    ) == [("down", "latency", "withheld"), ("old", "on_time", "withheld"), ("portal", "latency", "withheld")]

    listed = acme_warehouse.rows(
        "select rule_id, subject_id, subject_name, outcome, owner_name, first_seen_at, age_days "
        "from reports.rpt_integrity_failures order by rule_id, subject_id"
    )
    assert listed == [
        ("MAP-01", "unmapped", "unmapped", "failed", "Ada", datetime(2026, 2, 12, 7), 0),  # mended on the 10th
        ("OWN-01", "o_old", "Last quarter", "failed", "gone", datetime(2026, 2, 12, 7), 0),
        ("OWN-02", "latency", "latency", "failed", "Ada", datetime(2026, 2, 10, 7), 0),
        ("OWN-02", "on_time", "on time", "waived", "Ada", datetime(2026, 2, 12, 7), 0),
        ("POL-02", "steady", "steady", "failed", "Ada", datetime(2026, 2, 12, 7), 0),
    ]


def test_uncommitted_load_does_not_exist(acme_warehouse: Warehouse) -> None:
    """A crashed load shows up in a report."""
    assert acme_warehouse.rows("select max(value) from marts.fct_kpi_observation where kpi_id = 'steady'") == [(0.76,)]
    assert acme_warehouse.rows("select kind, count(*) from marts.fct_feed_load group by all order by all") == [
        ("definitions", 1),
        ("feed", 2),
    ]


def test_empty_lake_builds(tmp_path: Path) -> None:
    """The first run of a new company fails before its first file arrives."""
    lake = TinyLake(tmp_path / "lake")
    warehouse = Warehouse(lake.root, tmp_path / "w.duckdb", tmp_path / "target", acme.AS_OF).build()
    assert warehouse.rows("select count(*) from reports.rpt_okr_scorecard") == [(0,)]
    assert warehouse.rows("select kpi_id from marts.dim_kpi") == [("(unknown)",)]


def test_manifest_is_what_dagster_expects(acme_warehouse: Warehouse) -> None:
    """An asset changes its key or group without anybody deciding so."""
    manifest = json.loads((acme_warehouse.target / "manifest.json").read_text())
    keys = {
        source["name"]: "/".join(source["config"]["meta"]["dagster"]["asset_key"])
        for source in manifest["sources"].values()
    }
    assert {key for name, key in keys.items() if name.startswith("definitions_")} == {"okr_definitions"}
    assert {name: key for name, key in keys.items() if not name.startswith("definitions_")} == {
        "observations": "raw/observations",
        "key_result_events": "raw/key_result_events",
        "quarantine": "raw/observations",
        "loads": "raw/observations",
        "integrity_results": "governance/integrity_results",
        "rule_outcomes": "governance/integrity_results",
        "cycle_scores": "raw/cycle_scores",
    }
    for node in manifest["nodes"].values():
        if node["resource_type"] in ("model", "seed"):
            assert node["config"]["meta"]["dagster"]["group"] == node["schema"], node["name"]
