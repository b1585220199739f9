"""GOV-01: the waivers on file."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.audit.small_company import AS_OF, failing

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


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"approved_on": AS_OF - timedelta(days=90)},
        {"approved_on": AS_OF + timedelta(days=1), "expires_on": AS_OF + timedelta(days=200)},  # not in force yet
        {"approved_on": AS_OF - timedelta(days=9), "expires_on": AS_OF - timedelta(days=1)},  # ended, and all is well
        {"is_deleted": True, "approved_by_id": "nobody"},
    ],
)
def test_gov_01_passes_a_waiver_that_counts_or_is_over(company, audit, changes):
    company.define("waivers", **WAIVER | changes)

    assert "GOV-01" not in failing(audit())


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"approved_on": AS_OF - timedelta(days=91)}, "it runs for 91 days, expected at most 90"),
        ({"approved_by_id": "nobody"}, "nobody was not there on 2026-02-15"),
        ({"approved_by_id": "carl"}, "carl answers for kr_errors, and cannot waive it"),
        ({"approved_by_id": "fred"}, "fred is neither the sponsor of kr_errors, nor a controller, nor the head"),
        ({"approved_by_id": None}, "nobody signed it, or it has no dates"),
        ({"expires_on": None}, "nobody signed it, or it has no dates"),
    ],
)
def test_gov_01_names_a_waiver_that_does_not_count(company, audit, changes, detail):
    company.define("waivers", **WAIVER | changes)

    report = audit()

    assert failing(report)["GOV-01"] == {"w1"}
    found = next(entry for entry in report.failures if entry.rule_id == "GOV-01")
    assert f"OWN-01 for kr_errors: {detail}" in found.detail
    assert (found.owner_id, found.owner_role) == (
        (changes.get("approved_by_id", "gina"), "approver")
        if changes.get("approved_by_id", "gina") in {"gina", "carl", "fred"}
        else ("gina", "enterprise_head")
    )


def test_gov_01_names_a_waiver_that_ended_while_the_failure_lasts(company, recorded_audit):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")
    company.define("waivers", **WAIVER | {"approved_on": AS_OF - timedelta(days=9)} | {
        "expires_on": AS_OF - timedelta(days=1)
    })  # fmt: skip
    assert "GOV-01" not in failing(recorded_audit()), "nothing says yet that it excused anything"

    report = recorded_audit()

    assert failing(report)["GOV-01"] == {"w1"}
    assert "it ended on 2026-02-14, and OWN-01 still fails for kr_errors" in [
        part for entry in report.failures if entry.rule_id == "GOV-01" for part in entry.detail.split(": ", 1)
    ]


def test_gov_01_names_a_waiver_of_a_rule_that_does_not_exist(company, recorded_audit):
    recorded_audit()
    company.define("waivers", **WAIVER | {"rule_id": "OWN-99"})

    report = recorded_audit()

    assert "there is no rule OWN-99" in next(e for e in report.failures if e.rule_id == "GOV-01").detail
