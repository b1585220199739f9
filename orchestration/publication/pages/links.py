"""Which subjects have a page of their own, and what its file is called.

An id may be any text. What makes a plain file name everywhere is kept, so that people can read it; anything else is
cut down to letters and digits, and told apart by a hash. `--` stands before the hash and in no plain name, so no id
can be chosen to take another's page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from orchestration.publication.tables import Cell

PREFIXES = {"rule": "rule", "key_result": "kr", "kpi": "kpi", "unit": "unit", "person": "person",
            "conflict": "conflict"}  # fmt: skip
"""Kind of subject -> start of its page's file name."""

_PLAIN = re.compile(r"[a-z0-9]+(?:[_.-][a-z0-9]+)*")
_RULE = re.compile(r"[A-Z]{3}-\d\d")  # what every rule of the catalogue is called; none is told apart by its case
_LONGEST = 80


def page_file(kind: str, subject_id: str) -> str:
    """Return the file name of a subject's page: lower case, ASCII, at most 110 characters, one for each id."""
    if kind == "rule" and _RULE.fullmatch(subject_id):
        return f"rule-{subject_id.lower()}.html"
    if _PLAIN.fullmatch(subject_id) and len(subject_id) <= _LONGEST:
        return f"{PREFIXES[kind]}-{subject_id}.html"
    readable = "-".join(re.findall(r"[a-z0-9]+", subject_id.lower()))[:60].strip("-")
    digest = hashlib.sha256(subject_id.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return f"{PREFIXES[kind]}-{readable}--{digest}.html"


class Links:
    """The subjects that have a page.

    Args:
        pages: Kind and id of each.
    """

    def __init__(self, pages: Iterable[tuple[str, str]] = ()) -> None:
        self.pages = frozenset(pages)

    def to(self, kind: str | None, subject_id: str | None) -> str | None:
        """Return the file of a subject's page, None when it has none."""
        if kind is None or subject_id is None or (kind, subject_id) not in self.pages:
            return None
        return page_file(kind, subject_id)

    def cell(self, kind: str | None, subject_id: str | None, text: str | None, note: str = "") -> Cell:
        """Show a subject by its name, as a link when it has a page."""
        return Cell(text or subject_id or "", note, href=self.to(kind, subject_id))
