"""The weekly review: open escalations first, then what changed, then what must be decided and by whom."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.publication.pages.cells import badge, words
from orchestration.publication.pages.escalations import escalations_table, split
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page
from orchestration.publication.pages.sections import TEMPLATE, Section
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import moment, percent
from orchestration.publication.weekly_facts import WeeklyFacts
from orchestration.wording import counted


def weekly_page(facts: WeeklyFacts, review: Review, links: Links) -> Page:
    """Return the page of one week."""
    title = f"Weekly review, {moment(facts.as_of)}"
    open_, _, _ = split(review.escalations)
    content = {
        "sentences": [_sum(facts, len(open_))],
        "sections": [
            Section("escalations", "Open escalations", [], [escalations_table(open_, links)]),
            Section("changed", "What changed", [], _changes(facts)),
            Section("decisions", "Decisions wanted", [], [_decisions(facts.decisions)]),
        ],
    }
    return Page("weekly.html", "Weekly review", title, TEMPLATE, content)


def _sum(facts: WeeklyFacts, open_count: int) -> str:
    said = [
        counted(open_count, "escalation is open", "escalations are open"),
        counted(len(facts.decisions), "decision is wanted", "decisions are wanted"),
        counted(len(facts.status_changes), "key result changed status", "key results changed status"),
    ]
    return f"{'; '.join(said)}. What is as it should be is not listed."


def _changes(facts: WeeklyFacts) -> list[Table]:
    return [
        Table(
            "week-status",
            "Key results whose status is another than a week ago",
            [
                Column("Key result", lambda row: Cell(row["key_result_title"], row["key_result_id"]), width=35),
                Column("A week ago", lambda row: badge(row["status_before"]), is_facet=True),
                Column("Now", lambda row: badge(row["status"], words(row["null_reason"])), is_facet=True),
                Column("Champion", lambda row: Cell(row["champion_name"], row["org_unit_name"]), is_facet=True),
            ],
            facts.status_changes,
            download="week-status.csv",
            empty="No key result changed status in a week.",
        ),
        Table(
            "week-goals",
            "Goals that were changed after their lock, or ask for less than the one that was missed",
            [
                Column("Goal", lambda row: Cell(row["subject_name"], row["subject_id"]), width=30),
                Column("Field", lambda row: Cell(row["field"], words(row["kind"]))),
                Column("Before", lambda row: Cell(row["old_value"] or "")),
                Column("Now", lambda row: Cell(row["new_value"] or "", row["difficulty"] or "")),
                Column("Not permitted", lambda row: Cell(words(row["not_permitted_reason"]))),
                Column("Owner", lambda row: Cell(row["owner_name"]), is_facet=True),
            ],
            facts.goal_changes,
            download="week-goals.csv",
            empty="No goal was moved in this week.",
        ),
        Table(
            "restated-scores",
            "Closed key results whose figures were restated since; the score stays as it was agreed",
            [
                Column("Key result", lambda row: Cell(row["key_result_title"], row["cycle_name"]), width=35),
                Column("Score", lambda row: Cell(percent(row["score"], digits=1)), is_number=True),
                Column("As restated", lambda row: Cell(percent(row["restated_score"], digits=1)), is_number=True),
                Column("Champion", lambda row: Cell(row["champion_name"]), is_facet=True),
            ],
            facts.score_changes,
            download="restated-scores.csv",
            empty="Nothing was restated in a closed cycle.",
        ),
    ]


def _decisions(rows: Sequence[Row]) -> Table:
    return Table(
        "decisions-wanted",
        "What is wanted of whom, the most urgent first",
        [
            Column("Who", lambda row: Cell(row["by_name"]), is_facet=True),
            Column("What", lambda row: Cell(row["wanted"]), width=40),
            Column("By", lambda row: Cell(moment(row["due_on"]), sort=moment(row["due_on"]))),
            Column("About", lambda row: Cell(row["subject_name"], row["subject_id"]), width=25),
            Column("Kind", lambda row: Cell(row["kind"]), is_facet=True),
        ],
        rows,
        download="decisions-wanted.csv",
        empty="No decision is wanted.",
    )
