"""Signals: green key results that cost another unit, links that are missing, and KPIs that nobody needs."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.publication.pages.cells import badge, key_result_cell, person_column, words
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page, Section
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import counted, figure, moment


def signals_page(review: Review, links: Links) -> Page:
    """Return the page of the signals."""
    tables = [
        conflicts_table(review.conflicts, links),
        _suggested(review.suggested_links, links),
        _noise(review.noise, links),
    ]
    return Page(
        "signals.html", "Signals", "Signals", "list.html",
        {"note": conflicts_sentence(review), "tables": tables},
        downloads={"silo-conflicts.csv": review.conflicts},
    )  # fmt: skip


def conflicts_sentence(review: Review) -> str:
    """Say how many conflicts are open, and what they cost so far, each currency by itself."""
    if not review.verdict.passing:
        return "The gate is closed, so no signal of this day is shown."
    open_ = [row for row in review.conflicts if row["is_open"]]
    if not open_:
        return "No key result that is on track is known to cost another unit."
    costs: dict[str, float] = {}
    for row in open_:
        if row["cost_to_date_amount"] is not None:
            costs[row["currency"]] = costs.get(row["currency"], 0.0) + row["cost_to_date_amount"]
    uncosted = sum(row["cost_to_date_amount"] is None for row in open_)
    bill = [f"{amount:,.0f} {currency} so far" for currency, amount in sorted(costs.items())]
    bill += [f"{uncosted:,} without a cost"] if uncosted else []
    return f"{counted(len(open_), 'silo conflict')} open: {', '.join(bill)}."


def conflicts_table(rows: Sequence[Row], links: Links) -> Table:
    """Return the table of conflicts: a key result that stands well, and the KPI of another unit that pays for it."""

    def paid(row: Row) -> Cell:
        return links.cell("kpi", row["kpi_id"], row["kpi_name"], row["kpi_org_unit_name"] or "")

    def key_result(row: Row) -> Cell:
        return key_result_cell(row, links, row["key_result_org_unit_name"] or "")

    return Table(
        "silo-conflicts",
        "One row per key result that stands well while its release moved another unit’s KPI the worse way",
        [
            Column("Key result", key_result, width=20),
            Column("Its status", lambda row: badge("withheld" if row["is_withheld"] else row["key_result_status"])),
            Column("KPI that pays", paid, width=15),
            Column("Effect", _effect, is_number=True),
            Column("Cost so far", lambda row: _money(row, "cost_to_date_amount"), is_number=True),
            Column("Projected", lambda row: _money(row, "projected_cost_amount"), is_number=True),
            person_column("Champion", links, "champion"),
            person_column("Owner of the KPI", links, "kpi_owner"),
            Column("Open since", _since),
            Column("What was found", lambda row: Cell(row["finding"] or "", row["withheld_reason"] or ""), width=20),
        ],
        rows,
        download="silo-conflicts.csv",
        empty="No silo conflict is known.",
        is_part=True,
    )


def conflicts_section(rows: Sequence[Row], links: Links) -> Section | None:
    """Return the part of a key result’s or KPI’s page, None when it is in no conflict."""
    if not rows:
        return None
    return Section("conflicts", "Silo conflicts", table=conflicts_table(rows, links))


def _effect(row: Row) -> Cell:
    effect = row["effect"]
    if effect is None:
        return Cell(sort="")
    sign = "+" if effect > 0 else ""
    return Cell(f"{sign}{figure(effect, row['unit'])}", words(row["attribution"]), sort=effect)


def _money(row: Row, name: str) -> Cell:
    amount = row[name]
    if amount is None:
        return Cell("" if row["is_withheld"] else "uncosted", sort="")
    return Cell(f"{amount:,.0f} {row['currency']}", sort=amount)


def _since(row: Row) -> Cell:
    ended = f"resolved {moment(row['resolved_on'])}" if row["resolved_on"] else row["event_title"] or ""
    return Cell(moment(row["opened_on"]), ended, sort=moment(row["opened_on"]))


def _suggested(rows: Sequence[Row], links: Links) -> Table:
    def kpi(row: Row) -> Cell:
        return links.cell("kpi", row["kpi_id"], row["kpi_name"], words(row["relation"]))

    return Table(
        "suggested-links",
        "KPIs that moved after a release without a link to it: declare the link, or attest that there is none",
        [
            Column("Key result", lambda row: key_result_cell(row, links, row["event_title"] or ""), width=30),
            Column("KPI", kpi, width=25),
            Column("It moved", lambda row: Cell("" if row["is_adverse"] is None else _way(row))),
            person_column("Champion", links, "champion"),
            person_column("Owner of the KPI", links, "kpi_owner"),
        ],
        rows,
        download="suggested-links.csv",
        empty="No link is known to be missing.",
    )


def _way(row: Row) -> str:
    return "the worse way" if row["is_adverse"] else "the better way"


def _noise(rows: Sequence[Row], links: Links) -> Table:
    return Table(
        "noise-candidates",
        "KPIs about whose place in the reports there is something to decide",
        [
            Column("KPI", lambda row: links.cell("kpi", row["kpi_id"], row["kpi_name"], row["kpi_id"]), width=25),
            Column("Why", lambda row: Cell(words(row["sunset_reason"] or row["duplicate_reason"])), is_facet=True),
            Column("Proposal", lambda row: Cell(words(row["proposal"])), is_facet=True),
            Column("Lifecycle", lambda row: Cell(row["lifecycle"] or ""), is_facet=True),
            person_column("Owner", links, "kpi_owner"),
        ],
        rows,
        download="noise-candidates.csv",
        empty="Every KPI has its place.",
    )
