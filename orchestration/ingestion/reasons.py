"""Why a row or a file of a feed is kept out: the reason codes and what each means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REASONS: Final[dict[str, str]] = {
    "unreadable_file": "the file as a whole cannot be read: damaged, cut off, of another format, or outside its folder",
    "empty_file": "the file holds no record, and its feed does not declare may_be_empty",
    "bad_encoding": "bytes that are not text in the feed's encoding, or control characters",
    "ragged_row": "the record's structure is broken: too few or too many fields, quotes or JSON that do not close",
    "missing_column": "a column that the feed's contract maps is not in the file",
    "unexpected_column": "a column that the feed's contract does not name, or one that stands twice",
    "missing_value": "a field that every row must fill is empty",
    "not_a_number": "not a number by the feed's decimal and thousands mark",
    "not_finite": "NaN, infinity, or a number too large for a double",
    "not_a_date": "not a date or time of the feed's format",
    "impossible_date": "a date or time of the right form that no calendar has, or before 1900",
    "ambiguous_local_time": "a local time that the clock shows twice, or that states no zone",
    "nonexistent_local_time": "a local time that the clock skips",
    "future_period": "a period, an event, or a time of availability, after the time of the load",
    "unknown_kpi": "no KPI of this id is defined",
    "unknown_key_result": "no key result of this id is defined",
    "unknown_milestone": "the key result has no milestone of this id",
    "unit_mismatch": "the unit of the value is not the KPI's, and no conversion is declared",
    "out_of_range": "outside the KPI's valid range, or beyond what a double holds exactly",
    "duplicate_in_file": "the file holds several different rows for one KPI and period, or one event, of one vintage",
    "retired_kpi": "the KPI is retired",
    "unmatched_value": "a value that no pattern or value map fits, or an event of another type than its milestone's",
    "invalid_definition": "of a foreign registry: the record does not make a definition that our own files may hold",
}
"""Reason code -> meaning. Names are part of the lake: they are never renamed."""

REGISTRY_REASONS: Final = frozenset(
    {
        "unknown_kpi",
        "unit_mismatch",
        "out_of_range",
        "retired_kpi",
        "unknown_key_result",
        "unknown_milestone",
        "unmatched_value",
    }
)
"""Reasons that a change of the definitions can lift: files with such rows are read again when it changes."""


@dataclass(frozen=True)
class Problem:
    """One way in which a row can fail.

    Attributes:
        condition: SQL, true for rows that fail so; evaluated only for rows without an earlier problem.
        reason: reason code.
        field: contract field at fault ("value"), whose column and raw text go to the quarantine.
        message: what was expected, for the person who mends it.
    """

    condition: str
    reason: str
    field: str
    message: str


class Unreadable(Exception):
    """A file that cannot be read at all; becomes a rejected load, never an escaping error.

    Args:
        reason: reason code.
        message: what is wrong and what was expected.
        line: physical line at fault, from 1, when known.
        column: column of the file at fault, when there is one.
        raw: what stood there.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        line: int | None = None,
        column: str | None = None,
        raw: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.line = line
        self.column = column
        self.raw = raw
