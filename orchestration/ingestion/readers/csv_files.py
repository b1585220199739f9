"""CSV: split by our grammar, read by DuckDB.

The splitter writes the good records once more, canonically and with their line number as first field; DuckDB reads
that file in parallel. What DuckDB counts is compared with what the splitter counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.header import clean_name, resolve
from orchestration.ingestion.physical import Block, line_blocks
from orchestration.ingestion.readers.csv_records import RecordSplitter, Split, with_line_numbers
from orchestration.ingestion.readers.record_set import REJECTS, TEXTS, FileColumn, RecordSet, literal, stream_into
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.sources import Delivery

NO_NULL: Final = "\x1f\x1fno value is null\x1f\x1f"
"""As DuckDB's null string: an empty field stays an empty text. No record that is kept holds control characters."""


def read_csv(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, contract: FeedContract, work_dir: Path
) -> RecordSet:
    """Make a CSV file's records queryable. See `readers.read`."""
    names, header_line, splitter, blocks = open_csv(delivery, contract)
    header = resolve(contract, names, line=header_line)
    target = work_dir / "records.csv"
    count = 0
    rejects = [REJECTS.empty_table()]
    with target.open("wb") as output:
        for split in splitter.split(blocks):
            output.write(with_line_numbers(split, contract.delimiter))
            count += len(split.lines)
            if split.rejects.num_rows:
                rejects.append(split.rejects)
    types = {"record": "BIGINT"} | {f"c{number}": "VARCHAR" for number in range(len(names))}
    declared = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    relation = (
        f"read_csv({literal(str(target))}, auto_detect = false, header = false, columns = {{{declared}}}, "
        f"delim = {literal(contract.delimiter)}, quote = '\"', escape = '\"', nullstr = {literal(NO_NULL)}, "
        "new_line = '\\n', strict_mode = true, max_line_size = 2097152)"
    )
    blank = splitter.blank_lines
    return RecordSet(
        relation=relation,
        columns={name: FileColumn(f"c{number}") for number, name in enumerate(names)},
        header=header,
        count=count,
        rejects=pa.concat_tables(rejects),
        texts=lambda connection, wanted: collect_texts(connection, delivery, contract, wanted),
        notes=(f"{blank} blank line{'s' if blank > 1 else ''} passed over",) if blank else (),
    )


def open_csv(delivery: Delivery, contract: FeedContract) -> tuple[list[str], int, RecordSplitter, Iterator[Block]]:
    """Return a file's column names, the line they stand on, a splitter for its records, and the text that holds them.

    Raises:
        Unreadable: there is no header that can be read.
    """
    blocks = line_blocks(delivery.path, delivery.name, contract.encoding)
    first = next(blocks, None)
    if first is None:
        raise Unreadable("empty_file", "the file holds no byte of text, not even a header")
    while not first.data.strip(b"\n"):
        following = next(blocks, None)
        if following is None:
            raise Unreadable("empty_file", "the file holds only blank lines", line=1)
        first = Block(first.first_line, first.data + following.data)
    probe = RecordSplitter(contract.delimiter, 1)
    fields, line, rest = probe.header(first)
    splitter = RecordSplitter(contract.delimiter, len(fields))
    splitter.blank_lines = probe.blank_lines
    return [clean_name(name) for name in fields], line, splitter, chain([rest], blocks)


def collect_texts(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, contract: FeedContract, wanted: str
) -> None:
    """Make the table `record_texts` of the records that a relation names by their line.

    Args:
        connection: gets the table.
        delivery: the file.
        contract: its feed's contract.
        wanted: SQL of a relation with `record`.
    """
    lines = connection.execute(f"select distinct record from ({wanted}) order by record").fetchnumpy()["record"]
    numbers = np.asarray(lines, dtype=np.int64)
    _, _, splitter, blocks = open_csv(delivery, contract)
    batches = (_texts_of(split, numbers) for split in splitter.split(blocks))
    stream_into(connection, "record_texts", TEXTS, (batch for batch in batches if batch.num_rows))


def _texts_of(split: Split, wanted: npt.NDArray[np.int64]) -> pa.RecordBatch:
    chosen = np.isin(split.lines, wanted, assume_unique=True)
    lines = split.lines[chosen]
    texts = split.records().filter(pa.array(chosen)).cast(pa.large_string())
    texts = pc.utf8_rtrim(texts, "\n").cast(pa.string())
    if split.originals:
        values = texts.to_pylist()
        texts = pa.array(
            [
                split.originals[line].decode("utf-8") if line in split.originals else text
                for line, text in zip(lines.tolist(), values, strict=True)
            ],
            pa.string(),
        )
    return pa.RecordBatch.from_arrays([pa.array(lines), texts], schema=TEXTS)
