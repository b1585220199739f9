"""What is new: failures that came and went since the audit before, and key results that changed status overnight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.publication.pages.cells import (
    badge,
    evidence_of,
    finding_columns,
    key_result_cell,
    person_column,
    rule_column,
    subject_column,
)
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page, SiteFacts
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Table
from orchestration.publication.text import moment
from orchestration.publication.tones import STATUS_ORDER
from orchestration.wording import counted


@dataclass(frozen=True)
class Changes:
    """What is new, in sentences and tables; no table is empty."""

    sentences: Sequence[str]
    tables: Sequence[Table]


def changes_page(changes: Changes) -> Page:
    """Return the page with all of it."""
    return Page("changes.html", "Changes", "What is new", "changes.html", {"changes": changes})


def changes_of(review: Review, facts: SiteFacts, links: Links) -> Changes:
    """Compare with the audit before, and with the day before."""
    new = [row for reviewed in review.rules for row in reviewed.findings if row["is_new"]]
    before = review.previous_audit_at
    if before is None:
        sentences = ["This is the first audit on record: whatever it finds is new."]
        new = []
    elif not new and not review.repaired:
        sentences = [f"Since the audit of {moment(before)} no rule failed anew, and none was mended."]
    else:
        failed = counted(len(new), "new failure")
        sentences = [f"Since the audit of {moment(before)}: {failed}, {len(review.repaired):,} mended."]
    if review.status_changes:
        order = STATUS_ORDER.index
        worse = sum(order(row["status"]) < order(row["status_before"]) for row in review.status_changes)
        changed = counted(len(review.status_changes), "key result")
        sentences.append(f"Since the day before, {changed} changed status, {worse:,} for the worse.")
    elif review.verdict.passing:
        sentences.append("Since the day before, no key result changed status.")
    tables = [
        Table(
            "new-failures",
            "Failures that the audit before this one did not find",
            [rule_column(links), *finding_columns(new, evidence_of(facts.source_url), links)],
            new,
            download="new-failures.csv",
        ),
        Table(
            "mended",
            "Failures that are mended",
            [
                rule_column(links),
                subject_column(links),
                Column("What it was", lambda row: Cell(row["detail"] or "")),
                person_column("Owner", links, "owner"),
            ],
            review.repaired,
            download="mended.csv",
        ),
        Table(
            "status-changes",
            "Key results whose status is another than the day before",
            [
                Column("Key result", lambda row: key_result_cell(row, links, row["key_result_id"])),
                Column("Day before", lambda row: badge(row["status_before"]), is_facet=True),
                Column("Now", lambda row: badge(row["status"]), is_facet=True),
                person_column("Champion", links, "champion"),
            ],
            review.status_changes,
            download="status-changes.csv",
        ),
    ]
    return Changes(sentences, [table for table in tables if table.rows])
