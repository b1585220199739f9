"""The rules: each with why, remedy, outcome and every offending subject; those not yet checked included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.publication.pages.cells import badge, count_column, evidence_of, finding_columns, words
from orchestration.publication.pages.model import Page, SiteFacts
from orchestration.publication.review import Review, ReviewedRule
from orchestration.publication.tables import PAGE_ROWS, Cell, Column, Table
from orchestration.publication.text import counted
from orchestration.publication.tones import TONES

BRIEF = 5
"""Subjects of a rule that the overview shows; the rules' page has all."""


@dataclass(frozen=True)
class RuleSection:
    """A rule as pages show it; `findings` has every subject, `brief` the oldest few."""

    rule_id: str
    title: str
    why: str
    remedy: str
    owner_role: str
    severity: str
    outcome: str
    stages: str
    error: str | None
    summary: str
    needs_attention: bool
    findings: Table
    brief: Table


def rule_sections(review: Review, facts: SiteFacts) -> list[RuleSection]:
    """Return all rules, what stops most first."""
    ordered = sorted(review.rules, key=lambda reviewed: (not reviewed.needs_attention, reviewed.urgency))
    return [_section(reviewed, facts) for reviewed in ordered]


def rules_page(review: Review, sections: Sequence[RuleSection]) -> Page:
    """Return the page of the rules."""
    outcomes = Counter(reviewed.outcome for reviewed in review.rules)
    checked = len(review.rules) - outcomes["excluded"]
    note = (
        f"{checked} of {counted(len(review.rules), 'rule')} are checked; the others stand in the catalogue, and the "
        "gate does not ask for them yet. A rule that blocks stops the release; one that withholds blanks the subject’s "
        "figures; one that warns is listed. A rule that could not be evaluated counts as failed."
    )
    content = {"note": note, "index": _index(review, sections), "rules": sections}
    return Page("rules.html", "Rules", "Rules", "rules.html", content)


def _index(review: Review, sections: Sequence[RuleSection]) -> Table:
    by_id = {reviewed.rule.id: reviewed for reviewed in review.rules}
    rows = []
    for section in sections:
        reviewed = by_id[section.rule_id]
        is_checked = reviewed.outcome != "excluded"
        rows.append(
            {
                "rule_id": section.rule_id,
                "title": section.title,
                "severity": section.severity,
                "outcome": section.outcome,
                "judged_count": reviewed.judged_count if is_checked else None,
                "failed_count": reviewed.failed_count if is_checked else None,
                "waived_count": reviewed.waived_count if is_checked else None,
                "owner_role": section.owner_role,
                "why": section.why,
                "remedy": section.remedy,
                "error": section.error,
            }
        )
    return Table(
        "rule-index",
        "One row per rule, what stops most first",
        [
            Column(
                "Rule",
                lambda row: Cell(row["rule_id"], row["title"].replace("`", ""), href=f"#{row['rule_id']}"),
                width=35,
            ),
            Column("When it fails", lambda row: Cell(TONES[row["severity"]].word), is_facet=True),
            Column("Outcome", lambda row: badge(row["outcome"]), is_facet=True),
            count_column("Judged", "judged_count"),
            count_column("Failed", "failed_count"),
            count_column("Waived", "waived_count"),
        ],
        rows,
        download="rules.csv",
    )


def _section(reviewed: ReviewedRule, facts: SiteFacts) -> RuleSection:
    rule = reviewed.rule
    columns = finding_columns(reviewed.findings, evidence_of(facts.source_url))

    def table(prefix: str, limit: int) -> Table:
        return Table(
            f"{prefix}-{rule.id}",
            f"Subjects for which {rule.id} does not hold, oldest first",
            columns,
            reviewed.findings,
            download=f"failures-{rule.id.lower()}.csv",
            limit=limit,
            more=f"rules.html#{rule.id}" if BRIEF == limit < len(reviewed.findings) else None,
        )

    return RuleSection(
        rule_id=rule.id,
        title=rule.title,
        why=rule.why,
        remedy=rule.remedy,
        owner_role=words(rule.owner_role),
        severity=rule.severity,
        outcome=reviewed.outcome,
        stages=" and ".join(rule.stages),
        error=reviewed.error,
        summary=_summary(reviewed),
        needs_attention=reviewed.needs_attention,
        findings=table("findings", PAGE_ROWS),
        brief=table("brief", BRIEF),
    )


def _summary(reviewed: ReviewedRule) -> str:
    if reviewed.outcome == "not_evaluated":
        return "It could not be evaluated, which counts as failed."
    judged = f" of {reviewed.judged_count:,} judged" if reviewed.judged_count >= reviewed.failed_count else ""
    waived = f"; {reviewed.waived_count:,} more waived" if reviewed.waived_count else ""
    return f"Fails for {counted(reviewed.failed_count, 'subject')}{judged}{waived}."
