"""The scorecard: every committed key result, the KPIs behind it, and the goals that moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from orchestration.publication.pages.cells import (
    age,
    badge,
    goals,
    key_result_cell,
    kpi_value,
    person_column,
    place,
    progress,
    status,
    unit_column,
    words,
)
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page, SiteFacts
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import figure, moment, percent
from orchestration.publication.tones import STATUS_ORDER


def scorecard_page(review: Review, facts: SiteFacts, links: Links) -> Page:
    """Return the scorecard."""
    note = (
        "Computed from the KPIs, never from what somebody reported. Open cycles come first, and what needs attention."
        if review.verdict.passing
        else f"The gate is closed, so no figure of this day is shown. {what_stands(facts)}"
    )
    content = {
        "note": note,
        "tally": tally(review),
        "scorecard": scorecard_table(review, facts, links),
        "measures": _measures(review, links),
        "goalposts": goalposts_table(review.subjects.goalposts, links),
    }
    downloads = {"objectives.csv": review.subjects.objectives}
    return Page("scorecard.html", "Scorecard", "OKR scorecard", "scorecard.html", content, downloads=downloads)


def tally(review: Review) -> list[dict[str, Any]]:
    """Count the key results by status, what needs attention first."""
    counts = Counter(row["status"] for row in review.scorecard)
    return [{"status": word, "count": counts[word]} for word in STATUS_ORDER if counts[word]]


def what_stands(facts: SiteFacts) -> str:
    """Say what readers have while the gate is closed."""
    if facts.last_release is None:
        return "Nothing was published before either."
    manifest = facts.last_release.manifest
    return f"The report of {manifest.as_of}, published {moment(manifest.published_at)}, stays in place."


def scorecard_table(review: Review, facts: SiteFacts, links: Links) -> Table:
    """Return the table of key results."""

    def behind(row: Row) -> Cell:
        return links.cell("kpi", row["main_kpi_id"], row["main_kpi_name"] or "none", row["main_kpi_owner_name"] or "")

    return Table(
        "okr-scorecard",
        "One row per committed key result: open cycles first, and what needs attention",
        [
            Column("Key result", lambda row: key_result_cell(row, links, row["objective_title"]), width=25),
            unit_column(links),
            Column("Cycle", lambda row: Cell(row["cycle_name"], row["cycle_state"] or ""), is_facet=True),
            Column("Status", status, is_facet=True, width=10),
            Column("Progress", progress, is_number=True, width=10),
            Column("Measured", _measured, is_number=True),
            Column("KPI behind", behind, width=15),
            person_column("Champion", links, "champion"),
            Column("Data age", age, is_number=True),
        ],
        review.scorecard,
        download="scorecard.csv",
        empty="No committed key result has started."
        if review.verdict.passing
        else f"Not shown, because the gate is closed. {what_stands(facts)}",
    )


def goalposts_table(rows: Sequence[Row], links: Links, *, is_part: bool = False) -> Table:
    """Return what goals asked for before, and what they ask for now."""

    def change(row: Row) -> Cell:
        unit = row["unit"]
        before, after = (
            figure(row[number], unit) if row[number] is not None else row[text] or "nothing"
            for number, text in (("old_number", "old_value"), ("new_number", "new_value"))
        )
        return Cell(f"{before} → {after}", words(row["field"]))

    def permitted(row: Row) -> Cell:
        if row["is_permitted"]:
            return Cell("yes", "; ".join(filter(None, [words(row["reason_code"]), _approved(row)])))
        return Cell("no", words(row["not_permitted_reason"]))

    def attainment(row: Row) -> Cell:
        if row["attainment_vs_current"] is None:
            return Cell("", row["withheld_reason"] or words(row["attainment_null_reason"]))
        return Cell(
            f"{percent(row['attainment_vs_current'])} now",
            f"{percent(row['attainment_vs_locked'])} of the locked goal",
            sort=row["attainment_drift"],
        )

    columns = [
        Column("Changed", lambda row: Cell(moment(row["changed_on"]), _when(row))),
        Column("From, to", change, width=20),
        Column("Difficulty", lambda row: Cell(words(row["difficulty"]) or words(row["difficulty_null_reason"]))),
        Column("Permitted", permitted, is_facet=True),
        Column("Attained", attainment),
        person_column("Owner", links, "owner"),
    ]
    if not is_part:
        columns.insert(
            0,
            Column(
                "Goal",
                lambda row: links.cell(
                    row["subject_type"], row["subject_id"], row["subject_name"], words(row["subject_type"])
                ),
                width=25,
            ),
        )
    return Table(
        "goalpost-changes",
        "One row per change of what a goal asks for, newest first",
        columns,
        rows,
        download="goalposts.csv",
        empty="What it asks for is what was first stated." if is_part else "No goal has moved.",
        is_part=is_part,
    )


def _when(row: Row) -> str:
    kind = "reset of a missed goal" if row["kind"] == "reset" else ""
    late = "after the lock" if row["is_after_lock"] else ""
    return kind or late


def _approved(row: Row) -> str:
    return f"approved by {row['approver_name']}" if row["approver_name"] else ""


def _measures(review: Review, links: Links) -> Table:
    return Table(
        "key-result-kpis",
        "One row per link from a key result to a KPI",
        [
            Column("Key result", lambda row: key_result_cell(row, links, row["key_result_id"]), width=25),
            Column(
                "KPI",
                lambda row: links.cell("kpi", row["kpi_id"], row["kpi_name"], row["kpi_org_unit_name"] or ""),
                width=20,
            ),
            Column("Link", lambda row: Cell(row["link_type"]), is_facet=True),
            Column("Status", lambda row: badge(row["status"]), is_facet=True),
            Column("Value", kpi_value, is_number=True),
            person_column("Owner of the KPI", links, "kpi_owner"),
            Column("Data age", age, is_number=True),
            Column("Evidence", lambda row: place(row["kpi_source_file"], row["kpi_source_row"])),
        ],
        review.measures,
        download="key-result-kpis.csv",
        empty="No link is published.",
    )


def _measured(row: Row) -> Cell:
    measured = row["measured_value"]
    return Cell(figure(measured, row["unit"]), goals(row), sort="" if measured is None else measured)
