"""The search: every rule, key result, KPI, person and unit, by name or id, in the page itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

from markupsafe import Markup

from orchestration.publication.pages.cells import words
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import visible
from orchestration.publication.tones import TONES

_LISTS = {
    "key_result": "scorecard.html#okr-scorecard",
    "kpi": "kpis.html#all-kpis",
    "unit": "people.html#units",
    "person": "people.html#to-do",
}
"""Where a subject without a page of its own is listed."""


def find_page(review: Review, links: Links) -> Page:
    """Return the page with the search; without a script it is a list of the pages that there are."""
    rows = list(_entries(review, links))
    paged = [row for row in rows if row["has_page"]]
    table = Table(
        "all-pages",
        "One row per page",
        [
            Column("Name", lambda row: Cell(row["name"], row["id"], href=row["href"]), width=40),
            Column("What", lambda row: Cell(words(row["kind"])), is_facet=True),
            Column("Note", lambda row: Cell(row["note"])),
        ],
        paged,
        download="subjects.csv",
        is_part=True,
        empty="Nothing needs attention, so there is no page of a single subject.",
    )
    content = {"count": len(rows), "index": _index(rows), "table": table}
    return Page("find.html", "Find", "Find", "find.html", content, downloads={"subjects.csv": rows})


def _entries(review: Review, links: Links) -> Iterator[Row]:
    def entry(kind: str, subject_id: str, name: str | None, note: str) -> Row:
        page = links.to(kind, subject_id)
        return {
            "kind": kind,
            "id": subject_id,
            "name": name or subject_id,
            "note": note,
            "href": page or _LISTS[kind],
            "has_page": page is not None,
        }

    for reviewed in sorted(review.rules, key=lambda one: one.urgency):
        rule = reviewed.rule
        page = links.to("rule", rule.id)
        yield {
            "kind": "rule",
            "id": rule.id,
            "name": rule.title.replace("`", ""),
            "note": TONES[reviewed.outcome].word,
            "href": page or f"rules.html#{rule.id}",
            "has_page": True,  # the list of rules has a section for each
        }
    subjects = review.subjects
    for row in subjects.key_results:
        note = row["attention"] or words(row["status"])
        yield entry("key_result", row["key_result_id"], row["key_result_title"], note)
    for row in subjects.kpis:
        yield entry("kpi", row["kpi_id"], row["kpi_name"], row["attention"] or "")
    for row in subjects.units:
        yield entry("unit", row["org_unit_id"], row["org_unit_name"], "")
    for row in subjects.people:
        yield entry("person", row["person_id"], row["person_name"], row["org_unit_name"] or "")


def _index(rows: list[Row]) -> Markup:
    """Return the entries as JSON that can stand in an element: no character of it can end the element."""
    entries = [
        [row["kind"], *(visible(row[name]) for name in ("id", "name", "note")), row["href"] if row["has_page"] else ""]
        for row in rows
    ]
    text = json.dumps({"lists": _LISTS, "entries": entries}, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
