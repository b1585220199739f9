"""What every format hands on: records that SQL can query, counted by us, and what was no record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from orchestration.ingestion.header import Header
from orchestration.ingestion.reasons import Unreadable

REJECTS = pa.schema(
    [("line", pa.int64()), ("reason_code", pa.string()), ("message", pa.string()), ("raw_text", pa.string())]
)
"""Records that are broken as such: physical line, why, and their text."""

TEXTS = pa.schema([("record", pa.int64()), ("raw_text", pa.string())])
"""Records as text, without their line end."""

MAX_RAW_CHARACTERS = 65_536
"""Characters of raw text and raw values that the quarantine keeps of one row."""


@dataclass(frozen=True)
class FileColumn:
    """How SQL reaches one column of a file.

    Attributes:
        sql: expression over the record set's relation.
        kind: "text", or DuckDB's type of a typed column ("DOUBLE", "TIMESTAMP WITH TIME ZONE").
        is_trimmed: no text of it begins or ends with a blank, which takes long to find out row by row.
    """

    sql: str
    kind: str = "text"
    is_trimmed: bool = False


@dataclass(frozen=True)
class QuickRows:
    """Rows of the table `quick_rows` that are in order beyond doubt: those whose `kpi` is not null.

    Columns: `kpi` (the type quick_kpi, whose codes are the registry's kpi_no), `period_start`, `value`, and perhaps
    `available_at`.

    Attributes:
        first_line: line of the row whose rowid is 0.
        has_available_at: whether the column is there.
    """

    first_line: int
    has_available_at: bool


@dataclass(frozen=True)
class RecordSet:
    """The records of one file.

    Attributes:
        relation: SQL of a relation with `record` (BIGINT, distinct) and whatever the columns' expressions need.
        line: the relation's column with the physical line on which the record begins; `record` itself where no two
            records share a line, and where a format has no lines but numbers.
        columns: column of the file -> how SQL reaches it.
        header: what the columns mean.
        count: records in `relation` and `quick`, counted without DuckDB's reader.
        rejects: broken records, columns of `REJECTS`; they are not in `relation`.
        texts: given the SQL of a relation with `record`s, makes the table `record_texts(record, raw_text)`.
        has_raw_text: the relation has `raw_text` too; `texts` is for other records then, such as repeated quick rows.
        notes: what was passed over and why ("2 blank lines").
        quick: rows beside those of `relation` that need no judgement.
    """

    relation: str
    columns: dict[str, FileColumn]
    header: Header
    count: int
    rejects: pa.Table
    texts: Callable[[duckdb.DuckDBPyConnection, str], None]
    notes: tuple[str, ...] = ()
    line: Literal["record", "line"] = "record"
    quick: QuickRows | None = None
    has_raw_text: bool = False


def stream_into(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
    columns: str = "*",
) -> None:
    """Make a temporary table of Arrow batches as they come.

    Args:
        connection: gets the table.
        table: its name.
        schema: of the batches.
        batches: the rows.
        columns: what of them to keep, as SQL.

    Raises:
        Unreadable: raised by the batches; on its way through Arrow and DuckDB it would lose its fields.
    """
    refusals: list[Unreadable] = []

    def guarded() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Unreadable as refusal:
            refusals.append(refusal)

    connection.register("incoming", pa.RecordBatchReader.from_batches(schema, guarded()))
    try:
        connection.execute(f"create or replace temp table {table} as select {columns} from incoming")
    finally:
        connection.unregister("incoming")
    if refusals:
        raise refusals[0]


def literal(text: str) -> str:
    """Return text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def shortened(text: str) -> str:
    """Return the SQL of a text as the quarantine keeps it; few have as many bytes, and characters are slow to count."""
    return f"case when strlen({text}) > {MAX_RAW_CHARACTERS} then left({text}, {MAX_RAW_CHARACTERS}) else {text} end"


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
