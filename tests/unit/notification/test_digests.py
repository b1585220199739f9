"""What each person is told."""

from __future__ import annotations

from datetime import date

import pytest

from orchestration.notification.digests import LINES_SHOWN, closed_gate, digests, failed_run, waiting_escalations
from tests.unit.audit.conftest import _template, company  # noqa: F401

AS_OF = date(2026, 2, 15)


def row(owner="ada", **changes):
    return {
        "owner_id": owner,
        "owner_name": owner.title(),
        "email": f"{owner}@example.com",
        "escalation_id": "off_track:kr",
        "opened_on": date(2026, 2, 13),
        "trigger_type": "off_track",
        "rule_id": None,
        "severity": None,
        "subject_type": "key_result",
        "subject_name": "Halve the latency",
        "detail": "off track: progress 0.2, expected 0.5",
        "state": "open",
        "level": 1,
        "age_days": 2,
        "is_overdue": True,
        "due_on": date(2026, 2, 16),
        "next_action": None,
        **changes,
    }


def told(*rows, **changes):
    return digests(rows, **{"as_of": AS_OF, "company": "Acme", "site_url": None} | changes)


def test_each_person_gets_one_message_with_all_that_waits():
    rows = [row(), row(escalation_id="OWN-02:kpi:k", rule_id="OWN-02", subject_name="Errors", detail="nobody owns it",
                       age_days=0, is_overdue=False), row("bob")]  # fmt: skip

    ada, bob = told(*rows)

    assert (ada.to, ada.email, bob.to) == ("ada", "ada@example.com", "bob")
    assert ada.title == "Acme, 2026-02-15: 2 things to answer for, 1 overdue"
    assert ada.body.split("\n")[:2] == [
        "- off track: Halve the latency (for 2 days, overdue): progress 0.2, expected 0.5 (off_track:kr)",
        "- OWN-02: Errors (new, due 2026-02-16): nobody owns it (OWN-02:kpi:k)",
    ]
    assert "governance/escalations.yml" in ada.body


def test_a_long_list_is_cut_and_counted():
    (message,) = told(*(row(escalation_id=f"off_track:{place}") for place in range(LINES_SHOWN + 3)))

    assert message.body.count("off track:") == LINES_SHOWN
    assert "- and 3 more" in message.body


def test_the_site_is_linked_when_there_is_one():
    assert "More: https://los.example.com/" in told(row(), site_url="https://los.example.com/")[0].body
    assert "More:" not in told(row())[0].body


def test_what_a_file_planted_does_nothing_in_a_chat():
    planted = "<!channel> @everyone [x](http://e.example) `*bold*` \u202egnp.exe boss@example.com"

    (message,) = told(row(subject_name=planted, detail=planted))

    assert not set("<>@`*[]|\u202e") & set(message.body)
    assert "boss" not in message.body.replace("(e-mail)", "")


@pytest.mark.parametrize(
    ("changes", "is_news"),
    [
        ({}, False),
        ({"age_days": 3, "detail": "off track: progress 0.1"}, False),
        ({"level": 2}, True),
        ({"state": "decided"}, True),
        ({"is_overdue": False}, True),
        ({"opened_on": date(2026, 2, 14)}, True),
    ],
)
def test_a_message_is_news_when_what_it_asks_for_changed(changes, is_news):
    before, after = told(row())[0], told(row(**changes))[0]

    assert (before.fingerprint != after.fingerprint) is is_news


def test_operators_are_told_why_nothing_was_published():
    message = closed_gate([f"reason {n}" for n in range(25)], as_of=AS_OF, company="Acme", site_url=None)

    assert message.title == "Acme: nothing was published for 2026-02-15"
    assert "- reason 0\n- reason 1\n" in message.body
    assert "- and 5 more reasons" in message.body
    again = closed_gate(["another"], as_of=AS_OF, company="Acme", site_url=None)
    assert again.fingerprint != message.fingerprint


def test_operators_are_told_of_a_run_that_broke():
    message = failed_run("publish_reports", "step x: no space left", company="Acme")

    assert (message.to, message.title) == ("operators", "Acme: a run of publish_reports failed")
    assert "no space left" in message.body


def test_what_waits_is_read_with_the_newest_address(company):  # noqa: F811
    company.define("people", person_id="olga", email="olga@example.com")
    company.run(
        """
        insert into reports.rpt_escalation (escalation_id, owner_id, owner_name, state, is_open, is_overdue, age_days,
            severity, opened_on, due_on, level)
        values
            ('warned', 'olga', 'Olga', 'open', true, false, 9, 'warn', date '2026-02-01', date '2026-02-20', 0),
            ('late', 'olga', 'Olga', 'acknowledged', true, true, 1, 'warn', date '2026-02-01', date '2026-02-20', 1),
            ('red', 'olga', 'Olga', 'open', true, false, 1, null, date '2026-02-01', date '2026-02-20', 0),
            ('waived', 'olga', 'Olga', 'waived', true, false, 1, null, date '2026-02-01', date '2026-02-20', 0),
            ('gone', 'olga', 'Olga', 'resolved', false, false, 1, null, date '2026-02-01', date '2026-02-20', 0),
            ('orphan', '(unowned)', '(unowned)', 'open', true, false, 1, null, date '2026-02-01', null, 0);
        update reports.rpt_escalation set trigger_type = 'off_track'
        """
    )

    waiting = waiting_escalations(company.warehouse, company.lake)

    assert [(one["escalation_id"], one["email"]) for one in waiting] == [
        ("late", "olga@example.com"), ("red", "olga@example.com"), ("warned", "olga@example.com"),
    ]  # fmt: skip
