"""One page per KPI that needs attention: its control chart, who answers for it, what depends on it, whence it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestration.publication.pages.cells import (
    badge,
    evidence_of,
    findings_table,
    key_result_cell,
    person_column,
    place,
    progress,
    shortened,
    words,
)
from orchestration.publication.pages.chart import CAUSES, control_chart
from orchestration.publication.pages.escalations import escalations_section
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Fact, Page, Section, SiteFacts, fact
from orchestration.publication.pages.scorecard import goalposts_table
from orchestration.publication.pages.subject import subject_page
from orchestration.publication.review import Review
from orchestration.publication.subjects import grouped, grouped_by
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, figure, moment, percent

_CAUSES_SHOWN = 20


def kpi_pages(review: Review, facts: SiteFacts, links: Links) -> Iterator[Page]:
    """Return the pages, one after the other."""
    subjects = review.subjects
    measures = grouped_by(review.measures, "kpi_id")
    findings = grouped(review.findings, "subject_type", "subject_id")
    moves = grouped(subjects.goalposts, "subject_type", "subject_id")
    escalations = grouped(review.escalations, "subject_type", "subject_id")
    for known in subjects.kpis:
        kpi_id = known["kpi_id"]
        key = ("kpi", kpi_id)
        if key not in links.pages:
            continue
        found, points = findings.get(key, []), subjects.charts.get(kpi_id, [])
        sections = []
        if found:
            table = findings_table(
                found, evidence_of(facts.source_url), links, caption="What is wrong with it", has_subject=False
            )
            sections.append(Section("failing", "Rules that fail for it", table=table))
        sections += filter(None, [escalations_section(escalations.get(key, []), links)])
        if points:
            sections.append(_chart(points))
        if review.verdict.passing:
            sections.append(_dependents(measures.get(kpi_id, []), links))
        sections.append(_sight(subjects.sights.get(kpi_id)))
        sections.append(_owners(subjects.owners.get(key, []), links, facts))
        if key in moves:
            sections.append(
                Section("goalposts", "Has its target moved?", table=goalposts_table(moves[key], links, is_part=True))
            )
        yield subject_page(
            "kpi",
            kpi_id,
            called="KPI",
            title=known["kpi_name"],
            parent="kpis.html",
            badges=["withheld"] if known["is_withheld"] else [known["variation"]] if known["variation"] else [],
            lead=_lead(known, review),
            facts=_facts(known, subjects.newest.get(kpi_id), links, review),
            sections=sections,
        )


def _lead(known: Row, review: Review) -> list[str]:
    lead = [known["description"]] if known["description"] else []
    if known["is_withheld"]:
        lead.append(f"Its figures are withheld. {known['withheld_reason']}")
    elif not review.verdict.passing:
        lead.append("The gate is closed, so no figure of this day is shown.")
    elif known["variation"] == "concern":
        lead.append(f"Its newest value is a special cause of concern: {CAUSES[known['special_cause']][1]}.")
    return lead


_BETTER = {"increase": "higher", "decrease": "lower", "band": "in its band"}
_AGAINST_TARGET = {
    "consistently_passes": "consistently passes", "consistently_fails": "consistently fails",
    "inconsistent": "hit or miss",
}  # fmt: skip


def _facts(known: Row, newest: Row | None, links: Links, review: Review) -> list[Fact]:
    found = [
        Fact("Newest value", figure(known["value"], known["unit"]), moment(known["period_start_on"])),
        fact("Accountable owner", links.cell("person", known["owner_id"], known["owner_name"])),
        fact("Unit", links.cell("unit", known["org_unit_id"], known["org_unit_name"])),
        Fact("Against its target", _AGAINST_TARGET.get(known["assurance"], "")),
        Fact("Better when", _BETTER.get(known["direction"], "")),
        Fact("Measured in", known["unit"] or "", f"each {known['grain']}" if known["grain"] else ""),
        Fact("Formula", known["formula"] or ""),
        Fact("Decides", known["decision"] or "", known["decision_threshold"] or ""),
        fact("Defined in", place(known["source_file"], known["source_row"])),
    ]
    if newest:
        where = place(newest["source_file"], newest["source_row"])
        age = (review.as_of - newest["period_start_on"]).days
        note = f"period {newest['period_start_on']}, {days(age)} before the report; feed {newest['source_feed']}"
        found.insert(1, Fact("Came in", where.text, note, is_code=True))
    return found


def _chart(points: Sequence[Row]) -> Section:
    special = [row for row in reversed(points) if row["special_cause"]]
    table = Table(
        "special-causes",
        "Periods of the chart with a special cause, newest first",
        [
            Column("Period", lambda row: Cell(moment(row["period_start_on"]))),
            Column("Value", lambda row: Cell(figure(row["value"], row["unit"]), sort=row["value"]), is_number=True),
            Column("What shows", lambda row: Cell(CAUSES[row["special_cause"]][1])),
            Column("It is", lambda row: badge(row["variation"])),
        ],
        special,
        download="special-causes.csv",
        empty="No period of the chart shows a special cause.",
        limit=_CAUSES_SHOWN,
        is_part=True,
    )
    newest = points[-1]
    sentences = [
        f"The newest {len(points):,} periods. Between the process limits a KPI varies without a cause that could be "
        "named; outside them, or in runs, something changed."
    ]
    if newest["has_trial_limits"]:
        sentences.append("The limits are on trial: fewer than 12 periods stand behind them.")
    if newest["null_reason"]:
        sentences.append(f"There are no limits yet: {words(newest['null_reason'])}.")
    return Section("chart", "Process control chart", sentences=sentences, chart=control_chart(points), table=table)


def _dependents(rows: Sequence[Row], links: Links) -> Section:
    table = Table(
        "key-results",
        "One row per link from a key result; a guardrail holds whoever owns it",
        [
            Column("Key result", lambda row: key_result_cell(row, links, row["objective_title"] or ""), width=30),
            Column("Link", lambda row: Cell(row["link_type"]), is_facet=True),
            Column("Status by it", _status),
            Column("Progress by it", lambda row: progress({"due_on": row["as_of"], **row}), is_number=True),
            person_column("Champion", links, "champion"),
        ],
        rows,
        download="key-result-kpis.csv",
        empty="No key result of a started cycle is linked to it.",
        is_part=True,
    )
    return Section("key-results-behind", "Key results that depend on it", table=table)


def _status(row: Row) -> Cell:
    return badge(row["status"], shortened(row["withheld_reason"] or words(row["null_reason"])))


def _sight(row: Row | None) -> Section:
    title = "Line of sight"
    if row is None:
        return Section("sight", title, ["It is not an active KPI, so no line of sight is asked of it."])
    if row["line_of_sight"]:
        more = f" The nearest of {row['path_count']:,} paths." if row["path_count"] > 1 else ""
        return Section("sight", title, [f"{row['line_of_sight'].replace(' -> ', ' → ')}.{more}"])
    if row["lost_on"]:
        return Section("sight", title, [f"No goal depends on it since {row['lost_on']}: a candidate for retirement."])
    return Section("sight", title, ["No goal depends on it, and none ever did: a candidate for retirement."])


def _owners(rows: Sequence[Row], links: Links, facts: SiteFacts) -> Section:
    evidence = evidence_of(facts.source_url)
    table = Table(
        "owners",
        "Who answers for it today",
        [
            Column("Role", lambda row: Cell(words(row["role"]))),
            Column("Person", lambda row: links.cell("person", row["person_id"], row["person_name"])),
            Column("Since", lambda row: Cell(moment(row["owned_from"]))),
            Column("Acknowledged", lambda row: Cell(moment(row["acknowledged_on"]) or "not yet")),
            Column("Controls", _controls, width=30),
            Column("Evidence", evidence),
        ],
        rows,
        download="owners.csv",
        empty="Nobody answers for it.",
        is_part=True,
    )
    return Section("owned", "Owners", table=table)


def _controls(row: Row) -> Cell:
    share = row["controlled_input_share"]
    if share is None:
        return Cell()
    elsewhere = f"elsewhere: {row['levers_elsewhere']}" if row["levers_elsewhere"] else ""
    return Cell(f"{percent(share)} of its inputs", elsewhere, sort=share)
