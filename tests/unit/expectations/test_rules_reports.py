"""The rules that are put to the reports, just before they are published."""

from __future__ import annotations

import pytest

from expectations.grains import REFERENCES
from tests.unit.audit.small_company import failing


@pytest.fixture
def audit(recorded_audit):
    """What the reports must withhold is read from the record of the marts' audit."""
    return recorded_audit


@pytest.fixture
def reported(audit):
    """Audit the marts, then the reports."""

    def run():
        audit("marts")
        return audit("reports")

    return run


def test_every_rule_holds_in_the_reports_of_the_small_company(reported):
    report = reported()

    assert {outcome.rule_id: outcome.outcome for outcome in report.outcomes} == {
        "DAT-02": "passed",
        "DAT-06": "passed",
        "RPT-01": "passed",
        "RPT-02": "passed",
        "RPT-03": "passed",
    }


@pytest.mark.parametrize("table", ["rpt_okr_scorecard", "rpt_key_result_kpi"])
def test_dat_02_names_a_report_with_a_doubled_row(company, reported, table):
    company.run(f"insert into reports.{table} select * from reports.{table} order by key_result_id limit 1")

    assert failing(reported())["DAT-02"] == {f"reports.{table}"}


def test_rpt_02_names_a_key_result_that_fell_out(company, reported):
    company.run("delete from reports.rpt_okr_scorecard where key_result_id = 'kr_errors'")

    report = reported()

    assert failing(report)["RPT-02"] == {"kr_errors"}
    assert "it is committed and has started, and the scorecard lacks it" in [entry.detail for entry in report.failures]


def test_rpt_02_names_a_key_result_that_is_counted_twice(company, reported):
    company.run(
        "insert into reports.rpt_okr_scorecard select * from reports.rpt_okr_scorecard order by key_result_id limit 1"
    )

    assert failing(reported())["RPT-02"] == {"kr_errors"}


@pytest.mark.parametrize("status", ["'green'", "null", "''"])
def test_rpt_02_names_a_status_that_no_count_holds(company, reported, status):
    company.run(f"update reports.rpt_okr_scorecard set status = {status} where key_result_id = 'kr_errors'")

    assert failing(reported())["RPT-02"] == {"kr_errors"}


def test_rpt_02_names_a_key_result_that_was_never_committed(company, reported):
    company.run("update marts.dim_key_result set state = 'draft' where key_result_id = 'kr_errors'")

    assert failing(reported())["RPT-02"] == {"kr_errors", "faster"}


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("delete from reports.rpt_objective_scorecard", "it has 3 key results, and the objective scorecard lacks it"),
        ("update reports.rpt_objective_scorecard set key_result_count = 2, on_track_count = 2", "counts 2 key results"),
        ("update reports.rpt_objective_scorecard set on_track_count = 2", "add up to 2, expected 3"),
        ("update reports.rpt_objective_scorecard set withheld_count = null", "add up to nothing, expected 3"),
    ],
)
def test_rpt_02_names_an_objective_whose_counts_do_not_add_up(company, reported, change, detail):
    company.run(change)

    report = reported()

    found = failing(report)
    assert found["RPT-02"] == {"faster"}
    assert set(found) <= {"RPT-02", "DAT-02"}  # a line of the scorecard refers to its objective
    assert detail in next(one.detail for one in report.failures if one.rule_id == "RPT-02")


@pytest.mark.parametrize("reference", REFERENCES["reports"], ids=lambda one: f"{one.table}.{one.column}")
def test_dat_02_names_a_report_that_refers_to_no_row(company, reported, reference):
    """PostgreSQL would refuse the release for its foreign key."""
    if not company.query(f"select 1 from {reference.table} limit 1"):
        company.run(f"insert into {reference.table} ({reference.column}) values ('some')")
    company.run(f"update {reference.table} set {reference.column} = 'gone'")

    assert reference.table in failing(reported())["DAT-02"]


def test_rpt_02_passes_an_objective_without_key_results(company, reported):
    company.add("marts.dim_objective", objective_id="idle", is_current=True, state="committed")
    company.define("objectives", objective_id="idle")

    assert "RPT-02" not in failing(reported())


def test_rpt_02_passes_drafts_and_key_results_that_have_not_started(company, reported):
    company.add_key_result("kr_draft", state="draft")
    company.add_key_result("kr_later", {"measures": "errors"}, starts_on="2026-03-01")

    assert failing(reported()) == {}


@pytest.mark.parametrize(
    "tampering",
    [
        "update reports.rpt_okr_scorecard set progress = 1.0 where key_result_id = 'kr_errors'",
        "update reports.rpt_okr_scorecard set status = 'achieved' where key_result_id = 'kr_errors'",
        "update reports.rpt_okr_scorecard set progress = null where key_result_id = 'kr_errors'",
        "update reports.rpt_key_result_kpi set kpi_value = 1 where key_result_id = 'kr_errors'",
        "delete from reports.rpt_key_result_kpi where key_result_id = 'kr_errors'",
        "update reports.rpt_key_result_kpi set key_result_kpi_day_key = 'x' where key_result_id = 'kr_errors'",
    ],
)
def test_dat_06_names_a_report_that_is_not_the_marts(company, reported, tampering):
    company.run(tampering)

    assert failing(reported()) == {"DAT-06": {"kr_errors"}}


def test_dat_06_names_what_is_shown_though_a_rule_withholds_it(company, reported):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")

    report = reported()

    assert failing(report) == {"DAT-06": {"kr_errors"}}
    details = report.failures[0].detail
    assert "a rule withholds it and the scorecard shows it" in details
    assert "errors (measures): a rule withholds the link and the report shows it" in details
    assert "the list of failures lacks OWN-01" in details


@pytest.mark.parametrize(("offence", "is_leaking"), [("", False), (", progress = 0.5", True), (", target = 3", True)])
def test_dat_06_passes_what_is_withheld_and_blank_and_names_it_with_a_figure(company, audit, offence, is_leaking):
    """A stale KPI takes its own links with it, and the key result that it measures, but not the one that it guards."""
    company.run("update marts.dim_kpi set unit = 'hours' where kpi_id = 'errors'")  # spoils kr_errors by MAP-04
    marts = audit("marts")
    assert failing(marts) == {"MAP-04": {"kr_errors"}}
    company.withhold("kr_errors", marts)

    company.run(f"update reports.rpt_okr_scorecard set status = 'withheld'{offence} where key_result_id = 'kr_errors'")

    assert failing(audit("reports")) == ({"DAT-06": {"kr_errors"}} if is_leaking else {})


def test_dat_06_withholds_through_the_kpi_only_what_it_measures(company, audit):
    company.run("delete from marts.dim_ownership where subject_id = 'errors' and role = 'accountable_owner'")
    marts = audit("marts")
    assert failing(marts) == {"OWN-02": {"errors"}}

    shown = failing(audit("reports"))["DAT-06"]

    # kr_latency only guards the KPI: its line in the scorecard stands, the link to the KPI does not.
    assert shown == {"kr_errors", "kr_latency", "errors"}
    company.withhold("kr_errors", marts)
    company.run(
        """
        update reports.rpt_key_result_kpi set status = 'withheld', kpi_value = null, measured_value = null,
            progress = null, progress_raw = null
        where kpi_id = 'errors'
        """
    )
    assert failing(audit("reports")) == {}


@pytest.fixture
def charted(company):
    """Chart two points of a KPI, of which only the newest is published."""
    company.run(
        """
        insert into marts.fct_kpi_control_chart (
            kpi_control_chart_key, kpi_id, variation, value, centre, is_latest, period_start_on
        )
        values
            ('errors|old', 'errors', 'common_cause', 20.0, 20.5, false, date '2020-01-01'),
            ('errors|new', 'errors', 'common_cause', 21.0, 20.5, true, date '2026-02-14');
        insert into reports.rpt_kpi_control_chart (
            kpi_control_chart_key, kpi_id, variation, value, centre, is_latest, period_start_on, is_withheld
        )
        select kpi_control_chart_key, kpi_id, variation, value, centre, is_latest, period_start_on, false
        from marts.fct_kpi_control_chart where is_latest
        """
    )


@pytest.mark.parametrize(
    ("tampering", "detail"),
    [
        (
            "update reports.rpt_kpi_control_chart set value = 1",
            "its figures in the charts are not the mart's (1 points)",
        ),
        (
            "update reports.rpt_kpi_control_chart set variation = 'improvement'",
            "its figures in the charts are not the mart's (1 points)",
        ),
        ("delete from reports.rpt_kpi_control_chart", "the charts lack its newest point (1 points)"),
        (
            "insert into reports.rpt_kpi_control_chart (kpi_control_chart_key, kpi_id, period_start_on, is_withheld) "
            "values ('x', 'errors', date '2026-02-15', false)",
            "the charts show a point that the mart does not have (1 points)",
        ),
        (
            "update reports.rpt_kpi_control_chart set is_withheld = true, withheld_reason = 'because'",
            "the charts withhold it and show a figure (1 points)",
        ),
        (
            "update reports.rpt_kpi_control_chart set is_withheld = true, variation = null, value = null, "
            "centre = null",
            "the charts withhold it and do not say why (1 points)",
        ),
    ],
)
def test_dat_06_names_a_chart_that_is_not_the_marts(company, reported, charted, tampering, detail):
    company.run(tampering)

    report = reported()

    assert failing(report) == {"DAT-06": {"errors"}}
    assert [failure.detail for failure in report.failures] == [detail]


def test_dat_06_names_a_chart_that_is_shown_though_a_rule_withholds_its_kpi(company, audit, charted):
    company.run("delete from marts.dim_ownership where subject_id = 'errors' and role = 'accountable_owner'")
    audit("marts")

    details = [failure.detail for failure in audit("reports").failures if failure.subject_id == "errors"]

    assert "a rule withholds it and the charts show it (1 points)" in details[0]


def test_dat_06_passes_charts_that_are_the_marts(company, reported, charted):
    assert failing(reported()) == {}


def test_the_reports_are_not_evaluated_without_an_audit_of_the_marts(audit):
    report = audit("reports")

    assert {outcome.outcome for outcome in report.outcomes} == {"not_evaluated"}
    assert "never audited" in report.outcome("RPT-02").error_message


def check_in(company, status, **values):
    facts = {
        "check_in_id": "said",
        "key_result_id": "kr_errors",
        "reported_status": status,
        "reported_by_id": "carl",
        "reported_on": "2026-02-14",
        "is_latest": True,
        "source_file": "governance/check_ins.yml",
        "source_row": 2,
    }
    company.add("marts.fct_status_override", **facts | values)


@pytest.mark.parametrize(
    ("reported_status", "computed", "is_apart"),
    [
        ("on_track", "off_track", True),
        ("achieved", "at_risk", True),
        ("off_track", "on_track", True),
        ("on_track", "at_risk", False),
        ("at_risk", "off_track", False),
        ("off_track", "at_risk", False),
        ("on_track", "on_track", False),
        ("on_track", "not_assessable", False),
        ("on_track", "withheld", False),
    ],
)
def test_rpt_01_names_a_key_result_two_levels_from_its_check_in(company, reported, reported_status, computed, is_apart):
    check_in(company, reported_status)
    company.run(f"update reports.rpt_okr_scorecard set status = '{computed}' where key_result_id = 'kr_errors'")

    report = reported()

    assert failing(report).get("RPT-01") == ({"kr_errors"} if is_apart else None)
    if is_apart:
        (finding,) = [entry for entry in report.failures if entry.rule_id == "RPT-01"]
        assert finding.detail == (
            f"reported as {reported_status} on 2026-02-14 by carl (check-in said), computed as {computed}"
        )
        assert (finding.severity, finding.owner_id, finding.source_row) == ("warn", "carl", 2)


def test_rpt_01_passes_check_ins_that_are_overtaken_and_cycles_that_are_closed(company, reported):
    check_in(company, "off_track", is_latest=False)
    assert "RPT-01" not in failing(reported())
    check_in(company, "off_track")
    company.run("update marts.dim_cycle set state = 'closed'")
    assert "RPT-01" not in failing(reported())


def test_rpt_01_names_a_check_in_that_says_nothing_known(company, reported):
    check_in(company, "splendid")
    assert failing(reported())["RPT-01"] == {"kr_errors"}


@pytest.fixture
def red(company, audit):
    """A KPI without owner, a key result off track and one reported far too well, with or without escalations."""
    company.run(
        """
        delete from marts.dim_ownership where subject_id = 'errors' and role = 'accountable_owner';
        update reports.rpt_okr_scorecard set cycle_state = 'active';
        update reports.rpt_okr_scorecard set status = 'off_track' where key_result_id = 'kr_latency';
        update reports.rpt_okr_scorecard set divergence = -2 where key_result_id = 'kr_errors'
        """
    )
    audit("marts")

    def run(change: str = ""):
        company.escalate()
        if change:
            company.run(change)
        report = audit("reports", escalated=False)
        details = {entry.subject_id: entry.detail for entry in report.failures if entry.rule_id == "RPT-03"}
        return report.outcome("RPT-03"), details

    return run


def test_rpt_03_passes_when_every_red_line_is_escalated(red):
    outcome, details = red()

    assert (outcome.outcome, outcome.judged_count, details) == ("passed", 3, {})


@pytest.mark.parametrize(
    ("change", "subject", "detail"),
    [
        (
            "delete from reports.rpt_escalation where rule_id = 'OWN-02'",
            "errors",
            "OWN-02 failed for it, and no open escalation says who acts",
        ),
        (
            "update reports.rpt_escalation set is_open = false where rule_id is null",
            "kr_latency",
            "it is off track, and no open escalation says who acts",
        ),
        (
            "delete from reports.rpt_escalation where rule_id = 'RPT-01'",
            "kr_errors",
            "what is reported of it is two levels or more from what is computed, and no open escalation says who acts",
        ),
        (
            "update reports.rpt_escalation set due_on = null where rule_id = 'OWN-02'",
            "errors",
            "OWN-02 failed for it, and its escalation has no due date",
        ),
        (
            "update reports.rpt_escalation set state = 'resolved' where rule_id = 'OWN-02'",
            "errors",
            "OWN-02 failed for it, and its escalation is resolved",
        ),
        (
            "update reports.rpt_escalation set owner_id = '(unowned)' where rule_id = 'OWN-02'",
            "errors",
            "OWN-02 failed for it, and its escalation is owned by nobody who is there: (unowned)",
        ),
        (
            "update reports.rpt_escalation set owner_id = null where rule_id is null",
            "kr_latency",
            "it is off track, and its escalation is owned by nobody who is there: (unowned)",
        ),
    ],
)
def test_rpt_03_names_what_nobody_must_act_on(red, change, subject, detail):
    outcome, details = red(change)

    assert (outcome.outcome, details) == ("failed", {subject: detail})


def test_rpt_03_names_an_owner_who_has_left(company, red):
    outcome, details = red("update marts.dim_person set active_to = date '2026-02-14' where person_id = 'olga'")

    assert outcome.outcome == "failed"
    assert details["kr_latency"].endswith("nobody who is there: olga")


def test_rpt_03_asks_nobody_for_a_cycle_that_is_over(red):
    outcome, details = red(
        "update reports.rpt_okr_scorecard set cycle_state = 'closed'; "
        "delete from reports.rpt_escalation where subject_type = 'key_result'"
    )

    assert (outcome.outcome, outcome.judged_count, details) == ("passed", 1, {})
