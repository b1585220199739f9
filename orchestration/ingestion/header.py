"""What a file's columns mean under its contract, and what happens when they are not those of the contract."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.errors import nearest
from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.reasons import Unreadable


@dataclass(frozen=True)
class Header:
    """The columns of a file that are read.

    Attributes:
        fields: field of an observation -> column that fills it.
        cells: of wide files, (column, KPI id as the contract or the file names it), in the order of the file.
        ignored: columns that are there and not read.
    """

    fields: dict[str, str]
    cells: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]


def clean_name(name: str) -> str:
    """Return a column name as it is compared: trimmed, NFC."""
    return unicodedata.normalize("NFC", name.strip())


def resolve(contract: FeedContract, names: Sequence[str], *, line: int | None) -> Header:
    """Map a file's columns by name, never by position.

    Args:
        contract: the feed's contract.
        names: the columns as the file names them, cleaned.
        line: line of the header, for errors.

    Raises:
        Unreadable: a column stands twice, is missing, or is not of the contract under `freeze`.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        which = f"the column {twice[0]!r}" if twice[0] else "a column without a name"
        raise Unreadable(
            "unexpected_column",
            f"{which} stands {Counter(names)[twice[0]]} times in the header; no row can say which one is meant",
            line=line,
            column=twice[0],
        )
    present = set(names)
    fields = contract.mapped()
    kpi_columns = contract.kpi_columns if isinstance(contract.kpi_columns, dict) else {}
    needed = [*fields.values(), *kpi_columns]
    missing = [column for column in needed if column not in present]
    if missing:
        raise Unreadable("missing_column", _missing(missing, names, needed, contract), line=line, column=missing[0])
    ignored = set(contract.ignored_columns)
    others = [name for name in names if name not in needed and name not in ignored]
    if contract.kpi_columns == "*":
        cells = tuple((name, name) for name in others if name)
        if not cells:
            raise Unreadable("missing_column", "the file has no column that could be a KPI's", line=line)
        others = [name for name in others if not name]
    else:
        cells = tuple((name, kpi_columns[name]) for name in names if name in kpi_columns)
    if others and contract.on_schema_change == "freeze":
        shown = ", ".join(repr(name) for name in others[:5]) + (" ..." if len(others) > 5 else "")
        raise Unreadable(
            "unexpected_column",
            f"the contract does not name {shown}; do: add to `columns` or `ignored_columns` what is meant to be "
            "there, or write `on_schema_change: evolve`",
            line=line,
            column=others[0],
        )
    return Header(fields, cells, tuple(name for name in names if name in ignored or name in others))


def _missing(missing: Sequence[str], names: Sequence[str], needed: Sequence[str], contract: FeedContract) -> str:
    message = f"the header lacks {', '.join(repr(name) for name in missing[:5])}{' ...' if len(missing) > 5 else ''}"
    if len(names) == 1 and contract.format == "csv" and len(needed) > 1:
        other = next((mark for mark in (";", ",", "\t", "|") if mark != contract.delimiter and mark in names[0]), None)
        if other:
            return f"{message}: it holds {other!r}, and the contract declares the delimiter {contract.delimiter!r}"
    close = nearest(missing[0], [name for name in names if name not in needed])
    if close:
        return f"{message}; it has {close!r}, which the contract does not name: was the column renamed?"
    shown = ", ".join(repr(name[:60]) for name in names[:8]) + (" ..." if len(names) > 8 else "")
    return f"{message}; it has {shown}"
