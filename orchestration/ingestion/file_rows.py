"""What it takes to judge the rows of one file, whatever they tell of: fields, problems and their texts, and lineage.

`staging` does it for observations, `events` for what happened to key results. Both leave the tables `staged`, one row
for each of the file with the number of its first problem, and `duplicates`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from orchestration.ingestion import derived, values
from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.readers import RecordSet
from orchestration.ingestion.readers.record_set import FileColumn, literal
from orchestration.ingestion.reasons import Problem, Unreadable
from orchestration.names import Names

CLOCK_TOLERANCE: Final = timedelta(days=1)
"""By how much a time of availability may lie after the load: clocks differ, and so do notions of a day's end."""
PARQUET: Final = "format parquet, compression zstd, compression_level 1, parquet_version v2, dictionary_size_limit 5000"
"""How data files are written: the encodings of version 2 take half the time of version 1's dictionaries.

A dictionary of more than 5,000 values is given up early: to fill it takes longer, and the other encodings are smaller.
"""
_SUGGESTIONS: Final = 25
"""Unknown ids, the commonest, for which the nearest known one is looked up."""
_CONTROL: Final = "[\\x00-\\x08\\x0b-\\x1f\\x7f]"


@dataclass(frozen=True)
class Counts:
    """Rows of one file; `read` = `accepted` + `quarantined`.

    Attributes:
        read: records of a long file, filled cells of a wide one, broken records in both.
        accepted: rows without a problem, identical ones included.
        quarantined: rows kept out.
        collapsed: accepted rows left out because an identical one is in; the lake gets accepted - collapsed.
        absent: empty cells of a wide file.
        by_reason: quarantined rows by reason code.
        oldest: first period accepted.
        newest: last period accepted.
    """

    read: int
    accepted: int
    quarantined: int
    collapsed: int = 0
    absent: int = 0
    by_reason: Mapping[str, int] | None = None
    oldest: date | None = None
    newest: date | None = None


@dataclass(frozen=True)
class Lineage:
    """Where the rows of one load come from.

    Attributes:
        load_id: the load.
        loaded_at: naive UTC.
        feed: id of the feed.
        file: name of the file.
    """

    load_id: str
    loaded_at: datetime
    feed: str
    file: str

    def columns(self, line: str) -> str:
        """Return the columns that tell a row's origin, as SQL; `line` is SQL too."""
        return f"""
            {constant(self.load_id)} as load_id,
            timestamp {literal(self.loaded_at.isoformat(sep=" "))} as loaded_at,
            {constant(self.feed)} as source_feed,
            {constant(self.file)} as source_file,
            cast({line} as bigint) as source_row
        """


class FileRows:
    """The rows of one file on their way into the lake.

    Args:
        connection: in-memory connection that holds what the rows are checked against.
        records: the file's records.
        contract: the feed's contract.
        clock: the time of the load, aware.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, records: RecordSet, contract: FeedContract, clock: datetime
    ) -> None:
        self._connection = connection
        self._records = records
        self._contract = contract
        zone = ZoneInfo(contract.time_zone) if contract.time_zone else UTC
        self._today = clock.astimezone(zone).date().isoformat()
        self._latest = clock + CLOCK_TOLERANCE
        self._problems: list[Problem] = []
        derived.prepare(connection, contract)

    @property
    def broken_records(self) -> int:
        """Records of the file of which not even the columns could be told apart."""
        return int(self._records.rejects.num_rows)

    def _field_columns(self) -> tuple[dict[str, str], dict[str, FileColumn]]:
        """Return what to select (name -> SQL) and how later steps reach each field."""
        selected: dict[str, str] = {}
        columns: dict[str, FileColumn] = {}
        for field, name in self._records.header.fields.items():
            column = self._records.columns[name]
            selected[f"{field}_raw"] = column.sql
            columns[field] = FileColumn(f"{field}_raw", column.kind, column.is_trimmed)
        for field, text in self._contract.constant().items():
            selected[f"{field}_raw"] = literal(text)
            columns[field] = FileColumn(f"{field}_raw")
        return selected, columns

    def _present(self, text: str) -> str:
        """Return the SQL of a text, null where the contract takes it for none."""
        return f"case when not {values.is_missing(text, self._contract)} then {text} end"

    def _count_duplicates(self) -> tuple[int, int]:
        """Return how many rows conflict and how many are identical to one that stays."""
        conflicting, collapsed = self._one(
            "select count(*) filter (where is_conflict), count(*) filter (where is_surplus and not is_conflict)"
            " from duplicates"
        )
        return conflicting, collapsed

    def _by_reason(self, conflicting: int) -> dict[str, int]:
        """Count the rows that are kept out by reason, those that conflict among them."""
        counts: dict[str, int] = {}
        rows = self._connection.execute(
            "select problem, count(*) from staged where problem is not null group by problem"
        ).fetchall()
        for problem, count in rows:
            reason = self._problems[problem - 1].reason
            counts[reason] = counts.get(reason, 0) + count
        if conflicting:
            counts["duplicate_in_file"] = conflicting
        for entry in self._records.rejects.column("reason_code").value_counts().to_pylist():
            counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
        return dict(sorted(counts.items()))

    def _column_of(self, field: str) -> str:
        """Return the column of the file that holds a field, for the quarantine."""
        column = self._records.header.fields.get(field) or derived.columns_of(self._contract, field)
        return column or (f"constants.{field}" if field in self._contract.constant() else field)

    def _place_of(self, problem: Problem) -> str | None:
        """Return the column to which a problem is put down; None where another table says it."""
        return self._column_of(problem.field)

    def _by_problem(self, what: Literal["reason_code", "column_name", "message"], kind: str = "varchar") -> str:
        """Return the SQL of what a row's problem says, null where it has none; a list costs less than a join.

        Args:
            what: column of the quarantine.
            kind: SQL type of the result.
        """
        texts: list[str | None]
        if what == "column_name":
            texts = [self._place_of(one) for one in self._problems]
        else:
            texts = [one.reason if what == "reason_code" else one.message for one in self._problems]
        listed = ", ".join("null" if text is None else literal(text) for text in texts)
        return f"list_extract(cast([{listed}] as {kind}[]), staged.problem)"

    def _suggestions(self, column: str, noun: str, known: Sequence[str], among: str = "staged") -> pa.Table:
        """Return, for the commonest unknown ids, what was probably meant.

        Args:
            column: the id.
            noun: what it should be the id of.
            known: all ids there are.
            among: the rows of `staged` of which the column is null or unknown.
        """
        rows = self._connection.execute(
            f"select {column}, count(*) as n from {among} where problem is not null and {column} is not null "
            f"group by {column} order by n desc, {column} limit {_SUGGESTIONS}"
        ).fetchall()
        found: list[dict[str, Any]] = []
        ids = Names(known)
        for text, _ in rows:
            message = f"no {noun} of this id is defined"
            if not str(text).isprintable():
                message += "; the id holds an invisible character"
            elif close := ids.nearest(str(text)):
                message += f"; did the source mean {close}?"
            found.append({column: text, "message": message})
        return pa.Table.from_pylist(found, schema=pa.schema([(column, pa.string()), ("message", pa.string())]))

    def _copy_quarantine(self, statement: str, tables: Mapping[str, pa.Table]) -> None:
        """Run the statement that writes the quarantine, with the tables it reads beside `staged`."""
        tables = {"record_rejects": self._records.rejects, **tables}
        for name, table in tables.items():
            self._connection.register(name, table)
        try:
            self._connection.execute(statement)
        finally:
            for name in tables:
                self._connection.unregister(name)

    def _one(self, sql: str) -> tuple[Any, ...]:
        """Return the one row of an aggregate."""
        row = self._connection.execute(sql).fetchone()
        assert row is not None  # every statement here is an aggregate
        return row


def constant(text: str) -> str:
    """Return an SQL expression of a text that is the same in every row, cheap to write to Parquet."""
    return f"{literal(text)}::enum({literal(text)})"


def as_sent(column: FileColumn) -> str:
    """Return the SQL of a field as text, as it stands in the file."""
    return column.sql if column.kind == "text" else f"cast({column.sql} as varchar)"


def without_control(field: str) -> Problem:
    """Return the problem of a text, helper `<field>_text`, that holds a control character."""
    return Problem(f"regexp_matches({field}_text, {literal(_CONTROL)})", "bad_encoding", field, "a control character")


def refuse_other_count(expected: int, found: int) -> None:
    """Compare the rows of a file with those that DuckDB read.

    Raises:
        Unreadable: they are not as many.
    """
    if found != expected:
        raise Unreadable(
            "unreadable_file",
            f"the file holds {expected} rows by our count and {found} by the reader's; nothing of it is taken",
        )
