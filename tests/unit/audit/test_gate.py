"""The gate as a function: everything that is not exactly as declared closes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from expectations.catalogue import CATALOGUE, Catalogue
from orchestration.audit.gate import decide
from orchestration.audit.outcomes import FindingTotals, RecordedAudit, RuleOutcome

AS_OF = date(2026, 2, 15)
AT = datetime(2026, 2, 15, 9)
PRINTS = {"marts": "m" * 64, "reports": "r" * 64}


def outcome(rule, layer, **changes) -> RuleOutcome:
    entry = RuleOutcome(
        audit_id=f"audit-{layer}",
        run_id="run",
        stage=layer,
        as_of=AS_OF,
        known_at=AT,
        audited_at=AT,
        rule_id=rule.id,
        severity=rule.severity,
        outcome="passed" if rule.status == "active" else "excluded",
        judged_count=1,
        failed_count=0,
        waived_count=0,
        warned_count=0,
        findings_checksum="0",
        duration_ms=1.0,
        error_message=None,
        catalogue_hash=CATALOGUE.hash,
        data_fingerprint=PRINTS[layer],
    )
    if rule.severity == "warn":  # all that such a rule finds is only listed
        changes = {"warned_count": changes.get("failed_count", 0)} | changes
    return replace(entry, **changes)


def audits(**changes_by_rule) -> dict[str, RecordedAudit]:
    """Passing audits of both stages, but for what is changed: OWN_01={"outcome": "failed", "failed_count": 1}."""
    changes = {name.replace("_", "-"): value for name, value in changes_by_rule.items()}
    made = {}
    for stage in ("marts", "reports"):
        entries = tuple(outcome(rule, stage, **changes.get(rule.id, {})) for rule in CATALOGUE.at(stage))
        findings = {
            entry.rule_id: FindingTotals(entry.failed_count, entry.waived_count, entry.warned_count)
            for entry in entries
            if entry.failed_count or entry.waived_count
        }
        made[stage] = RecordedAudit(f"audit-{stage}", entries, findings)
    return made


def verdict(found, **changes):
    arguments = {
        "catalogue": CATALOGUE,
        "mode": "standard",
        "as_of": AS_OF,
        "fingerprints": PRINTS,
        "tables": {},
        "run_id": "run",
        "decided_at": AT,
    }
    return decide(found, **arguments | changes)


FAILED = {"outcome": "failed", "failed_count": 2}


def test_the_gate_opens_when_every_rule_holds():
    decision = verdict(audits())

    assert decision.passing
    assert decision.reasons == ()
    assert decision.counts["passed"] == sum(len(CATALOGUE.active(stage)) for stage in ("marts", "reports"))
    assert decision.excluded == tuple(rule.id for rule in CATALOGUE.rules if rule.status == "planned")
    assert decision.fingerprint == PRINTS["reports"]
    assert decision.audit_ids == {"marts": "audit-marts", "reports": "audit-reports"}


def test_a_blocking_rule_that_failed_closes_it():
    decision = verdict(audits(DAT_01=FAILED))

    assert not decision.passing
    assert decision.blocked == ("DAT-01",)
    assert decision.reasons == (
        "DAT-01 failed for 2 subjects: Rows read are rows accepted plus rows quarantined, in every load. "
        "Load the file again; when the counts still differ, restore the lake's files of this load.",
    )


def test_a_withholding_rule_that_failed_leaves_it_open():
    decision = verdict(audits(OWN_02=FAILED))

    assert decision.passing
    assert decision.withheld == ("OWN-02",)
    assert decision.counts["findings_failed"] == 2


def test_strict_turns_withhold_into_block():
    decision = verdict(audits(OWN_02=FAILED), mode="strict")

    assert not decision.passing
    assert decision.blocked == ("OWN-02",)
    assert decision.withheld == ()
    assert "the gate is strict" in decision.reasons[0]


@pytest.mark.parametrize("mode", ["standard", "strict"])
@pytest.mark.parametrize("rule", ["DAT_01", "OWN_02"])
def test_a_waived_failure_does_not_close_it_and_is_shown(rule, mode):
    decision = verdict(audits(**{rule: {"outcome": "waived", "waived_count": 1}}), mode=mode)

    assert decision.passing
    assert decision.waived == (rule.replace("_", "-"),)


@pytest.mark.parametrize("rule", ["DAT_01", "OWN_02"])
def test_a_rule_that_was_not_evaluated_closes_it(rule):
    decision = verdict(audits(**{rule: {"outcome": "not_evaluated", "error_message": "it threw"}}))

    assert not decision.passing
    assert "could not be evaluated on the marts: it threw" in decision.reasons[0]


def test_warnings_never_close_it():
    catalogue = Catalogue(
        tuple(replace(rule, severity="warn") if rule.id == "OWN-02" else rule for rule in CATALOGUE.rules)
    )
    for changes in (FAILED, {"outcome": "not_evaluated"}):
        found = audits(OWN_02={**changes, "severity": "warn"})
        found = {
            stage: replace(audit, outcomes=tuple(replace(e, catalogue_hash=catalogue.hash) for e in audit.outcomes))
            for stage, audit in found.items()
        }

        for mode in ("standard", "strict"):
            decision = verdict(found, catalogue=catalogue, mode=mode)
            assert decision.passing
            assert decision.warned == ("OWN-02",)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        ({"outcome": "excluded"}, "its outcome is excluded, though it is active"),
        ({"outcome": "skipped"}, "`skipped` is no outcome"),
        ({"outcome": "PASSED"}, "is no outcome"),
        ({"severity": "warn"}, "it ran as warn, though it is withhold"),
        ({"failed_count": 3}, "it passed with 3 findings"),
        ({"outcome": "failed"}, "it failed with 0 findings"),
        ({"outcome": "waived"}, "it waived with 0 findings"),
        ({"as_of": date(2026, 2, 14)}, "audited for 2026-02-14"),
        ({"catalogue_hash": "another"}, "another version of the rules"),
        ({"data_fingerprint": "another"}, "not those that were audited"),
        ({"data_fingerprint": ""}, "not those that were audited"),
        ({"audit_id": "another"}, "not of one audit"),
        ({"stage": "reports"}, "not of one audit"),
        ({"known_at": datetime(2026, 2, 14)}, "different times of knowledge"),
    ],
)
def test_an_outcome_that_is_not_as_declared_closes_it(attack, reason):
    decision = verdict(audits(OWN_02=attack))

    assert not decision.passing
    assert any(reason in entry for entry in decision.reasons), decision.reasons


@pytest.mark.parametrize("rule", CATALOGUE.rules, ids=lambda rule: rule.id)
def test_no_rule_can_be_missing_not_even_a_planned_one(rule):
    found = audits()
    stage = rule.stages[-1]
    kept = tuple(entry for entry in found[stage].outcomes if entry.rule_id != rule.id)

    decision = verdict({**found, stage: replace(found[stage], outcomes=kept)})

    assert not decision.passing
    assert f"{rule.id} ({rule.title}) did not run on the {stage}; run the audit with every rule" in decision.reasons


def test_a_planned_rule_cannot_have_passed():
    first, *rest = CATALOGUE.rules
    catalogue = replace(CATALOGUE, rules=(replace(first, checks={}), *rest))
    name = first.id.replace("-", "_")

    def reasons(said):
        return [
            one
            for one in verdict(audits(**{name: {"outcome": said}}), catalogue=catalogue).reasons
            if one.startswith(first.id) and "though it is planned" in one
        ]

    assert not reasons("excluded")
    assert reasons("passed")


def test_a_rule_that_the_catalogue_does_not_know_closes_it():
    found = audits()
    stranger = replace(found["marts"].outcomes[0], rule_id="XYZ-01")

    decision = verdict({**found, "marts": replace(found["marts"], outcomes=(*found["marts"].outcomes, stranger))})

    assert "XYZ-01 is no rule of this catalogue for the marts; run the audit of this version" in decision.reasons


def test_two_outcomes_of_one_rule_close_it():
    found = audits()
    twice = replace(found["marts"], outcomes=(*found["marts"].outcomes, found["marts"].outcomes[0]))

    assert not verdict({**found, "marts": twice}).passing


@pytest.mark.parametrize("stage", ["marts", "reports"])
def test_a_stage_that_was_not_audited_closes_it(stage):
    found = audits()

    assert not verdict({name: audit for name, audit in found.items() if name != stage}).passing
    assert not verdict({**found, stage: replace(found[stage], outcomes=())}).passing
    assert not verdict({}).passing


@pytest.mark.parametrize(
    "recorded",
    [
        {},
        {"OWN-02": FindingTotals(1)},
        {"OWN-02": FindingTotals(3)},
        {"OWN-02": FindingTotals(1, 1)},
        {"OWN-02": FindingTotals(2, 0, 0, "17")},  # as many, of other subjects
        {"OWN-02": FindingTotals(2), "XYZ-01": FindingTotals(1)},
    ],
)
def test_findings_that_are_not_on_record_close_it(recorded):
    """Whoever deletes or edits the results also changes what the reports withhold."""
    found = audits(OWN_02=FAILED)

    decision = verdict({**found, "marts": replace(found["marts"], findings=recorded)})

    assert not decision.passing
    assert "on record" in decision.reasons[0]


@pytest.mark.parametrize(
    ("mode", "warned", "passing"), [("standard", 0, True), ("strict", 2, True), ("strict", 1, False)]
)
def test_a_withholding_rule_that_only_warns_does_not_close_a_strict_gate(mode, warned, passing):
    decision = verdict(audits(MAP_02=FAILED | {"warned_count": warned}), mode=mode)

    assert decision.passing is passing
    assert ("MAP-02" in decision.warned) is (warned == 2)
    assert ("MAP-02" in decision.withheld) is (warned < 2 and passing)


@pytest.mark.parametrize(("rule", "warned"), [("OWN_02", 1), ("MAP_02", 3), ("MAP_02", -1)])
def test_a_rule_that_warns_where_it_may_not_closes_it(rule, warned):
    """Whoever turns a withheld subject into a listed one must be seen."""
    decision = verdict(audits(**{rule: FAILED | {"warned_count": warned}}))

    assert not decision.passing
    assert "only warn" in decision.reasons[0]


def test_findings_that_no_outcome_counts_close_it():
    found = audits()

    assert not verdict({**found, "marts": replace(found["marts"], findings={"OWN-02": FindingTotals(1)})}).passing


@pytest.mark.parametrize(
    "fingerprints", [{}, {"marts": "", "reports": ""}, {**PRINTS, "reports": "x"}, {**PRINTS, "marts": "x"}]
)
def test_other_data_closes_it(fingerprints):
    assert not verdict(audits(), fingerprints=fingerprints).passing


def test_another_catalogue_closes_it():
    harder = Catalogue(
        tuple(replace(rule, severity="block") if rule.id == "OWN-02" else rule for rule in CATALOGUE.rules)
    )

    assert not verdict(audits(), catalogue=harder).passing


def test_an_empty_catalogue_closes_it():
    empty = Catalogue(())
    nothing = {stage: RecordedAudit(f"audit-{stage}", (), {}) for stage in ("marts", "reports")}

    assert not verdict(nothing, catalogue=empty).passing


def test_the_same_outcomes_give_the_same_verdict():
    assert verdict(audits(OWN_02=FAILED)) == verdict(audits(OWN_02=FAILED))
