"""Pages of plain sections: a heading, what it says, and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.publication.tables import Table

TEMPLATE = "sections.html"


@dataclass(frozen=True)
class Section:
    """A part of a page: its anchor, its heading, what it says, and its tables."""

    id: str
    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]
