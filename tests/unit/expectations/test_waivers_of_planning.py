"""Rules about a cycle's plan take a waiver like any other: the failure stays shown, marked, and stops nothing."""

from __future__ import annotations

import pytest

from tests.unit.audit.small_company import AS_OF, failing
from tests.unit.expectations.test_rules_goal_changes import move, reset
from tests.unit.expectations.test_rules_mapping import unattested
from tests.unit.expectations.test_rules_ownership import control, share


def champion_who_approves(company):
    # Whoever sponsors answers for this one, and cannot waive it: here it is not the head of the enterprise.
    company.run("update marts.dim_objective set sponsor_id = 'fred'")
    own = {"change_request_id": "cr", "approver_id": "carl", "is_approver_owner": True}
    move(company, not_permitted_reason="approver_is_champion", **own)


def steward_who_is_measured(company):
    share(company)
    company.run(
        "update marts.dim_key_result set champion_id = 'fred' where key_result_id = 'kr_latency';"
        "update marts.dim_ownership set person_id = 'fred' where subject_id = 'kr_latency' and role = 'champion'"
    )


PLANTED = {
    "OWN-03": (lambda company: share(company, person=None), "kpi", "latency"),
    "OWN-06": (steward_who_is_measured, "kpi", "latency"),
    "OWN-07": (lambda company: control(company, 0.49), "kpi", "errors"),
    "MAP-02": (unattested, "key_result", "kr_errors"),
    "CHG-01": (move, "key_result", "kr_latency"),
    "CHG-02": (champion_who_approves, "key_result", "kr_latency"),
    "CHG-03": (reset, "key_result", "kr_latency"),
}


@pytest.mark.parametrize("rule", PLANTED)
@pytest.mark.parametrize(("subject_is_right", "outcomes"), [(True, {"waived"}), (False, {"failed"})])
def test_a_waiver_covers_the_subject_that_it_names(company, audit, rule, subject_is_right, outcomes):
    """A waiver opens more than it says, or nothing."""
    plant, subject_type, subject = PLANTED[rule]
    plant(company)
    company.define(
        "waivers",
        waiver_id="w1",
        rule_id=rule,
        subject_type=subject_type,
        subject_id=subject if subject_is_right else "another",
        reason="decided in the forum of the quarter",
        approved_by_id="gina",
        approved_on=AS_OF,
        expires_on=AS_OF,
    )

    report = audit()

    assert failing(report) == {rule: {subject}}, "a waived failure is still shown"
    assert {finding.outcome for finding in report.failures} == outcomes
