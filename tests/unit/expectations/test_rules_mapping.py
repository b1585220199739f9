from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.unit.audit.small_company import AS_OF, failing


def test_map_01_names_a_key_result_that_no_kpi_measures(company, audit):
    company.run("delete from marts.bridge_key_result_kpi where key_result_id = 'kr_latency' and link_type = 'measures'")

    report = audit()

    assert failing(report) == {"MAP-01": {"kr_latency"}}
    assert report.failures[0].detail == "no KPI measures it"


def test_map_01_names_a_milestone_that_touches_no_kpi(company, audit):
    company.run("delete from marts.bridge_key_result_kpi where key_result_id = 'kr_portal'")

    assert failing(audit()) == {"MAP-01": {"kr_portal"}}


def test_map_01_does_not_count_a_link_of_an_older_version(company, audit):
    company.run("update marts.bridge_key_result_kpi set is_current = false where key_result_id = 'kr_errors'")

    assert failing(audit()) == {"MAP-01": {"kr_errors"}}


def test_map_01_passes_a_draft_and_a_milestone_with_only_a_guardrail(company, audit):
    company.add_key_result("kr_idea", state="draft")
    company.run("update marts.bridge_key_result_kpi set link_type = 'guardrail' where key_result_id = 'kr_portal'")

    assert failing(audit()) == {}


def unattested(company, key_result="kr_errors", **values):
    company.run(
        "update marts.dim_key_result set attestation_statement = ?, attested_by_id = ?, attested_on = ?, "
        f"attestation_expires_on = ? where key_result_id = '{key_result}'",
        [values.get(name) for name in ("statement", "by", "on", "expires_on")],
    )


SIGNED = {"statement": "Touches nothing.", "by": "carl", "on": date(2026, 1, 5)}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "nobody attests that there is none"),
        (SIGNED | {"by": None}, "the attestation is not signed"),
        (SIGNED | {"on": None}, "the attestation has no date"),
        (SIGNED | {"on": AS_OF + timedelta(days=1)}, "the attestation is of 2026-02-16"),
        (SIGNED | {"expires_on": AS_OF - timedelta(days=1)}, "the attestation expired on 2026-02-14"),
    ],
)
def test_map_02_names_a_key_result_whose_impact_nobody_states(company, audit, values, why):
    unattested(company, **values)

    report = audit()

    assert failing(report) == {"MAP-02": {"kr_errors"}}
    assert report.failures[0].detail == f"no KPI is linked that its work touches, and {why}"
    assert report.failures[0].severity == "withhold"


@pytest.mark.parametrize("values", [SIGNED | {"on": AS_OF}, SIGNED | {"expires_on": AS_OF}])
def test_map_02_passes_an_attestation_from_its_first_to_its_last_day(company, audit, values):
    unattested(company, **values)

    assert failing(audit()) == {}


@pytest.mark.parametrize("link_type", ["impacts", "guardrail"])
def test_map_02_passes_a_key_result_that_names_what_it_touches(company, audit, link_type):
    unattested(company)
    company.add_link("kr_errors", "latency", link_type)

    assert failing(audit()) == {}


def test_map_02_does_not_take_a_driver_for_an_impact(company, audit):
    unattested(company)
    company.add_link("kr_errors", "latency", "drives")

    assert failing(audit()) == {"MAP-02": {"kr_errors"}}


@pytest.mark.parametrize(
    ("lock", "severity"), [(AS_OF + timedelta(days=1), "warn"), (AS_OF, "withhold"), (None, "withhold")]
)
def test_map_02_only_warns_before_the_lock(company, audit, lock, severity):
    unattested(company)
    company.run("update marts.dim_cycle set locks_on = ?", [lock])

    assert [(finding.subject_id, finding.severity) for finding in audit().failures] == [("kr_errors", severity)]


def test_map_02_leaves_closed_cycles_and_drafts_alone(company, audit):
    unattested(company)
    company.run("update marts.dim_key_result set state = 'draft' where key_result_id = 'kr_errors'")
    assert failing(audit()) == {}
    company.run("update marts.dim_key_result set state = 'committed' where key_result_id = 'kr_errors'")
    company.run("update marts.dim_cycle set closes_on = ?, ends_on = ?", [AS_OF - timedelta(days=1)] * 2)
    assert "MAP-02" not in failing(audit())


def test_map_03_names_every_dangling_reference_of_a_subject(company, audit):
    for reference, type_, target in (("links.kpi", "kpi", "latencyy"), ("champion", "person", "karl")):
        company.add(
            "intermediate.int_definitions__references",
            subject_type="key_result",
            subject_id="kr_latency",
            reference=reference,
            referenced_type=type_,
            referenced_id=target,
            is_resolved=False,
            source_file="okrs/2026-Q1/ops.yml",
            source_row=12,
        )

    report = audit()

    assert failing(report) == {"MAP-03": {"kr_latency"}}
    assert report.failures[0].detail == (
        "`champion` names the person karl, which does not exist; "
        "`links.kpi` names the kpi latencyy, which does not exist"
    )
    assert (report.failures[0].source_file, report.failures[0].source_row) == ("okrs/2026-Q1/ops.yml", 12)


def test_map_03_takes_an_unanswered_question_for_a_no(company, audit):
    company.run("update intermediate.int_definitions__references set is_resolved = null")

    assert failing(audit()) == {"MAP-03": {"kr_latency"}}


@pytest.mark.parametrize(
    ("weights", "detail"),
    [
        ((0.9,), "the weights of its measuring KPIs sum to 0.9, expected 1"),
        ((0.5, 0.4), "the weights of its measuring KPIs sum to 0.9, expected 1"),
        ((1.5, -0.5), "a measuring KPI has the weight -0.5, expected more than 0"),
        ((1.0, 0.0), "a measuring KPI has the weight 0.0, expected more than 0"),
        ((1.0, None), "1 of its measuring KPIs have no weight, the others do"),
        ((float("nan"), 1.0), "the weights of its measuring KPIs sum to nan, expected 1"),
    ],
)
def test_map_04_names_weights_that_do_not_add_up(company, audit, weights, detail):
    company.run("delete from marts.bridge_key_result_kpi where key_result_id = 'kr_latency'")
    for kpi_id, weight in zip(("latency", "errors"), weights, strict=False):
        company.add_link("kr_latency", kpi_id, "measures", weight=weight)

    report = audit()

    assert failing(report) == {"MAP-04": {"kr_latency"}}
    assert report.failures[0].detail == detail


@pytest.mark.parametrize("weights", [(1.0,), (0.7, 0.3), (1 / 3, 1 / 3, 1 / 3), (0.1, 0.2, 0.7), (None, None)])
def test_map_04_passes_weights_that_do(company, audit, weights):
    company.run("delete from marts.bridge_key_result_kpi where key_result_id = 'kr_latency'")
    for kpi_id, weight in zip(("latency", "errors", "backlog"), weights, strict=False):
        company.add_link("kr_latency", kpi_id, "measures", weight=weight)

    assert failing(audit()) == {}


def test_map_04_names_a_key_result_in_another_unit_than_its_kpi(company, audit):
    company.run("update marts.dim_key_result set unit = 'hours' where key_result_id = 'kr_errors'")

    report = audit()

    assert failing(report) == {"MAP-04": {"kr_errors"}}
    assert report.failures[0].detail == "it counts in hours, its KPI errors in minutes"


def test_map_04_passes_a_guardrail_in_another_unit_and_a_key_result_that_takes_its_kpis_unit(company, audit):
    company.add_kpi("cost", unit="USD")
    company.add_link("kr_errors", "cost", "guardrail")
    company.run("update marts.dim_key_result set unit = null where key_result_id = 'kr_errors'")
    company.load([{"kpi_id": "cost", "day": day, "value": 1.0} for day in company.days(10)], content="cost")

    assert failing(audit()) == {}


def test_map_04_names_a_key_result_whose_kpis_disagree(company, audit):
    company.run(
        """
        update marts.dim_key_result set unit = null where key_result_id = 'kr_latency';
        update marts.dim_kpi set unit = 'hours' where kpi_id = 'errors';
        update marts.bridge_key_result_kpi set link_type = 'measures', weight = 0.5
        where key_result_id = 'kr_latency' and kpi_id = 'errors';
        update marts.bridge_key_result_kpi set weight = 0.5 where key_result_id = 'kr_latency';
        update marts.dim_key_result set unit = 'hours' where key_result_id = 'kr_errors'
        """
    )

    assert failing(audit()) == {"MAP-04": {"kr_latency"}}


def drive(company, *edges):
    for driver, kpi in edges:
        company.add(
            "marts.bridge_kpi_driver",
            kpi_driver_key=f"{kpi}|{driver}",
            kpi_id=kpi,
            driver_kpi_id=driver,
            is_current=True,
        )


def test_map_05_names_a_circle_of_drivers_with_its_path(company, audit):
    drive(company, ("latency", "errors"), ("errors", "backlog"), ("backlog", "latency"), ("backlog", "errors"))

    report = audit()

    assert failing(report) == {"MAP-05": {"backlog"}}
    assert report.failures[0].severity == "block"
    assert report.failures[0].detail == "a circle: backlog -> errors -> backlog"


def test_map_05_names_objectives_that_support_each_other_and_a_unit_below_itself(company, audit):
    company.run("update marts.dim_objective set supports_id = 'faster' where objective_id = 'faster'")
    company.run("update marts.dim_org_unit set parent_org_unit_id = 'ops' where org_unit_id = 'group'")

    report = audit()

    assert failing(report) == {"MAP-05": {"faster", "group"}}
    assert {finding.detail for finding in report.failures} == {
        "a circle: faster -> faster",
        "a circle: group -> ops -> group",
    }


def test_map_05_names_a_circle_that_is_too_long_to_tell(company, audit):
    drive(company, *[(f"k{i:02}", f"k{(i + 1) % 50:02}") for i in range(50)])

    report = audit()

    assert failing(report) == {"MAP-05": {"k00"}}
    assert report.failures[0].detail == "a circle of more than 40 members, k00"


def test_map_05_passes_two_ways_to_one_kpi_and_a_driver_of_an_older_version(company, audit):
    drive(company, ("latency", "errors"), ("errors", "backlog"), ("latency", "backlog"))
    company.add(
        "marts.bridge_kpi_driver", kpi_driver_key="old", kpi_id="latency", driver_kpi_id="backlog", is_current=False
    )

    assert failing(audit()) == {}
