"""Each rule: a planted defect that fails it, alone and for the right subject, and a near miss that passes."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.unit.audit.small_company import failing


def move(company, **values):
    """Let the target of a key result move after the lock, without a request unless `values` say otherwise."""
    facts = {
        "goal_change_key": "moved",
        "subject_type": "key_result",
        "subject_id": "kr_latency",
        "field": "target",
        "kind": "change",
        "cycle_id": "2026-Q1",
        "owner_id": "carl",
        "old_value": "10",
        "new_value": "12",
        "difficulty": "easier",
        "not_permitted_reason": "no_request",
        "elapsed_share": 0.3483,
        "is_after_lock": True,
        "is_permitted": False,
        "is_approver_owner": False,
        "effective_on": date(2026, 2, 1),
        "changed_on": date(2026, 2, 1),
        "changed_at": datetime(2026, 2, 1, 8),
    }
    company.add("marts.fct_goal_change", **facts | values)


def test_chg_01_names_a_goal_that_moved_without_a_request(company, audit):
    move(company)

    report = audit()

    assert failing(report) == {"CHG-01": {"kr_latency"}}
    assert report.failures[0].detail == (
        "`target` 10 -> 12 (easier) on 2026-02-01, when 35 % of the time had gone: no change request names it"
    )


def test_chg_01_says_that_the_past_was_rewritten(company, audit):
    move(company, kind="rewrite", effective_on=date(2026, 1, 1))

    assert "rewritten on 2026-02-01 for the days from 2026-01-01" in audit().failures[0].detail


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("not_approved", "the request cr is not approved"),
        ("reason_not_permitted", "the reason too_hard of the request cr is not permitted"),
        ("approved_late", "the request cr was approved on 2026-02-03"),
        ("filed_late", "the approval of cr stood in no register at the time"),
        ("request_already_used", "the approval of cr covered an earlier change"),
    ],
)
def test_chg_01_says_what_is_wrong_with_the_request(company, audit, reason, told):
    request = {"change_request_id": "cr", "reason_code": "too_hard", "approved_on": date(2026, 2, 3)}
    move(company, not_permitted_reason=reason, **request)

    report = audit()

    assert failing(report) == {"CHG-01": {"kr_latency"}}
    assert report.failures[0].detail.endswith(told)


def test_chg_01_names_a_kpi_and_a_cycle_that_moved(company, audit):
    move(company, subject_type="kpi", subject_id="latency", field="formula")
    move(company, subject_type="cycle", subject_id="2026-Q1", field="locks_on", goal_change_key="cycle")

    assert failing(audit()) == {"CHG-01": {"latency", "2026-Q1"}}


def test_chg_01_passes_what_moved_before_the_lock_or_with_permission(company, audit):
    move(company, is_after_lock=False, is_permitted=True, not_permitted_reason=None)
    allowed = {"change_request_id": "cr", "is_permitted": True, "not_permitted_reason": None}
    move(company, goal_change_key="asked", field="due_on", **allowed)

    assert failing(audit()) == {}


def test_chg_01_leaves_a_closed_cycle_alone_and_names_an_edit_after_the_close(company, audit):
    company.run("update marts.dim_cycle set ends_on = date '2026-02-01', closes_on = date '2026-02-10'")
    move(company, changed_on=date(2026, 2, 10))
    assert failing(audit()) == {}

    move(company, goal_change_key="edited", field="due_on", changed_on=date(2026, 2, 11))
    assert failing(audit()) == {"CHG-01": {"kr_latency"}}


def test_chg_02_names_a_champion_who_approves_alone(company, audit):
    own = {"change_request_id": "cr", "approver_id": "carl", "is_approver_owner": True}
    move(company, not_permitted_reason="approver_is_champion", **own)

    report = audit()

    assert failing(report) == {"CHG-02": {"kr_latency"}}
    assert report.failures[0].detail.endswith(": carl, who approved cr, answers for it")


def test_chg_02_passes_another_approver(company, audit):
    move(company, change_request_id="cr", approver_id="gina", is_permitted=True, not_permitted_reason=None)

    assert failing(audit()) == {}


def reset(company, **values):
    facts = {
        "kind": "reset",
        "previous_key_result_id": "kr_before",
        "is_after_lock": False,
        "effective_on": date(2026, 1, 1),
        "changed_on": date(2026, 1, 7),
    }
    move(company, **facts | values)


def test_chg_03_names_a_goal_that_asks_for_less_than_was_missed(company, audit):
    reset(company)

    report = audit()

    assert failing(report) == {"CHG-03": {"kr_latency"}}
    assert report.failures[0].detail == ("`target` 12 asks for less than the 10 that kr_before missed on the same KPI")


def test_chg_03_passes_a_reset_that_was_decided(company, audit):
    reset(company, change_request_id="cr", approver_id="gina", is_permitted=True, not_permitted_reason=None)

    assert failing(audit()) == {}
