"""JSON Lines, and JSON documents that hold one list of records.

Records reach DuckDB as text, one by one, so that a broken one is quarantined alone and numbers keep every digit. A
document is cut into its records by the standard library's parser; only their extent is taken from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.header import clean_name, resolve
from orchestration.ingestion.physical import line_blocks, readable_text
from orchestration.ingestion.readers.record_set import REJECTS, FileColumn, RecordSet, literal, stream_into
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.sources import Delivery

MAX_DOCUMENT_BYTES: Final = 512 * 1024 * 1024
"""Of one JSON document, which is held in memory while it is cut. JSON Lines have no such limit."""
MAX_RECORD_BYTES: Final = 1024 * 1024
"""Of one record."""
MAX_DEPTH: Final = 64
"""Of one record: braces and brackets inside each other. DuckDB's parser calls itself for each."""

_RECORDS: Final = pa.schema([("line", pa.int64()), ("raw_text", pa.string())])
_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_DEEP: Final = re.compile(rb"[\[{]")


def read_json(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, contract: FeedContract, work_dir: Path
) -> RecordSet:
    """Make the records of a JSON or JSON Lines file queryable. See `readers.read`."""
    records = _Records()
    cut = records.of_lines if contract.format == "jsonl" else records.of_document
    stream_into(connection, "json_texts", _RECORDS, cut(delivery, contract))
    connection.execute(
        """
        create or replace temp table json_records as
        select
            rowid as record,
            line,
            raw_text,
            case
                when not json_valid(raw_text) then 'no valid JSON'
                when json_type(raw_text) <> 'OBJECT' then 'no JSON object but ' || lower(json_type(raw_text))
                when len(json_keys(raw_text)) <> len(list_distinct(json_keys(raw_text))) then 'a key stands twice'
            end as broken
        from json_texts
        """
    )
    connection.execute("drop table json_texts")
    found = connection.sql(
        "select line, 'ragged_row' as reason_code, broken as message, raw_text from json_records "
        "where broken is not null order by line"
    )
    broken: pa.Table = found.to_arrow_table().cast(REJECTS)
    rejects = pa.concat_tables([*records.rejects, broken])
    is_whole = contract.source.spool_format == "jsonl"  # an endpoint without records says so itself
    if not records.count and not rejects.num_rows and not (is_whole and contract.may_be_empty):
        raise Unreadable("empty_file", "the file holds no record")
    keys = [
        str(key)
        for (key,) in connection.execute(
            "select distinct unnest(json_keys(raw_text)) as key from json_records where broken is null order by key"
        ).fetchall()
    ]
    names = _names(contract, keys)
    if not names:
        # No record is there, or every one is broken and quarantined as such.
        names = list(dict.fromkeys(contract.mapped().values()))
        if contract.kpi_columns:
            names += ["(none)"] if contract.kpi_columns == "*" else list(contract.kpi_columns)
    header = resolve(contract, names, line=None)
    return RecordSet(
        relation="(select * from json_records where broken is null)",
        columns={name: FileColumn(f"json_extract_string(raw_text, {literal(_pointer(name))})") for name in names},
        header=header,
        count=records.count - broken.num_rows,
        rejects=rejects,
        texts=_collect_texts,
        line="line",
        notes=(f"{records.blank_lines} blank lines passed over",) if records.blank_lines else (),
    )


def _names(contract: FeedContract, keys: list[str]) -> list[str]:
    """Return the columns that records have: their keys, and pointers of the contract that lead into them."""
    pointers = [column for column in _contract_columns(contract) if column.startswith("/")]
    roots = {_unescaped(pointer.split("/")[1]) for pointer in pointers}
    names = [clean_name(key) for key in keys if clean_name(key) not in roots]
    return names + [pointer for pointer in pointers if _unescaped(pointer.split("/")[1]) in keys]


def _contract_columns(contract: FeedContract) -> list[str]:
    cells = contract.kpi_columns if isinstance(contract.kpi_columns, dict) else {}
    return list(dict.fromkeys([*contract.mapped().values(), *cells, *contract.ignored_columns]))


def _pointer(name: str) -> str:
    return name if name.startswith("/") else "/" + name.replace("~", "~0").replace("/", "~1")


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _collect_texts(connection: duckdb.DuckDBPyConnection, wanted: str) -> None:
    connection.execute(
        f"""
        create or replace temp table record_texts as
        select record, raw_text from json_records where record in (select record from ({wanted}))
        """
    )


class _Records:
    """Records of one file as Arrow batches of (line, raw_text), counted, and those that are no text."""

    def __init__(self) -> None:
        self.count = 0
        self.blank_lines = 0
        self.rejects: list[pa.Table] = []

    def of_lines(self, delivery: Delivery, contract: FeedContract) -> Iterator[pa.RecordBatch]:
        for block in line_blocks(delivery.path, delivery.name, contract.encoding):
            data = block.data
            array = np.frombuffer(data, dtype=np.uint8)
            ends = np.flatnonzero(array == 10)
            starts = np.concatenate(([0], ends[:-1] + 1))
            lines = block.first_line + np.arange(len(ends), dtype=np.int64)
            kept = ends > starts
            self.blank_lines += int(len(ends) - np.count_nonzero(kept))
            brackets = np.searchsorted(np.flatnonzero((array == 91) | (array == 123)), ends)
            if (
                (ends - starts).max() <= MAX_RECORD_BYTES
                and np.diff(brackets, prepend=0).max() <= MAX_DEPTH
                and _is_utf8(data)
            ):
                offsets = np.concatenate((starts, [len(data)])).astype(np.int64)
                buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
                texts = pa.Array.from_buffers(pa.large_string(), len(ends), buffers).filter(pa.array(kept))
                self.count += len(texts)
                texts = pc.utf8_rtrim(texts, "\n").cast(pa.string())
                yield pa.RecordBatch.from_arrays([pa.array(lines[kept]), texts], schema=_RECORDS)
            else:
                limits = zip(starts[kept].tolist(), ends[kept].tolist(), strict=True)
                yield self._batch(lines[kept].tolist(), [data[start:end] for start, end in limits])

    def of_document(self, delivery: Delivery, contract: FeedContract) -> Iterator[pa.RecordBatch]:
        parts: list[bytes] = []
        size = 0
        for block in line_blocks(delivery.path, delivery.name, contract.encoding):
            size += len(block.data)
            if size > MAX_DOCUMENT_BYTES:
                limit = f"a JSON document of more than {MAX_DOCUMENT_BYTES >> 20} MiB; do: deliver it as JSON Lines"
                raise Unreadable("unreadable_file", limit)
            parts.append(block.data)
        content = b"".join(parts)
        if not content.strip():
            raise Unreadable("empty_file", "the file holds no JSON")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise Unreadable("bad_encoding", "bytes that are no text in the declared encoding", line=line) from error
        lines: list[int] = []
        texts: list[bytes] = []
        for line, record in _cut(text):
            lines.append(line)
            texts.append(record.encode("utf-8", "surrogatepass"))
            if len(lines) == 50_000:
                yield self._batch(lines, texts)
                lines, texts = [], []
        yield self._batch(lines, texts)

    def _batch(self, lines: list[int], texts: list[bytes]) -> pa.RecordBatch:
        good: list[str] = []
        numbers: list[int] = []
        rejects: list[dict[str, Any]] = []
        for line, text in zip(lines, texts, strict=True):
            reason, message = "ragged_row", ""
            decoded = ""
            if len(text) > MAX_RECORD_BYTES:
                message = f"a record longer than {MAX_RECORD_BYTES >> 10} KiB"
            elif len(_DEEP.findall(text)) > MAX_DEPTH and _depth(text) > MAX_DEPTH:
                message = f"JSON nested deeper than {MAX_DEPTH} levels"
            else:
                try:
                    decoded = text.decode("utf-8")
                except UnicodeDecodeError:
                    reason, message = "bad_encoding", "bytes that are no text in the declared encoding"
            if message:
                raw = readable_text(text[:65_536])
                rejects.append({"line": line, "reason_code": reason, "message": message, "raw_text": raw})
            else:
                good.append(decoded)
                numbers.append(line)
        self.count += len(good)
        if rejects:
            self.rejects.append(pa.Table.from_pylist(rejects, schema=REJECTS))
        return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), pa.array(good, pa.string())], schema=_RECORDS)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _depth(text: bytes) -> int:
    """Return an upper bound of the nesting: brackets inside of strings count too."""
    depth = deepest = 0
    for sign in re.findall(rb"[\[\]{}]", text):
        depth += 1 if sign in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _cut(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every record in a JSON list."""
    # Numbers stay text: only where a record ends is taken from this parser, and no number is too long for it.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
    position = _skip_space(text, 0)
    line = 1 + text.count("\n", 0, position)
    if text[position] != "[":
        found = text[position : position + 40]
        raise Unreadable(
            "unreadable_file", "no list of records; expected a JSON document that begins with [", line=line, raw=found
        )
    position = _skip_space(text, position + 1)
    counted = 0
    is_first = True
    while True:
        line += text.count("\n", counted, position)
        counted = position
        if position >= len(text):
            raise Unreadable(
                "unreadable_file", "the JSON document ends in the middle: its list is not closed", line=line
            )
        if text[position] == "]" and is_first:
            break
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raw = text[position : position + 200]
            message = "nested too deep" if isinstance(error, RecursionError) else str(error).split(":")[0]
            raise Unreadable("unreadable_file", f"the JSON is broken: {message}", line=line, raw=raw) from error
        yield line, text[position:end]
        is_first = False
        position = _skip_space(text, end)
        if position < len(text) and text[position] == ",":
            position = _skip_space(text, position + 1)
            continue
        if position < len(text) and text[position] == "]":
            break
        line += text.count("\n", counted, position)
        raise Unreadable("unreadable_file", "the JSON is broken: expected , or ] after a record", line=line)
    position = _skip_space(text, position + 1)
    if position < len(text):
        line += text.count("\n", counted, position)
        raise Unreadable("unreadable_file", "there is more after the end of the JSON document", line=line)


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
