"""One definition as the lake keeps it: the columns of its table, its children, and where it stands in the files.

A record knows nothing of YAML and nothing of the lake: readers make records, `publish.py` writes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final

from orchestration.company.tables import CHILD_TABLES, PARENT_TABLES
from orchestration.lake.columns import LINEAGE

Row = Mapping[str, Any]
"""One row of a definition table: column -> text, float, int, date, or None."""

_SHARED: Final = {
    "record_key",
    "record_hash",
    "effective_from",
    "is_deleted",
    "position",
    *(name for name, _ in LINEAGE),
}
OWN_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    entity.removeprefix("definitions/"): tuple(name for name in schema.names if name not in _SHARED)
    for entity, schema in (PARENT_TABLES | CHILD_TABLES).items()
}
"""Table -> the columns that a record fills; the others say which version it is and where it came from."""

_ID_COLUMNS: Final = {"escalations": ("escalation_id", "state", "on")}


def id_columns(table: str) -> tuple[str, ...]:
    """Return the columns that make a table's natural id, joined by a blank: its first own column as a rule."""
    return _ID_COLUMNS.get(table) or (OWN_COLUMNS[table][0],)


def natural_id(table: str, columns: Row) -> str:
    """Return the id of a record from its columns."""
    return " ".join(str(columns[column]) for column in id_columns(table))


@dataclass(frozen=True)
class DefinitionRecord:
    """One version of one definition.

    Attributes:
        table: name of the parent table, as in `tables.py` without its folder ("kpis").
        natural_id: the id that people use; one (table, natural_id, effective_from) stands at most once.
        effective_from: day from which this version holds, when the file states one.
        columns: the parent table's own columns.
        children: child table -> its rows, in the order of the file; the parent's id is among their columns.
        source_file: path relative to the company directory, with forward slashes.
        source_row: line of the record, from 1.
        child_rows: child table -> line of each of its rows; may be left out, then the parent's line stands in.
    """

    table: str
    natural_id: str
    effective_from: date | None
    columns: Row
    children: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    source_file: str = ""
    source_row: int = 0
    child_rows: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str, date | None]:
        """What two versions of the same definition share: (table, natural_id, effective_from)."""
        return self.table, self.natural_id, self.effective_from

    @cached_property
    def hash(self) -> str:
        """The record's `record_hash`."""
        return record_hash(self)

    def child_line(self, child_table: str, position: int) -> int:
        """Return the line of one child row, or the parent's where none was noted."""
        lines = self.child_rows.get(child_table, ())
        return lines[position] if position < len(lines) else self.source_row


def record_hash(record: DefinitionRecord) -> str:
    """Return the sha256 (hex) of a record's meaning: its columns and children, not its place in the files.

    Nulls are left out, so that a column added later does not turn every record into a new version.
    """
    content = {
        "columns": _present(record.columns),
        "children": {table: [_present(row) for row in rows] for table, rows in sorted(record.children.items()) if rows},
    }
    return hashlib.sha256(canonical_json(content)).hexdigest()


def records_hash(records: Iterable[DefinitionRecord]) -> str:
    """Return the sha256 (hex) of a whole set of definitions, whatever their order and files."""
    digest = hashlib.sha256()
    lines = (canonical_json([*record.identity, record.hash]) for record in records)
    for line in sorted(lines):
        digest.update(line + b"\n")
    return digest.hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: keys sorted, no blanks, dates as ISO 8601, UTF-8."""
    text = json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_iso_date
    )
    return text.encode()


def _present(row: Row) -> dict[str, Any]:
    return {column: value for column, value in row.items() if value is not None}


def _iso_date(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical JSON")
