"""One page per key result that needs attention: where it stands, why, on which KPIs, and whether its goal moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestration.publication.pages.cells import (
    LEAST_DRIFT,
    age,
    attained,
    badge,
    evidence_of,
    findings_table,
    goals,
    kpi_value,
    person_column,
    place,
    unit_column,
    words,
)
from orchestration.publication.pages.chart import progress_chart
from orchestration.publication.pages.escalations import escalations_section
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Fact, Page, Section, SiteFacts, fact
from orchestration.publication.pages.scorecard import goalposts_table
from orchestration.publication.pages.subject import subject_page
from orchestration.publication.review import Review
from orchestration.publication.subjects import grouped, grouped_by
from orchestration.publication.tables import Bar, Cell, Column, Row, Table
from orchestration.publication.text import days, figure, moment, percent


def key_result_pages(review: Review, facts: SiteFacts, links: Links) -> Iterator[Page]:
    """Return the pages, one after the other."""
    cards = {row["key_result_id"]: row for row in review.scorecard}
    measures = grouped_by(review.measures, "key_result_id")
    findings = grouped(review.findings, "subject_type", "subject_id")
    moves = grouped(review.subjects.goalposts, "subject_type", "subject_id")
    escalations = grouped(review.escalations, "subject_type", "subject_id")
    for known in review.subjects.key_results:
        key = ("key_result", known["key_result_id"])
        if key not in links.pages:
            continue
        card = cards.get(known["key_result_id"])
        found = findings.get(key, [])
        table = findings_table(
            found, evidence_of(facts.source_url), links, caption="What holds it back", has_subject=False
        )
        sections = [Section("failing", "Rules that fail for it", table=table)] if found or not card else []
        sections += filter(None, [escalations_section(escalations.get(key, []), links)])
        if card:
            chart = progress_chart(review.subjects.progress.get(known["key_result_id"], []))
            if chart:
                sections.append(Section("over-time", "Progress over time", chart=chart))
            sections.append(_links(measures.get(known["key_result_id"], []), links))
            sections.append(_goalposts(moves.get(key, []), links))
        yield subject_page(
            "key_result",
            known["key_result_id"],
            called="Key result",
            title=known["key_result_title"],
            parent="scorecard.html",
            badges=[card["status"]] if card else [],
            lead=_lead(card, review, known),
            bar=Bar(card["progress"], card["expected_progress"]) if card and card["progress"] is not None else None,
            facts=[*_people(known, card, links), *(_figures(card) if card else []), *_origin(known)],
            sections=sections,
        )


def _lead(card: Row | None, review: Review, known: Row) -> list[str]:
    if card is None:
        return [
            "It is not on the scorecard: it is not committed, or has not started."
            if review.verdict.passing
            else "The gate is closed, so neither status nor figures of this day are shown."
        ]
    if card["is_withheld"]:
        return [f"Status and figures are withheld. {card['withheld_reason']}"]
    lead = []
    if card["progress"] is not None:
        expected = card["expected_progress"]
        by = min(review.as_of, card["due_on"] or review.as_of)
        beside = f"; {percent(expected)} was expected by {by}" if expected is not None else ""
        lead.append(f"{attained(card['progress'])} of the way{beside}.")
    elif card["null_reason"]:
        lead.append(f"It cannot be assessed: {words(card['null_reason'])}.")
    if abs(card["attainment_drift"] or 0) >= LEAST_DRIFT:
        lead.append(
            f"Its goal moved: {attained(card['attainment_vs_current'])} of the goal as it is now, "
            f"{attained(card['attainment_vs_locked'])} of the goal that was locked."
        )
    if card["divergence"]:
        lead.append(
            f"{card['reported_by_name']} reported {words(card['reported_status'])} on {moment(card['reported_on'])}; "
            f"computed is {words(card['status'])}."
        )
    return lead


def _people(known: Row, card: Row | None, links: Links) -> list[Fact]:
    found = [fact("Champion", links.cell("person", known["champion_id"], known["champion_name"] or "(unowned)"))]
    if card:
        found.append(fact("Reviewer", links.cell("person", card["reviewer_id"], card["reviewer_name"])))
    return [
        *found,
        fact("Unit", links.cell("unit", known["org_unit_id"], known["org_unit_name"])),
        Fact("Objective", known["objective_title"] or known["objective_id"] or ""),
        Fact("Cycle", (card and card["cycle_name"]) or known["cycle_id"] or "", known["cycle_state"] or ""),
    ]


def _figures(card: Row) -> list[Fact]:
    unit = card["unit"]
    chance = card["probability_of_target"]
    likely = f"{percent(chance)} likely to reach the target" if chance is not None else ""
    forecast = figure(card["forecast_value"], unit)
    return [
        Fact("Due", moment(card["due_on"]), f"since {moment(card['starts_on'])}" if card["starts_on"] else ""),
        Fact("Measured", figure(card["measured_value"], unit), words(card["measured_as"])),
        Fact("Goal", goals(card), f"from {figure(card['baseline'], unit)}" if card["baseline"] is not None else ""),
        Fact("Of the goal now", attained(card["attainment_vs_current"]), "the target as it is today"),
        Fact("Of the locked goal", attained(card["attainment_vs_locked"]), "the target at the cycle’s lock"),
        Fact("Forecast at its end", forecast or words(card["forecast_null_reason"]), likely),
        Fact("Reported", words(card["reported_status"]), _reported_by(card)),
        Fact("Data", f"{days(card['data_age_days'])} old" if card["data_age_days"] is not None else ""),
        Fact("Status by", card["status_rule_id"] or "", f"version {card['status_rule_version']}"),
    ]  # fmt: skip


def _reported_by(card: Row) -> str:
    return f"by {card['reported_by_name']}, {moment(card['reported_on'])}" if card["reported_by_name"] else ""


def _origin(known: Row) -> list[Fact]:
    return [fact("Defined in", place(known["source_file"], known["source_row"]))]


def _links(rows: Sequence[Row], links: Links) -> Section:
    def kpi(row: Row) -> Cell:
        return links.cell("kpi", row["kpi_id"], row["kpi_name"], row["kpi_id"])

    table = Table(
        "kpis",
        "One row per link; a value leads back to the file and row that it came in",
        [
            Column("KPI", kpi, width=25),
            Column("Link", lambda row: Cell(row["link_type"]), is_facet=True),
            Column("Status", lambda row: badge(row["status"], row["withheld_reason"] or words(row["null_reason"]))),
            Column("Value", kpi_value, is_number=True),
            Column("Forecast", _forecast, is_number=True),
            person_column("Owner", links, "kpi_owner"),
            unit_column(links, "kpi_org_unit"),
            Column("Data age", age, is_number=True),
            Column("Evidence", lambda row: place(row["kpi_source_file"], row["kpi_source_row"])),
        ],
        rows,
        download="key-result-kpis.csv",
        empty="It is linked to no KPI.",
        is_part=True,
    )
    return Section("links", "The KPIs behind it", table=table)


def _forecast(row: Row) -> Cell:
    low, high = row["forecast_low"], row["forecast_high"]
    between = (
        f"{figure(low, row['unit'])} to {figure(high, row['unit'])}" if low is not None and high is not None else ""
    )
    return Cell(figure(row["forecast_value"], row["unit"]), between)


def _goalposts(rows: Sequence[Row], links: Links) -> Section:
    return Section("goalposts", "Has its goal moved?", table=goalposts_table(rows, links, is_part=True))
