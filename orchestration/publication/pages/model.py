"""What a page of the governance site is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any

from orchestration.publication.release_store import Release
from orchestration.publication.tables import Table


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
    """A labelled value."""

    label: str
    text: str
    note: str = ""
    is_code: bool = False


@dataclass(frozen=True)
class Page:
    """A page: its file, and what its template is given."""

    file: str
    name: str
    title: str
    template: str
    content: Mapping[str, Any] = field(repr=False)

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
