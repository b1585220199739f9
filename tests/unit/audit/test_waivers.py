from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.unit.audit.small_company import AS_OF, LOADED_AT, failing

WAIVER = {
    "waiver_id": "w1",
    "rule_id": "OWN-01",
    "subject_type": "key_result",
    "subject_id": "kr_errors",
    "reason": "interim champion starts on Monday",
    "approved_by_id": "gina",
    "approved_on": AS_OF,
    "expires_on": AS_OF,
}


@pytest.fixture
def outcome(company, audit):
    """The key result has no champion; audit under a waiver, and return outcome and counts of the rule."""

    def run(**changes):
        company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")
        company.define("waivers", **WAIVER | changes)
        report = audit()
        entry = report.outcome("OWN-01")
        # GOV-01 names the waivers that do not count; it has tests of its own.
        found = {rule: subjects for rule, subjects in failing(report).items() if rule != "GOV-01"}
        assert found == {"OWN-01": {"kr_errors"}}, "a waived failure is still shown"
        waiver = next(finding.waiver_id for finding in report.failures if finding.rule_id == "OWN-01")
        assert waiver == ("w1" if entry.waived_count else None)
        return entry.outcome, entry.failed_count, entry.waived_count

    return run


def test_a_waiver_covers_its_subject_from_approval_to_expiry(outcome):
    assert outcome() == ("waived", 0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"approved_on": AS_OF - timedelta(days=90)},
        {"approved_on": AS_OF - timedelta(days=45), "expires_on": AS_OF + timedelta(days=45)},
    ],
)
def test_near_misses_still_count(outcome, changes):
    assert outcome(**changes) == ("waived", 0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"approved_on": date(2026, 1, 1), "expires_on": AS_OF - timedelta(days=1)},  # expired
        {"approved_on": AS_OF + timedelta(days=1), "expires_on": AS_OF + timedelta(days=2)},  # not approved yet
        {"approved_on": AS_OF - timedelta(days=91)},  # for longer than anybody may
        {"approved_on": None},
        {"expires_on": None},
        {"approved_by_id": None},
        {"approved_by_id": "nobody"},
        {"approved_by_id": "olga"},  # owns the objective, and so the finding
        {"rule_id": "OWN-02"},
        {"subject_id": "kr_latency"},
        {"subject_id": None},
        {"subject_type": "kpi"},
        {"is_deleted": True},
    ],
)
def test_a_waiver_that_is_not_right_in_every_point_does_not_count(outcome, changes):
    assert outcome(**changes) == ("failed", 1, 0)


def test_an_approver_who_had_left_does_not_count(company, outcome):
    company.run("update marts.dim_person set active_to = date '2026-02-14' where person_id = 'gina'")

    assert outcome() == ("failed", 1, 0)


def test_whoever_owns_the_subject_cannot_waive_even_when_somebody_else_is_asked(company, audit):
    """OWN-05 asks the head of the unit; the champion who left is not the finding's owner, and yet cannot waive it."""
    company.run("update marts.dim_person set active_from = date '2026-01-20' where person_id = 'carl'")
    company.define("waivers", **WAIVER | {"rule_id": "OWN-05", "approved_by_id": "carl"})

    assert audit().outcome("OWN-05").waived_count == 0


def test_only_the_newest_version_of_a_waiver_counts(company, outcome):
    company.define("waivers", at=LOADED_AT - timedelta(hours=1), **WAIVER)

    assert outcome(expires_on=AS_OF - timedelta(days=1)) == ("failed", 1, 0)


def test_a_rule_with_one_waived_and_one_open_finding_fails(company, audit):
    company.run("update marts.dim_key_result set champion_id = null")
    company.define("waivers", **WAIVER)

    entry = audit().outcome("OWN-01")

    assert (entry.outcome, entry.failed_count, entry.waived_count) == ("failed", 2, 1)


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        ("update marts.dim_objective set sponsor_id = 'fred'", True),
        ("update marts.dim_objective set sponsor_id = 'carl'", False),
        ("insert into marts.dim_ownership (subject_type, subject_id, role, person_id, is_current) "
         "values ('kpi', 'latency', 'controller', 'fred', true)", True),
        ("insert into marts.dim_ownership (subject_type, subject_id, role, person_id, is_current) "
         "values ('kpi', 'latency', 'controller', 'fred', false)", False),
        ("insert into marts.dim_ownership (subject_type, subject_id, role, person_id, is_current) "
         "values ('kpi', 'latency', 'sponsor', 'fred', true)", False),
        ("update marts.dim_org_unit set head_person_id = 'fred' where org_unit_id = 'group'", True),
        ("update marts.dim_org_unit set head_person_id = 'fred' where org_unit_id = 'ops'", False),
    ],
)  # fmt: skip
def test_the_sponsor_a_controller_and_the_head_of_the_enterprise_may_waive(company, outcome, made, counts):
    company.run(made)

    assert outcome(approved_by_id="fred") == (("waived", 0, 1) if counts else ("failed", 1, 0))
