"""The gate: from outcomes to a verdict. Pure: it reads nothing, writes nothing and knows no clock.

It fails closed. Open means that every rule of the catalogue has exactly one outcome, reached on exactly the data at
hand, by exactly this catalogue, for exactly this business date; and that no blocking rule failed and every rule that
could have stopped or withheld something was evaluated. Whatever else turns up closes it, with a sentence that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from expectations.catalogue import Catalogue
from expectations.rule import STAGES, Rule, Severity, Stage
from orchestration.audit.fingerprint import TableFingerprint
from orchestration.audit.outcomes import FindingTotals, RecordedAudit, RuleOutcome

GateMode = Literal["standard", "strict"]
OUTCOMES = ("passed", "failed", "waived", "not_evaluated", "excluded")


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one state of the data.

    Attributes:
        passing: Whether it may be published.
        mode: `strict` turns every withhold into a block.
        as_of: Business date.
        known_at: Naive UTC; what became known later is not in it.
        reasons: Why it may not be published, one sentence each, each with what to do; empty when it may.
        blocked: Rules that close the gate.
        withheld: Rules with subjects whose figures are withheld.
        warned: Rules that failed and are only listed.
        waived: Rules with waived findings.
        excluded: Planned rules, which the gate does not ask for.
        counts: Rules by outcome, both stages together; `findings_failed` and `findings_waived` count subjects.
        fingerprint: Of marts and reports together.
        fingerprints: By stage.
        tables: Fingerprints of the single tables, by `schema.table`.
        catalogue_hash: Of the rules.
        run_id: The run that asked.
        audit_ids: By stage.
        decided_at: Naive UTC.
    """

    passing: bool
    mode: GateMode
    as_of: date
    known_at: datetime | None
    reasons: tuple[str, ...]
    blocked: tuple[str, ...]
    withheld: tuple[str, ...]
    warned: tuple[str, ...]
    waived: tuple[str, ...]
    excluded: tuple[str, ...]
    counts: Mapping[str, int]
    fingerprint: str
    fingerprints: Mapping[Stage, str]
    tables: Mapping[str, TableFingerprint]
    catalogue_hash: str
    run_id: str
    audit_ids: Mapping[Stage, str]
    decided_at: datetime


def decide(
    audits: Mapping[Stage, RecordedAudit],
    *,
    catalogue: Catalogue,
    mode: GateMode,
    as_of: date,
    fingerprints: Mapping[Stage, str],
    tables: Mapping[str, TableFingerprint],
    run_id: str,
    decided_at: datetime,
) -> Verdict:
    """Decide whether what is at hand may be published.

    Args:
        audits: The newest audit of each stage, as the lake holds it.
        catalogue: The rules of this version.
        mode: `standard`, or `strict`.
        as_of: Business date that is to be published.
        fingerprints: Of the data at hand, by stage.
        tables: The same by table, for the verdict.
        run_id: The run that asks.
        decided_at: Naive UTC.
    """
    reasons: list[str] = []
    blocked: list[str] = []
    outcomes: list[RuleOutcome] = []
    for stage in STAGES:
        audit = audits.get(stage)
        if audit is None or not audit.outcomes:
            reasons.append(f"the {stage} were not audited; run the audit")
            continue
        outcomes.extend(audit.outcomes)
        reasons.extend(_strange(audit, stage, catalogue, as_of, fingerprints.get(stage)))
    known = {entry.known_at for entry in outcomes}
    if len(known) > 1:
        reasons.append("marts and reports were audited for different times of knowledge; run both audits again")

    declared = {rule.id: rule.severity for rule in catalogue.rules}

    def severity_of(entry: RuleOutcome) -> Severity:
        only_warns = entry.outcome == "failed" and entry.warned_count == entry.failed_count
        severity = declared.get(entry.rule_id, "block")
        return "warn" if only_warns and severity == "withhold" else severity

    for entry in outcomes:
        severity = severity_of(entry)
        closes = severity == "block" or (severity == "withhold" and mode == "strict")
        if entry.outcome == "failed" and closes:
            blocked.append(entry.rule_id)
            reasons.append(_failed(entry, catalogue, severity))
        if entry.outcome == "not_evaluated" and severity != "warn":
            blocked.append(entry.rule_id)
            why = entry.error_message or "no reason was recorded"
            reasons.append(
                f"{entry.rule_id} could not be evaluated on the {entry.stage}: {why}; mend that and audit again"
            )

    def rules_with(outcome: str, *severities: Severity) -> tuple[str, ...]:
        found = {entry.rule_id for entry in outcomes if entry.outcome == outcome and severity_of(entry) in severities}
        return tuple(sorted(found - set(blocked)))

    counts = Counter(entry.outcome for entry in outcomes)
    return Verdict(
        passing=not reasons,
        mode=mode,
        as_of=as_of,
        known_at=known.pop() if len(known) == 1 else None,
        reasons=tuple(dict.fromkeys(reasons)),
        blocked=tuple(sorted(set(blocked))),
        withheld=rules_with("failed", "withhold"),
        warned=tuple(sorted({*rules_with("failed", "warn"), *rules_with("not_evaluated", "warn")})),
        waived=tuple(sorted({entry.rule_id for entry in outcomes if entry.waived_count})),
        excluded=rules_with("excluded", "block", "withhold", "warn"),
        counts={name: counts.get(name, 0) for name in OUTCOMES}
        | {
            "findings_failed": sum(entry.failed_count for entry in outcomes),
            "findings_waived": sum(entry.waived_count for entry in outcomes),
        },
        fingerprint=fingerprints.get("reports", ""),
        fingerprints=dict(fingerprints),
        tables=dict(tables),
        catalogue_hash=catalogue.hash,
        run_id=run_id,
        audit_ids={stage: audit.audit_id for stage, audit in audits.items()},
        decided_at=decided_at,
    )


def _strange(
    audit: RecordedAudit, stage: Stage, catalogue: Catalogue, as_of: date, fingerprint: str | None
) -> list[str]:
    """Say everything about an audit that is not as declared; nothing when it can be relied on."""
    reasons: list[str] = []
    declared = {rule.id: rule for rule in catalogue.at(stage)}
    times = Counter(entry.rule_id for entry in audit.outcomes)
    for rule_id, rule in declared.items():
        if times[rule_id] == 0:
            reasons.append(f"{rule_id} ({rule.title}) did not run on the {stage}; run the audit with every rule")
    for rule_id, count in times.items():
        if rule_id not in declared:
            reasons.append(f"{rule_id} is no rule of this catalogue for the {stage}; run the audit of this version")
        elif count > 1:
            reasons.append(f"{rule_id} has {count} outcomes on the {stage}, expected one; run the audit again")
    for rule_id in audit.findings.keys() - times.keys():
        reasons.append(
            f"findings of {rule_id} are on record for the {stage}, and it has no outcome; run the audit again"
        )
    for entry in audit.outcomes:
        contradiction = _contradiction(entry, declared.get(entry.rule_id), audit)
        if contradiction:
            reasons.append(f"{entry.rule_id} on the {stage}: {contradiction}; run the audit again")
    if any(entry.stage != stage or entry.audit_id != audit.audit_id for entry in audit.outcomes):
        reasons.append(f"the outcomes on the {stage} are not of one audit; run the audit again")
    if any(entry.as_of != as_of for entry in audit.outcomes):
        found = ", ".join(sorted({str(entry.as_of) for entry in audit.outcomes}))
        reasons.append(f"the {stage} were audited for {found}, not for {as_of}; run the audit of that day")
    if any(entry.catalogue_hash != catalogue.hash for entry in audit.outcomes):
        reasons.append(f"the {stage} were audited by another version of the rules; run the audit again")
    if not fingerprint or any(entry.data_fingerprint != fingerprint for entry in audit.outcomes):
        reasons.append(
            f"the {stage} at hand are not those that were audited; find out what changed them, build and audit again"
        )
    return reasons


def _contradiction(entry: RuleOutcome, rule: Rule | None, audit: RecordedAudit) -> str | None:
    """Say how an outcome contradicts the catalogue, itself, or the recorded findings."""
    if rule is None:
        return None
    if entry.outcome not in OUTCOMES:
        return f"`{entry.outcome}` is no outcome"
    if (entry.outcome == "excluded") != (rule.status == "planned"):
        return f"its outcome is {entry.outcome}, though it is {rule.status}"
    if entry.severity != rule.severity:
        return f"it ran as {entry.severity}, though it is {rule.severity}"
    expected = {
        "failed": entry.failed_count > 0,
        "waived": entry.failed_count == 0 and entry.waived_count > 0,
    }.get(entry.outcome, entry.failed_count == 0 and entry.waived_count == 0)
    if not expected:
        return f"it {entry.outcome} with {entry.failed_count} findings and {entry.waived_count} waived"
    may_warn = rule.severity == "warn" or any(check.may_warn for check in rule.checks.values())
    if not 0 <= entry.warned_count <= (entry.failed_count if may_warn else 0):
        return f"{entry.warned_count} of its {entry.failed_count} findings only warn"
    recorded = audit.findings.get(entry.rule_id, FindingTotals())
    made = FindingTotals(entry.failed_count, entry.waived_count, entry.warned_count, entry.findings_checksum)
    if recorded != made:
        count, kept = made.failed + made.waived, recorded.failed + recorded.waived
        return f"{count} findings were made, and the {kept} on record are not those"
    return None


def _failed(entry: RuleOutcome, catalogue: Catalogue, severity: str) -> str:
    rule = catalogue.rule(entry.rule_id)
    subjects = f"{entry.failed_count} {'subject' if entry.failed_count == 1 else 'subjects'}"
    strict = " (withhold, and the gate is strict)" if severity == "withhold" else ""
    return f"{rule.id} failed for {subjects}{strict}: {rule.title}. {rule.remedy}"
