"""Signals: green key results that cost another unit, where units rub, missing links, and KPIs that nobody needs."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.publication.pages.cells import badge, key_result_cell, person_column, shortened, unit_column, words
from orchestration.publication.pages.conflict import cost_note, difference, money
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page, Section
from orchestration.publication.pages.sections import TEMPLATE
from orchestration.publication.pages.sections import Section as Part
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import moment, percent
from orchestration.wording import counted

MATRIX_UNITS = 12
"""Units across the matrix: what fits a wide screen. The list below it has every pair."""


def signals_page(review: Review, links: Links) -> Page:
    """Return the page of the signals; without a figure while the gate is closed."""
    signals = review.signals
    sections = [
        Part("conflicts", "Silo conflicts", [], [conflicts_table(review.conflicts, links)]),
        _friction(signals.friction, links),
        _watermelons(signals.watermelons, links),
        Part("suggested", "Links that may be missing", [], [_suggested(review.suggested_links, links)]),
        Part("noise", "KPIs that may be noise", [], [_noise(review.noise, links)]),
    ]
    content = {"sentences": [conflicts_sentence(review)], "sections": sections if review.verdict.passing else []}
    downloads = {
        "silo-conflicts.csv": review.conflicts,
        "conflict-periods.csv": [row for rows in signals.points.values() for row in rows],
        "conflict-placebos.csv": [row for rows in signals.placebos.values() for row in rows],
    }
    return Page("signals.html", "Signals", "Signals", TEMPLATE, content, downloads=downloads)


def conflicts_sentence(review: Review) -> str:
    """Say how many conflicts are open and what they cost, each currency by itself, a shared movement once."""
    if not review.verdict.passing:
        return "The gate is closed, so no signal of this day is shown."
    open_ = [row for row in review.conflicts if row["is_open"]]
    if not open_:
        return "No key result that is on track is known to cost another unit."
    costs = [
        f"{'at least ' if bill['has_shared'] else ''}{money(bill['cost_to_date_amount'], bill['currency'])} so far"
        + (
            f", {money(bill['projected_cost_amount'], bill['currency'])} by the end of the cycle if nothing is done"
            if bill["projected_cost_amount"] is not None
            else ""
        )
        for bill in review.signals.bills
    ]
    withheld = sum(row["is_withheld"] for row in open_)
    uncosted = sum(not row["is_withheld"] and row["cost_to_date_amount"] is None for row in open_)
    costs += [f"{uncosted:,} without a cost"] if uncosted else []
    costs += [f"{withheld:,} withheld"] if withheld else []
    return f"{counted(len(open_), 'silo conflict')} open: {'; '.join(costs)}."


def conflicts_table(rows: Sequence[Row], links: Links) -> Table:
    """Return the table of conflicts: a key result that stands well, and the KPI of another unit that pays for it."""

    def paid(row: Row) -> Cell:
        return links.cell("kpi", row["kpi_id"], row["kpi_name"], row["kpi_org_unit_name"] or "")

    def evidence(row: Row) -> Cell:
        href = links.to("conflict", row["silo_conflict_key"])
        return Cell(moment(row["opened_on"]), _ended(row), href=href, sort=moment(row["opened_on"]))

    def key_result(row: Row) -> Cell:
        return key_result_cell(row, links, row["key_result_org_unit_name"] or "")

    return Table(
        "silo-conflicts",
        "One row per key result that stands well while its release moved another unit’s KPI the worse way",
        [
            Column("Conflict of", evidence),
            Column("Key result", key_result, width=20),
            Column("Its status", _status),
            Column("KPI that pays", paid, width=15),
            Column("Effect", _effect, is_number=True),
            Column("Cost so far", lambda row: _money(row, "cost_to_date_amount"), is_number=True),
            Column("Projected", lambda row: _money(row, "projected_cost_amount"), is_number=True),
            person_column("Champion", links, "champion"),
            person_column("Owner of the KPI", links, "kpi_owner"),
            Column("Decision", _decision),
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


def _status(row: Row) -> Cell:
    if row["is_withheld"]:
        return badge("withheld", shortened(row["withheld_reason"] or ""))
    return badge(row["key_result_status"])


def _effect(row: Row) -> Cell:
    if row["effect"] is None:
        return Cell(sort="")
    shared = "shared with other releases" if row["attribution"] == "shared" else ""
    return Cell(difference(row), shared, sort=row["effect"])


def _money(row: Row, name: str) -> Cell:
    amount = row[name]
    if amount is None:
        return Cell("", cost_note(row), sort="")
    return Cell(money(amount, row["currency"]), sort=amount)


def _ended(row: Row) -> str:
    return f"resolved {moment(row['resolved_on'])}" if row["resolved_on"] else row["event_title"] or ""


def _decision(row: Row) -> Cell:
    return Cell(row["decision"] or "none yet", moment(row["decided_on"]))


def _rubs(row: Row) -> list[str]:
    """Say what rubs between two units."""
    return [
        said
        for said in (
            counted(row["open_conflict_count"], "open conflict") if row["open_conflict_count"] else "",
            f"{row['unconfirmed_dependency_count']:,} unconfirmed" if row["unconfirmed_dependency_count"] else "",
            f"{row['overdue_dependency_count']:,} overdue" if row["overdue_dependency_count"] else "",
        )
        if said
    ]


def _friction(rows: Sequence[Row], links: Links) -> Part:
    newest = [row for row in rows if row["has_begun"] and row["cycle_id"] == rows[0]["cycle_id"]]
    tables = [_matrix(newest, links)] if newest else []
    tables.append(
        Table(
            "silo-friction",
            "One row per cycle and pair of units; what rubs most first",
            [
                unit_column(links, "org_unit", "Unit"),
                unit_column(links, "other_org_unit", "Leans on"),
                Column("Cycle", lambda row: Cell(row["cycle_name"]), is_facet=True),
                Column("What rubs", lambda row: Cell(", ".join(_rubs(row)) or "nothing"), width=20),
                Column("Links", lambda row: Cell(f"{row['link_count']:,}", sort=row["link_count"]), is_number=True),
                Column("Releases tested", _tested, width=20),
                Column("Cost to date", lambda row: _cost(row, "cost_to_date_amount"), is_number=True),
                Column("Projected", lambda row: _cost(row, "projected_cost_amount"), is_number=True),
            ],
            rows,
            download="silo-friction.csv",
            empty="No unit's key results are linked to, or depend on, another unit.",
        )
    )
    sentences = [
        "A unit leans on another when its key results are linked to the other's KPIs or need something from it. What "
        "rubs are open conflicts, and dependencies that nobody confirmed or that are overdue."
    ]
    return Part("friction", "Where units rub", sentences, tables)


def _matrix(rows: Sequence[Row], links: Links) -> Table:
    """Return the pairs of one cycle as unit by unit."""
    heat: dict[str, int] = {}
    names: dict[str, str] = {}
    for row in rows:
        for entity in ("org_unit", "other_org_unit"):
            unit = row[f"{entity}_id"]
            names[unit] = row[f"{entity}_name"]
            heat[unit] = heat.get(unit, 0) + row["friction_count"] * 1_000_000 + row["link_count"]
    shown = sorted(heat, key=lambda unit: (-heat[unit], names[unit], unit))[:MATRIX_UNITS]
    pairs = {(row["org_unit_id"], row["other_org_unit_id"]): row for row in rows}

    def meeting(other: str) -> Column:
        def show(row: Row) -> Cell:
            pair = pairs.get((row["org_unit_id"], other))
            if pair is None:
                return Cell()
            leans = ", ".join(
                counted(pair[name], word, many)
                for name, word, many in (
                    ("link_count", "link", "links"), ("dependency_count", "dependency", "dependencies"),
                )
                if pair[name]
            )  # fmt: skip
            return Cell(", ".join(_rubs(pair)) or "calm", leans)

        return Column(names[other], show)

    cut = f"; the {MATRIX_UNITS} units that rub most" if len(heat) > MATRIX_UNITS else ""
    return Table(
        "friction-matrix",
        f"{rows[0]['cycle_name']}: the unit of the row leans on the unit of the column{cut}",
        [
            Column("Unit", lambda row: links.cell("unit", row["org_unit_id"], row["org_unit_name"])),
            *(meeting(other) for other in shown if any(other == pair for _, pair in pairs)),
        ],
        [
            {"org_unit_id": unit, "org_unit_name": names[unit]}
            for unit in shown
            if any(unit == pair for pair, _ in pairs)
        ],
    )


def _tested(row: Row) -> Cell:
    if not row["release_test_count"]:
        return Cell("none")
    found = [
        f"{row[name]:,} {word}"
        for name, word in (
            ("adverse_tremor_count", "worse"), ("favourable_tremor_count", "better"),
            ("cannot_tell_count", "cannot tell"),
        )
        if row[name]
    ]  # fmt: skip
    return Cell(f"{row['release_test_count']:,}", ", ".join(found) or "no movement", sort=row["release_test_count"])


def _cost(row: Row, name: str) -> Cell:
    value = row[name]
    if value is None:
        reason = row["cost_null_reason"]
        return Cell("", "" if reason == "no_conflict" else words(reason), sort="")
    return Cell(money(value, row["currency"]), sort=value)


def _watermelons(rows: Sequence[Row], links: Links) -> Part:
    def now(row: Row) -> Cell:
        if row["is_withheld"]:
            return badge("withheld", row["withheld_reason"])
        if row["is_watermelon"] is None:
            return Cell("cannot tell", words(row["null_reason"]))
        if row["is_watermelon"]:
            return Cell("green below red", f"on {moment(row['as_of'])}")
        return Cell("no", "not all its KPIs are green" if not row["is_local_green"] else "the enterprise is not red")

    def over(row: Row) -> Cell:
        if row["local_green_day_count"] is None:
            return Cell(sort="")
        if not row["local_green_day_count"]:
            return Cell("never all green", sort="")
        share = row["watermelon_share"]
        return Cell(
            percent(share),
            f"{row['watermelon_day_count']:,} of {counted(row['local_green_day_count'], 'green day')}",
            sort="" if share is None else share,
        )

    table = Table(
        "watermelons",
        "One row per unit and cycle, on the cycle's newest day",
        [
            unit_column(links),
            Column("Cycle", lambda row: Cell(row["cycle_name"]), is_facet=True),
            Column("Watermelon", now, is_facet=True),
            Column("Green KPIs", lambda row: _of(row["green_kpi_count"], row["kpi_count"]), is_number=True),
            Column("Enterprise", lambda row: badge(row["enterprise_status"]), is_facet=True),
            Column("Of its green days, red above", over, is_number=True),
        ],
        rows,
        download="watermelons.csv",
        empty="No unit has KPIs in a cycle that has begun.",
    )
    sentence = (
        "A watermelon is green outside and red inside: all KPIs of a unit are green while its enterprise is off track."
    )
    return Part("watermelon", "Watermelons", [sentence], [table])


def _of(part: int | None, whole: int | None) -> Cell:
    return Cell(sort="") if part is None or whole is None else Cell(f"{part:,} of {whole:,}", sort=part)


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
