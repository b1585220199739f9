"""What a page of the governance site is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any

from orchestration.publication.pages.chart import Chart
from orchestration.publication.release_store import Release
from orchestration.publication.tables import Cell, Row, Table


@dataclass(frozen=True)
class SiteFacts:
    """What the site is told besides the review.

    Attributes:
        code_version: Of the code that writes it.
        written_at: Aware.
        release_id: Under which the reports will be published if the gate is open; None when they will not be.
        last_release: What readers have until then; None when nothing was ever published.
        source_url: Where the company's files can be read, with `{file}` and `{line}` in it; None for nowhere.
    """

    code_version: str
    written_at: datetime
    release_id: str | None = None
    last_release: Release | None = None
    source_url: str | None = None


@dataclass(frozen=True)
class Fact:
    """A labelled value; `href` leads to a page of the site."""

    label: str
    text: str
    note: str = ""
    is_code: bool = False
    href: str | None = None


def fact(label: str, cell: Cell) -> Fact:
    """Return a cell as a labelled value."""
    return Fact(label, cell.text, cell.note, is_code=cell.is_code, href=cell.href)


@dataclass(frozen=True)
class Section:
    """A part of a page: heading, sentences, figures, then a chart, then a table; each only if it is there."""

    id: str
    title: str
    sentences: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    chart: Chart | None = None
    table: Table | None = None


@dataclass(frozen=True)
class Page:
    """A page: its file, and what its template is given.

    Args:
        file: Its name; all pages are in one folder.
        name: In the navigation.
        title: Of the window.
        template: File in `templates`.
        content: What the template shows.
        parent: For a page that is not in the navigation, the file of the page there that it belongs to.
        downloads: Further files for `data/`, by name, that tables of several pages are parts of.
    """

    file: str
    name: str
    title: str
    template: str
    content: Mapping[str, Any] = field(repr=False)
    parent: str | None = None
    downloads: Mapping[str, Sequence[Row]] = field(default_factory=dict, repr=False)

    @property
    def tables(self) -> list[Table]:
        """Every table on it."""
        return [table for value in self.content.values() for table in _tables_in(value)]


def _tables_in(value: object) -> list[Table]:
    if isinstance(value, Table):
        return [value]
    if isinstance(value, Mapping):
        return [table for entry in value.values() for table in _tables_in(entry)]
    if isinstance(value, list | tuple):
        return [table for entry in value for table in _tables_in(entry)]
    if is_dataclass(value):
        return [table for part in fields(value) for table in _tables_in(getattr(value, part.name))]
    return []
