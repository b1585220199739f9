"""Tables as the site shows them: rows of a query, and for each column how a row is told."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publication.text import csv_cell

Row = Mapping[str, Any]

PAGE_ROWS = 1000
"""Rows of one table on one page: one megabyte, laid out and filtered without a wait. The download has all."""
TOOLS_FROM = 10
"""Rows up to which a table is taken in at a glance, and filter and sorting would only be in the way."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Progress, and where it should stand by now; shares of 0-1."""

    progress: float
    expected: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell says."""

    text: str = ""
    note: str = ""  # second, quieter line
    href: str | None = None  # relative, and made by us
    sort: str | float | None = None  # sorts instead of the text
    tone: str | None = None  # a status word: shown as a badge
    bar: Bar | None = None
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and how it tells a row."""

    label: str
    show: Callable[[Row], Cell]
    is_number: bool = False
    is_facet: bool = False  # few values: offered as a choice beside the filter
    width: int = 0  # percent of the table, a multiple of 5; 0 leaves it to the browser


@dataclass(frozen=True)
class Table:
    """A table on a page.

    Args:
        id: Anchor on the page.
        caption: What one row is.
        columns: In order.
        rows: All rows of the query.
        download: File name of the CSV with every field of `rows`; None for none.
        empty: What to say when there is no row.
        limit: Show only so many; where there are more, `more` or the download has them.
        more: Relative link to the page that has all.
        is_part: The rows are some of a larger table's, whose page writes the download.
    """

    id: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    download: str | None = None
    empty: str = "Nothing to show."
    limit: int = PAGE_ROWS
    more: str | None = None
    is_part: bool = False
    shown: list[list[Cell]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shown = [[column.show(row) for column in self.columns] for row in self.rows[: self.limit]]
        object.__setattr__(self, "shown", shown)

    @property
    def has_tools(self) -> bool:
        """Whether filter and sorting are offered: not in an excerpt, where they would mislead."""
        return len(self.rows) > TOOLS_FROM and self.limit == PAGE_ROWS

    @property
    def left_out(self) -> int:
        """How many rows the page does not show."""
        return len(self.rows) - len(self.shown)


def rows_of(connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, Any] | None = None) -> list[Row]:
    """Run a query and return its rows by column name.

    Args:
        connection: Where to run it.
        query: Names its parameters `$name`.
        values: Of the parameters; those that this query does not name are left out.
    """
    asked = {name: value for name, value in (values or {}).items() if f"${name}" in query}
    cursor = connection.execute(query, asked)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def write_csv(path: Path, rows: Sequence[Row], names: Sequence[str]) -> None:
    """Write rows for spreadsheets: UTF-8 with a byte order mark, text quoted and inert, times in ISO 8601."""
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(names)
        for row in rows:
            writer.writerow([_plain(row.get(name)) for name in names])


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, int | float):
        return value
    return csv_cell(str(value))
