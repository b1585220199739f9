"""Escalations: what is red, who is asked now, what comes next, and by when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestration.publication.pages.cells import badge, person_column, rule_cell, unit_column, words
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page, Section
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, moment
from orchestration.wording import counted

_LADDER = {"owner": "first asked", "reviewer": "reviewer", "unit_head": "head of the unit", "sponsor": "sponsor"}


def escalations_page(review: Review, links: Links) -> Page:
    """Return the page of all escalations."""
    open_, waived, ended = split(review.escalations)
    others = [
        escalations_table(waived, links, id="waived-escalations", caption="Waived: not asked for, still counted"),
        escalations_table(ended, links, id="ended-escalations", caption="Ended in the last 90 days"),
    ]
    tables = [escalations_table(open_, links), *(table for table in others if table.rows)]
    return Page(
        "escalations.html", "Escalations", "Escalations", "list.html",
        {"note": sentence(review), "tables": tables},
        downloads={"escalations.csv": review.escalations},
    )  # fmt: skip


def split(rows: Sequence[Row]) -> tuple[list[Row], list[Row], list[Row]]:
    """Return those that are asked for, those that are waived, and those that ended."""
    open_ = [row for row in rows if row["is_open"]]
    return (
        [row for row in open_ if row["state"] != "waived"],
        [row for row in open_ if row["state"] == "waived"],
        [row for row in rows if not row["is_open"]],
    )


def sentence(review: Review) -> str:
    """Say how many are open, overdue and above their first level."""
    open_, waived, _ = split(review.escalations)
    if not open_:
        return "No escalation is open." if review.verdict.passing else "No escalation of a failed rule is open."
    overdue = [row for row in open_ if row["is_overdue"]]
    above = sum(row["level"] > 0 for row in open_)
    parts = [f"{counted(len(open_), 'escalation')} open"]
    if overdue:
        people = len({row["owner_id"] for row in overdue})
        parts.append(f"{len(overdue):,} overdue, with {counted(people, 'person', 'people')}")
    else:
        parts.append(f"none overdue, the next due on {min(row['due_on'] for row in open_)}")
    if above:
        parts.append(f"{above:,} above the first level")
    if waived:
        parts.append(f"{len(waived):,} more waived")
    closed = "" if review.verdict.passing else " The gate is closed, so those of key results are not shown."
    return f"{'; '.join(parts)}.{closed}"


def escalations_table(
    rows: Sequence[Row],
    links: Links,
    *,
    id: str = "open-escalations",
    caption: str = "What is overdue first, then the highest level, what holds most back, and the oldest",
    has_owner: bool = True,
) -> Table:
    """Return a table of escalations, in the order of `rows`."""
    columns = [
        Column("What", lambda row: _what(row, links), width=25),
        Column("Why", lambda row: _why(row, links), is_facet=True),
        Column("State", _state, is_facet=True),
        Column("Level", _level, is_facet=True),
        Column("Age", lambda row: Cell(days(row["age_days"]) if row["age_days"] else "new", sort=row["age_days"]),
               is_number=True),
        Column("Due", _due),
        Column("Next action", _next, width=15),
        unit_column(links),
    ]  # fmt: skip
    if has_owner:
        columns.insert(4, replace(person_column("With", links, "owner"), width=15))
    return Table(id, caption, columns, rows, download="escalations.csv", empty="No escalation is open.", is_part=True)


def escalations_section(rows: Sequence[Row], links: Links, *, has_owner: bool = True) -> Section | None:
    """Return the part of a subject's page, None when there is no open escalation."""
    open_ = [row for row in rows if row["is_open"]]
    if not open_:
        return None
    return Section("escalations", "Escalations", table=escalations_table(open_, links, has_owner=has_owner))


def _what(row: Row, links: Links) -> Cell:
    return links.cell(row["subject_type"], row["subject_id"], row["subject_name"], row["detail"] or "")


def _why(row: Row, links: Links) -> Cell:
    if row["rule_id"]:
        return rule_cell(row["rule_id"], links, words(row["severity"]))
    if row["trigger_type"] == "silo_conflict":
        key = row["escalation_id"].split(":", 2)[-1]  # silo_conflict:<side>:<key>
        return links.cell("conflict", key, "silo conflict")
    return badge(row["trigger_type"]) if row["trigger_type"] == "off_track" else Cell(words(row["trigger_type"]))


def _state(row: Row) -> Cell:
    if row["is_overdue"]:
        return badge("overdue", words(row["state"]))
    return Cell(words(row["state"]))


def _level(row: Row) -> Cell:
    return Cell(str(row["level"]), _LADDER.get(row["level_role"], words(row["level_role"])), sort=row["level"])


def _due(row: Row) -> Cell:
    if row["resolved_on"]:
        return Cell(moment(row["resolved_on"]), "gone", sort=moment(row["resolved_on"]))
    held = f"held by a decision of {moment(row['decided_on'])}" if row["held_until"] == row["due_on"] else ""
    return Cell(moment(row["due_on"]), held, sort=moment(row["due_on"]))


def _next(row: Row) -> Cell:
    decided = f"decided by {row['decided_by_name']}" if row["decided_by_name"] else ""
    return Cell(row["next_action"] or "none stated", decided)
