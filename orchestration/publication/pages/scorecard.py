"""The scorecard: every committed key result, and the KPIs behind it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from orchestration.publication.pages.cells import age, badge, place, words
from orchestration.publication.pages.model import Page, SiteFacts
from orchestration.publication.review import Review
from orchestration.publication.tables import Bar, Cell, Column, Row, Table
from orchestration.publication.text import figure, moment, percent
from orchestration.publication.tones import STATUS_ORDER

_LEAST_DRIFT = 0.005
"""Difference of the two attainments from which both are shown: half a percent, which is what rounding hides."""


def scorecard_page(review: Review, facts: SiteFacts) -> Page:
    """Return the scorecard."""
    note = (
        "Computed from the KPIs, never from what somebody reported. Open cycles come first, and what needs attention."
        if review.verdict.passing
        else f"The gate is closed, so no figure of this day is shown. {what_stands(facts)}"
    )
    content = {
        "note": note,
        "tally": tally(review),
        "scorecard": scorecard_table(review, facts),
        "measures": _measures(review),
    }
    return Page("scorecard.html", "Scorecard", "OKR scorecard", "scorecard.html", content)


def tally(review: Review) -> list[dict[str, Any]]:
    """Count the key results by status, what needs attention first."""
    counts = Counter(row["status"] for row in review.scorecard)
    return [{"status": status, "count": counts[status]} for status in STATUS_ORDER if counts[status]]


def what_stands(facts: SiteFacts) -> str:
    """Say what readers have while the gate is closed."""
    if facts.last_release is None:
        return "Nothing was published before either."
    manifest = facts.last_release.manifest
    return f"The report of {manifest.as_of}, published {moment(manifest.published_at)}, stays in place."


def scorecard_table(review: Review, facts: SiteFacts) -> Table:
    """Return the table of key results."""
    return Table(
        "okr-scorecard",
        "One row per committed key result: open cycles first, and what needs attention",
        [
            Column("Key result", lambda row: Cell(row["key_result_title"], row["objective_title"]), width=25),
            Column("Unit", lambda row: Cell(row["org_unit_name"]), is_facet=True),
            Column("Cycle", lambda row: Cell(row["cycle_name"], row["cycle_state"] or ""), is_facet=True),
            Column("Status", _status, is_facet=True, width=10),
            Column("Progress", _progress, is_number=True, width=10),
            Column("Measured", _measured, is_number=True),
            Column(
                "KPI behind",
                lambda row: Cell(row["main_kpi_name"] or "none", row["main_kpi_owner_name"] or ""),
                width=15,
            ),
            Column("Champion", lambda row: Cell(row["champion_name"]), is_facet=True),
            Column("Data age", age, is_number=True),
        ],
        review.scorecard,
        download="scorecard.csv",
        empty="No committed key result has started."
        if review.verdict.passing
        else f"Not shown, because the gate is closed. {what_stands(facts)}",
    )


def _measures(review: Review) -> Table:
    return Table(
        "key-result-kpis",
        "One row per link from a key result to a KPI",
        [
            Column("Key result", lambda row: Cell(row["key_result_title"], row["key_result_id"]), width=25),
            Column("KPI", lambda row: Cell(row["kpi_name"], row["kpi_org_unit_name"] or ""), width=20),
            Column("Link", lambda row: Cell(row["link_type"]), is_facet=True),
            Column("Status", lambda row: badge(row["status"]), is_facet=True),
            Column("Value", _kpi_value, is_number=True),
            Column("Owner of the KPI", lambda row: Cell(row["kpi_owner_name"]), is_facet=True),
            Column("Data age", age, is_number=True),
            Column("Evidence", lambda row: place(row["kpi_source_file"], row["kpi_source_row"])),
        ],
        review.measures,
        download="key-result-kpis.csv",
        empty="No link is published.",
    )


def _status(row: Row) -> Cell:
    notes = [row["withheld_reason"] or words(row["null_reason"])]
    if row["divergence"]:
        notes.append(f"reported {words(row['reported_status'])} by {row['reported_by_name']}")
    return badge(row["status"], note="; ".join(filter(None, notes)))


def _progress(row: Row) -> Cell:
    progress, expected = row["progress"], row["expected_progress"]
    if progress is None:
        return Cell(sort="")
    notes = [f"{percent(expected)} expected"] if expected is not None else []
    if row["probability_of_target"] is not None and row["as_of"] < row["due_on"]:
        notes.append(f"{percent(row['probability_of_target'])} likely to reach the target")
    if abs(row["attainment_drift"] or 0) >= _LEAST_DRIFT:
        notes.append(f"{_attained(row['attainment_vs_locked'])} of the locked goal")
    return Cell(_attained(progress), "; ".join(notes), sort=round(progress, 6), bar=Bar(progress, expected))


def _attained(share: float) -> str:
    """Write an attainment; what is just short of the goal does not read as 100 %."""
    return percent(min(share, 0.99) if share < 1 else share)


def _measured(row: Row) -> Cell:
    unit, measured = row["unit"], row["measured_value"]
    goals = [
        f"{word} {figure(row[name], unit)}"
        for word, name in (("target", "target"), ("at least", "lower_limit"), ("at most", "upper_limit"))
        if row[name] is not None
    ]
    return Cell(figure(measured, unit), ", ".join(goals), sort="" if measured is None else measured)


def _kpi_value(row: Row) -> Cell:
    value = row["kpi_value"]
    return Cell(figure(value, row["unit"]), moment(row["kpi_period_start_on"]), sort="" if value is None else value)
