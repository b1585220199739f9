"""Units and people: who has to act, and a page for each that has something to attend to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestration.publication.pages.cells import (
    badge,
    count_column,
    evidence_of,
    findings_table,
    key_result_cell,
    person_column,
    place,
    progress,
    status,
    subject_column,
    unit_column,
)
from orchestration.publication.pages.escalations import escalations_section
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Fact, Page, Section, SiteFacts, fact
from orchestration.publication.pages.subject import subject_page
from orchestration.publication.review import Review
from orchestration.publication.subjects import grouped_by
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, figure, moment, percent
from orchestration.publication.tones import SEVERITY_ORDER
from orchestration.wording import counted


def people_page(review: Review, links: Links) -> Page:
    """Return the page that lists units and people, whoever has most to attend to first."""
    subjects = review.subjects
    note = (
        f"{counted(len(subjects.people), 'person', 'people')} in {counted(len(subjects.units), 'unit')}. Key results "
        "of closed cycles are not counted as off track or at risk."
    )
    return Page("people.html", "People", "Units and people", "list.html", {
        "note": note, "tables": [to_do_table(review, links), _units(subjects.units, links)],
    })  # fmt: skip


def to_do_table(review: Review, links: Links) -> Table:
    """Return who has what to attend to."""
    return Table(
        "to-do",
        "One row per person, who has most overdue and holds back most first",
        [
            Column("Person", lambda row: links.cell("person", row["person_id"], row["person_name"])),
            unit_column(links),
            count_column("Overdue", "overdue_count", hide_zero=True),
            count_column("Escalations", "escalation_count", hide_zero=True),
            count_column("Failures that hold back", "holding_count", hide_zero=True),
            count_column("That warn", "warning_count", hide_zero=True),
            Column("Oldest", _oldest, is_number=True),
            count_column("KRs off track", "off_track_count", hide_zero=True),
            count_column("KRs at risk", "at_risk_count", hide_zero=True),
            count_column("KPIs of concern", "concern_count", hide_zero=True),
        ],
        review.subjects.people,
        download="people.csv",
        empty="Nobody is named.",
    )


def _oldest(row: Row) -> Cell:
    old = row["oldest_days"]
    return Cell("" if old is None else "new" if old == 0 else days(old), sort="" if old is None else old)


def _units(rows: Sequence[Row], links: Links) -> Table:
    return Table(
        "units",
        "One row per unit, key results off track first",
        [
            unit_column(links),
            Column("Head", lambda row: links.cell("person", row["head_person_id"], row["head_name"])),
            count_column("KRs", "key_result_count"),
            count_column("Off track", "off_track_count", hide_zero=True),
            count_column("At risk", "at_risk_count", hide_zero=True),
            count_column("Unknown", "unknown_count", hide_zero=True),
            count_column("KPIs", "kpi_count"),
            count_column("Of concern", "concern_count", hide_zero=True),
            count_column("Failures", "finding_count", hide_zero=True),
        ],
        rows,
        download="units.csv",
        empty="No unit is defined.",
    )


def unit_pages(review: Review, facts: SiteFacts, links: Links) -> Iterator[Page]:
    """Return a page for each unit that has something to attend to."""
    subjects = review.subjects
    cards = grouped_by(review.scorecard, "org_unit_id")
    kpis = grouped_by(subjects.kpis, "org_unit_id")
    findings = grouped_by(review.findings, "org_unit_id")
    objectives = grouped_by(subjects.objectives, "org_unit_id")
    escalations = grouped_by(review.escalations, "org_unit_id")
    for unit in subjects.units:
        unit_id = unit["org_unit_id"]
        if ("unit", unit_id) not in links.pages:
            continue
        yield subject_page(
            "unit",
            unit_id,
            called="Unit",
            title=unit["org_unit_name"],
            parent="people.html",
            facts=[
                fact("Head", links.cell("person", unit["head_person_id"], unit["head_name"])),
                fact("Part of", links.cell("unit", unit["parent_org_unit_id"], unit["parent_name"])),
                Fact("Key results", f"{unit['key_result_count']:,}", _counts(unit)),
                Fact("KPIs", f"{unit['kpi_count']:,}", _concern(unit)),
                fact("Defined in", place(unit["source_file"], unit["source_row"])),
            ],
            sections=_filled(
                escalations_section(escalations.get(unit_id, []), links),
                _failures("Rules that fail here", findings.get(unit_id, []), facts, links),
                Section("objectives", "Objectives", table=_objectives(objectives.get(unit_id, []), links)),
                Section("key-results", "Key results", table=_cards(cards.get(unit_id, []), links)),
                Section("kpis", "KPIs that need attention", table=_kpis(kpis.get(unit_id, []), links)),
            ),
        )


def person_pages(review: Review, facts: SiteFacts, links: Links) -> Iterator[Page]:
    """Return a page for each person who has something to attend to."""
    subjects = review.subjects
    championed, reviewed = grouped_by(review.scorecard, "champion_id"), grouped_by(review.scorecard, "reviewer_id")
    kpis = grouped_by(subjects.kpis, "owner_id")
    findings = grouped_by(review.findings, "owner_id")
    waivers = grouped_by(review.waivers, "approved_by_id")
    escalations = grouped_by(review.escalations, "owner_id")
    for person in subjects.people:
        person_id = person["person_id"]
        if ("person", person_id) not in links.pages:
            continue
        yield subject_page(
            "person",
            person_id,
            called="Person",
            title=person["person_name"],
            parent="people.html",
            facts=[
                fact("Unit", links.cell("unit", person["org_unit_id"], person["org_unit_name"])),
                Fact("Champions", f"{person['key_result_count']:,} key results", _counts(person)),
                Fact("Answers for", f"{person['kpi_count']:,} KPIs", _concern(person)),
                Fact("Escalations", f"{person['escalation_count']:,}", _overdue(person)),
                Fact("Failures to mend", f"{person['holding_count'] + person['warning_count']:,}", _age(person)),
                *_calibration(subjects.calibration.get(person_id)),
            ],
            sections=_filled(
                escalations_section(escalations.get(person_id, []), links, has_owner=False),
                _failures("To mend", findings.get(person_id, []), facts, links, has_owner=False),
                Section("key-results", "Key results championed", table=_cards(championed.get(person_id, []), links)),
                Section("kpis", "KPIs to attend to", table=_kpis(kpis.get(person_id, []), links)),
                Section(
                    "reviewed",
                    "Key results reviewed",
                    table=replace(_cards(reviewed.get(person_id, []), links), id="key-results-reviewed"),
                ),
                Section("approved", "Waivers approved", table=_waivers(waivers.get(person_id, []), links)),
            ),
        )


def _filled(*sections: Section | None) -> list[Section]:
    return [section for section in sections if section and (section.table is None or section.table.rows)]


def _failures(title: str, rows: Sequence[Row], facts: SiteFacts, links: Links, *, has_owner: bool = True) -> Section:
    def urgency(row: Row) -> tuple[bool, int, int]:
        return row["outcome"] == "waived", SEVERITY_ORDER.index(row["severity"]), -(row["age_days"] or 0)

    table = findings_table(
        sorted(rows, key=urgency),
        evidence_of(facts.source_url),
        links,
        caption="What holds back comes first, then by age; what is waived, last",
        has_owner=has_owner,
    )
    return Section("failing", title, table=table)


def _cards(rows: Sequence[Row], links: Links) -> Table:
    return Table(
        "key-results-here",
        "One row per committed key result, open cycles and what needs attention first",
        [
            Column("Key result", lambda row: key_result_cell(row, links, row["objective_title"] or ""), width=30),
            Column("Cycle", lambda row: Cell(row["cycle_name"], row["cycle_state"] or ""), is_facet=True),
            Column("Status", status, is_facet=True),
            Column("Progress", progress, is_number=True, width=15),
            person_column("Champion", links, "champion"),
        ],
        rows,
        download="scorecard.csv",
        is_part=True,
    )


def _kpis(rows: Sequence[Row], links: Links) -> Table:
    return Table(
        "kpis-here",
        "One row per KPI that needs attention",
        [
            Column("KPI", lambda row: links.cell("kpi", row["kpi_id"], row["kpi_name"], row["kpi_id"]), width=30),
            Column("Why", lambda row: Cell(row["attention"])),
            Column("Variation", lambda row: badge(row["variation"]), is_facet=True),
            Column("Newest value", lambda row: Cell(figure(row["value"], row["unit"])), is_number=True),
            person_column("Owner", links, "owner"),
        ],
        [row for row in rows if row["attention"]],
        download="kpis.csv",
        is_part=True,
    )


def _objectives(rows: Sequence[Row], links: Links) -> Table:
    def guardrail(row: Row) -> Cell:
        return links.cell("kpi", row["worst_guardrail_kpi_id"], row["worst_guardrail_kpi_name"])

    return Table(
        "objectives-here",
        "One row per objective; its status is the worst of its key results and of their guardrails",
        [
            Column("Objective", lambda row: Cell(row["objective_title"], row["objective_id"]), width=30),
            Column("Cycle", lambda row: Cell(row["cycle_name"], row["cycle_state"] or ""), is_facet=True),
            Column("Status", lambda row: badge(row["status"]), is_facet=True),
            Column("Progress", lambda row: Cell(percent(row["progress"])), is_number=True),
            Column("Worst guardrail", guardrail),
            person_column("Owner", links, "owner"),
        ],
        rows,
        download="objectives.csv",
        is_part=True,
    )


def _waivers(rows: Sequence[Row], links: Links) -> Table:
    return Table(
        "waivers-approved",
        "Exceptions to a rule that this person approved",
        [
            Column("Rule", lambda row: Cell(row["rule_id"])),
            subject_column(links),
            Column("Reason", lambda row: Cell(row["reason"] or "")),
            Column("Expires", lambda row: Cell(moment(row["expires_on"]))),
        ],
        rows,
        download="waivers.csv",
        is_part=True,
    )


def _counts(row: Row) -> str:
    parts = [
        f"{row[name]:,} {word}"
        for name, word in (("off_track_count", "off track"), ("at_risk_count", "at risk"))
        if row[name]
    ]
    return ", ".join(parts)


def _concern(row: Row) -> str:
    return f"{row['concern_count']:,} of concern" if row["concern_count"] else ""


def _overdue(row: Row) -> str:
    return f"{row['overdue_count']:,} overdue" if row["overdue_count"] else ""


def _age(row: Row) -> str:
    return f"oldest {days(row['oldest_days'])}" if row["oldest_days"] else ""


def _calibration(row: Row | None) -> list[Fact]:
    if row is None or not row["compared_count"]:
        return []
    note = f"{row['optimistic_count']:,} rosier than computed, {row['pessimistic_count']:,} gloomier"
    return [Fact("Check-ins compared", f"{row['compared_count']:,}", note)]
