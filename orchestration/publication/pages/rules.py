"""The rules: a list of all, and a page with every offending subject for each that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from orchestration.publication.pages.cells import (
    badge,
    count_column,
    evidence_of,
    finding_columns,
    rule_cell,
    shortened,
    words,
)
from orchestration.publication.pages.chart import trend_chart
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Fact, Page, Section, SiteFacts
from orchestration.publication.pages.subject import subject_page
from orchestration.publication.review import Review, ReviewedRule
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, moment
from orchestration.publication.tones import TONES
from orchestration.wording import counted

_MEANING = {
    "block": "When it fails, nothing is published.",
    "withhold": "The figures of whatever fails it are not published.",
    "warn": "Failures are listed, and published all the same.",
}


def failing_rules(review: Review) -> list[ReviewedRule]:
    """Return the rules that have a page, what stops most first."""
    return sorted((one for one in review.rules if _has_page(one)), key=lambda reviewed: reviewed.urgency)


def _has_page(reviewed: ReviewedRule) -> bool:
    return reviewed.needs_attention or bool(reviewed.findings)


def rules_page(review: Review, links: Links) -> Page:
    """Return the page of all rules."""
    ordered = sorted(review.rules, key=lambda reviewed: (not reviewed.needs_attention, reviewed.urgency))
    outcomes = Counter(reviewed.outcome for reviewed in review.rules)
    checked = len(review.rules) - outcomes["excluded"]
    note = (
        f"{checked} of {counted(len(review.rules), 'rule')} are checked; the others stand in the catalogue, and the "
        "gate does not ask for them yet. A rule that blocks stops the release; one that withholds blanks the subject’s "
        "figures; one that warns is listed. A rule that could not be evaluated counts as failed."
    )
    rules = [
        {
            "rule_id": reviewed.rule.id,
            "href": links.to("rule", reviewed.rule.id),
            "title": reviewed.rule.title,
            "why": reviewed.rule.why,
            "remedy": reviewed.rule.remedy,
            "owner_role": words(reviewed.rule.owner_role),
            "severity": reviewed.rule.severity,
            "outcome": reviewed.outcome,
            "stages": " and ".join(reviewed.rule.stages),
            "error": reviewed.error,
            "summary": summary(reviewed) if _has_page(reviewed) else "",
        }
        for reviewed in ordered
    ]
    content = {"note": note, "index": rule_index(ordered, links, review), "rules": rules}
    return Page("rules.html", "Rules", "Rules", "rules.html", content, downloads={"findings.csv": review.findings})


def rule_index(rules: Sequence[ReviewedRule], links: Links, review: Review) -> Table:
    """Return the table of some rules."""
    rows = []
    for reviewed in rules:
        is_checked = reviewed.outcome != "excluded"
        failing = [row for row in reviewed.findings if row["outcome"] == "failed"]
        rows.append(
            {
                "rule_id": reviewed.rule.id,
                "title": reviewed.rule.title,
                "severity": reviewed.rule.severity,
                "outcome": reviewed.outcome,
                "judged_count": reviewed.judged_count if is_checked else None,
                "failed_count": reviewed.failed_count if is_checked else None,
                "waived_count": reviewed.waived_count if is_checked else None,
                "new_count": sum(row["is_new"] for row in failing) if is_checked and review.previous_audit_at else None,
                "oldest_days": max((row["age_days"] for row in failing), default=None),
                "owner_role": words(reviewed.rule.owner_role),
                "why": reviewed.rule.why,
                "remedy": reviewed.rule.remedy,
                "error": reviewed.error,
            }
        )
    return Table(
        "rule-index",
        "One row per rule, what stops most first",
        [
            Column("Rule", lambda row: rule_cell(row["rule_id"], links, row["title"].replace("`", "")), width=35),
            Column("When it fails", lambda row: badge(row["severity"]), is_facet=True),
            Column("Outcome", lambda row: badge(row["outcome"], shortened(row["error"] or "")), is_facet=True),
            count_column("Judged", "judged_count"),
            count_column("Failed", "failed_count"),
            count_column("New", "new_count", hide_zero=True),
            count_column("Waived", "waived_count", hide_zero=True),
            Column("Oldest", _oldest, is_number=True),
        ],
        rows,
        download="rules.csv",
    )


def _oldest(row: Row) -> Cell:
    old = row["oldest_days"]
    return Cell("" if old is None else days(old) if old else "today", sort="" if old is None else old)


def rule_pages(review: Review, facts: SiteFacts, links: Links) -> Iterator[Page]:
    """Return a page for each rule that fails or is waived."""
    for reviewed in failing_rules(review):
        rule = reviewed.rule
        columns = finding_columns(reviewed.findings, evidence_of(facts.source_url), links)
        table = Table(
            "findings",
            f"Subjects for which {rule.id} does not hold, oldest first",
            columns,
            reviewed.findings,
            download=f"failures-{rule.id.lower()}.csv",
            empty="No subject can be named.",
        )
        sections = [Section("subjects", "What fails it", table=table)]
        owners = _by_owner(reviewed.findings, links)
        if len(owners.rows) > 1:
            sections.append(Section("owners", "Whose they are", table=owners))
        chart = trend_chart(reviewed.trend)
        sections.append(
            Section("trend", "Trend", chart=chart)
            if chart
            else Section("trend", "Trend", ["This is the first business date on record; a trend needs two."])
        )
        yield subject_page(
            "rule",
            rule.id,
            called="Rule",
            title=rule.title.replace("`", ""),
            parent="rules.html",
            badges=[reviewed.outcome, rule.severity],
            lead=list(filter(None, [f"{summary(reviewed)} {rule.why}", f"To do: {rule.remedy}", reviewed.error])),
            facts=[
                Fact("When it fails", TONES[rule.severity].word, _MEANING[rule.severity]),
                Fact("Asked first", words(rule.owner_role)),
                Fact("Judged", f"{reviewed.judged_count:,}"),
                Fact("Failed", f"{reviewed.failed_count:,}"),
                Fact("Waived", f"{reviewed.waived_count:,}" if reviewed.waived_count else ""),
                Fact("First seen", _first_seen(reviewed.findings)),
                Fact("Put to", " and ".join(rule.stages)),
            ],
            sections=sections,
        )  # fmt: skip


def _by_owner(rows: Sequence[Row], links: Links) -> Table:
    counts = Counter((row["owner_id"], row["owner_name"]) for row in rows if row["outcome"] == "failed")
    owners = [
        {"owner_id": owner, "owner_name": name, "failed_count": count} for (owner, name), count in counts.most_common()
    ]
    return Table(
        "by-owner",
        "One row per owner",
        [
            Column("Owner", lambda row: links.cell("person", row["owner_id"], row["owner_name"])),
            count_column("Failures", "failed_count"),
        ],
        owners,
        limit=50,
        download="findings.csv",
        is_part=True,
    )


def _first_seen(rows: Sequence[Row]) -> str:
    seen = [row["first_seen_on"] for row in rows if row["first_seen_on"]]
    return moment(min(seen)) if seen else ""


def summary(reviewed: ReviewedRule) -> str:
    """Say in one sentence for how many subjects a rule fails."""
    if reviewed.outcome == "not_evaluated":
        return "It could not be evaluated, which counts as failed."
    judged = f" of {reviewed.judged_count:,} judged" if reviewed.judged_count >= reviewed.failed_count else ""
    waived = f"; {reviewed.waived_count:,} more waived" if reviewed.waived_count else ""
    return f"Fails for {counted(reviewed.failed_count, 'subject')}{judged}{waived}."
