"""The KPIs: every one, what needs attention first."""

from __future__ import annotations

from orchestration.publication import subjects
from orchestration.publication.pages.cells import badge, person_column, unit_column
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import figure, moment
from orchestration.wording import counted


def kpis_page(review: Review, links: Links) -> Page:
    """Return the page of the KPIs."""
    rows = review.subjects.kpis
    waiting = sum(row["attention"] is not None for row in rows)
    note = f"{counted(len(rows), 'KPI')}, of which {waiting:,} need attention: they come first. {pages_note(waiting)}"
    table = Table(
        "all-kpis",
        "One row per KPI",
        [
            Column("KPI", lambda row: links.cell("kpi", row["kpi_id"], row["kpi_name"], row["kpi_id"]), width=25),
            Column("Needs attention", lambda row: Cell(row["attention"] or ""), width=20),
            Column("Variation", _variation, is_facet=True),
            Column("Against target", lambda row: badge(row["assurance"]), is_facet=True),
            Column("Newest value", _value, is_number=True),
            unit_column(links),
            person_column("Owner", links, "owner"),
        ],
        rows,
        download="kpis.csv",
        empty="No KPI is defined.",
    )
    downloads = {
        "special-causes.csv": [
            row for points in review.subjects.charts.values() for row in points if row["special_cause"]
        ],
        "owners.csv": [row for owners in review.subjects.owners.values() for row in owners],
    }
    return Page("kpis.html", "KPIs", "KPIs", "list.html", {"note": note, "tables": [table]}, downloads=downloads)


def pages_note(waiting: int) -> str:
    """Say which subjects have a page, when not all that need attention do."""
    if waiting <= subjects.SUBJECT_PAGES:
        return "Each of those has a page."
    return f"The first {subjects.SUBJECT_PAGES:,} of those have a page; the download has all."


def _variation(row: Row) -> Cell:
    return badge("withheld") if row["is_withheld"] else badge(row["variation"])


def _value(row: Row) -> Cell:
    value = row["value"]
    return Cell(figure(value, row["unit"]), moment(row["period_start_on"]), sort="" if value is None else value)
