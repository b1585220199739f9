"""Each rule: a planted defect that fails it, alone and for the right subject, and a near miss that passes."""

from __future__ import annotations

import pytest

from tests.unit.audit.small_company import failing


def test_pol_01_names_a_kpi_that_lost_its_line_of_sight(company, audit):
    company.run(
        "update marts.fct_kpi_line_of_sight set has_line_of_sight = false, lost_on = date '2026-01-01' "
        "where kpi_id = 'backlog'"
    )

    report = audit()

    assert failing(report) == {"POL-01": {"backlog"}}
    assert report.failures[0].detail == "no path to a key result or a constraint since 2026-01-01"


def test_pol_01_names_a_kpi_that_the_model_does_not_know(company, audit):
    company.run("delete from marts.fct_kpi_line_of_sight where kpi_id = 'backlog'")

    assert failing(audit()) == {"POL-01": {"backlog"}}


def test_pol_01_passes_a_kpi_in_the_shadow(company, audit):
    company.run(
        "update marts.fct_kpi_line_of_sight set has_line_of_sight = false where kpi_id = 'backlog';"
        "update marts.dim_kpi set lifecycle = 'shadow' where kpi_id = 'backlog'"
    )

    assert failing(audit()) == {}


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("decision = null, decision_threshold = null", "it has no decision rule"),
        ("decision = ' '", "its decision rule says when, and not what is decided"),
        ("decision_threshold = null", "its decision rule says what is decided, and not when"),
    ],
)
def test_pol_02_names_a_kpi_on_which_nothing_is_decided(company, audit, change, detail):
    company.run(f"update marts.dim_kpi set {change} where kpi_id = 'errors'")

    report = audit()

    assert failing(report) == {"POL-02": {"errors"}}
    assert report.failures[0].detail == detail


def test_pol_02_passes_a_rule_without_a_forum_and_a_retired_kpi(company, audit):
    company.run("update marts.dim_kpi set decision_forum = null where kpi_id = 'errors'")
    company.add_kpi("fax", lifecycle="retired", decision=None)

    assert failing(audit()) == {}


def test_pol_03_names_an_owner_of_more_kpis_than_the_budget(company, audit):
    for number in range(9):
        company.add_kpi(f"more_{number}", owner="gus")
    assert failing(audit()) == {}

    for number in range(9, 11):
        company.add_kpi(f"more_{number}", owner="gus")
    report = audit()

    assert failing(report) == {"POL-03": {"gus"}}
    assert report.failures[0].detail == "accountable for 11 active KPIs, expected at most 10"


def test_pol_03_counts_no_retired_kpi(company, audit):
    for number in range(11):
        company.add_kpi(f"old_{number}", owner="gus", lifecycle="retired")

    assert failing(audit()) == {}


def test_pol_03_names_an_objective_whose_report_shows_too_many_kpis(company, audit):
    def linked(count):
        company.run(
            "insert into marts.bridge_key_result_kpi by name "
            "select links.* replace ('drives' as link_type, 'k' || number as kpi_id, "
            "'key' || number as key_result_kpi_key) "
            "from (select * from marts.bridge_key_result_kpi where key_result_id = 'kr_errors' limit 1) as links, "
            f"range({count}) as numbers(number)"
        )

    linked(20)

    found = {failure.subject_id for failure in audit().failures if failure.rule_id == "POL-03"}
    assert len(found) == 1
