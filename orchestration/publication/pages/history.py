"""How often and how long rules failed: per rule, unit, owner and feed, from every audit on record."""

from __future__ import annotations

from orchestration.publication.pages.cells import count_column, rule_cell
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page
from orchestration.publication.review import Review
from orchestration.publication.subjects import grouped_by
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, moment

_DIMENSIONS = {
    "rule": ("Rule", "One row per rule that ever failed"),
    "unit": ("Unit", "One row per unit of what failed"),
    "owner": ("Owner", "One row per person whose it is"),
    "feed": ("Feed", "One row per feed behind what failed"),
}
_KINDS = {"unit": "unit", "owner": "person"}


def history_page(review: Review, links: Links) -> Page:
    """Return the page of the history, most failures open first."""
    rows = grouped_by(review.history, "dimension")
    note = (
        "A failure that comes back within 30 days of its repair did not hold. Nothing is older than the first audit."
        if review.history
        else "There is no history yet: the reports that tell it were not built."
    )
    tables = [_table(dimension, rows.get(dimension, []), links) for dimension in _DIMENSIONS if rows.get(dimension)]
    return Page(
        "history.html", "History", "History of failures", "list.html", {"note": note, "tables": tables},
        downloads={"history.csv": review.history},
    )  # fmt: skip


def _table(dimension: str, rows: list[Row], links: Links) -> Table:
    label, caption = _DIMENSIONS[dimension]

    def name(row: Row) -> Cell:
        if dimension == "rule":
            return rule_cell(row["dimension_id"], links)
        return links.cell(_KINDS.get(dimension), row["dimension_id"], row["dimension_name"])

    return Table(
        f"history-by-{dimension}",
        caption,
        [
            Column(label, name, width=25),
            count_column("Open", "open_count"),
            count_column("New", "new_count", hide_zero=True),
            count_column("Waived", "waived_count", hide_zero=True),
            Column("Oldest open", _oldest, is_number=True),
            count_column("Mended", "repaired_count", hide_zero=True),
            Column("Mean time to mend", _mean, is_number=True),
            count_column("Came back", "reopened_count", hide_zero=True),
            Column("First seen", lambda row: Cell(moment(row["first_seen_on"]))),
            Column("Last mended", lambda row: Cell(moment(row["last_repaired_on"]))),
        ],
        rows,
        download="history.csv",
        is_part=True,
    )


def _oldest(row: Row) -> Cell:
    old = row["oldest_open_days"]
    return Cell("" if old is None else days(old) if old else "today", sort="" if old is None else old)


def _mean(row: Row) -> Cell:
    mean = row["mean_days_to_repair"]
    return Cell("" if mean is None else f"{mean:.1f} days", sort="" if mean is None else mean)
