"""Parquet: read by DuckDB, counted from the file's own footer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.header import clean_name, resolve
from orchestration.ingestion.physical import unpacked
from orchestration.ingestion.readers.record_set import REJECTS, FileColumn, RecordSet, identifier, literal
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.sources import Delivery

_READABLE: Final = (
    "VARCHAR",
    "BOOLEAN",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)


def read_parquet(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, contract: FeedContract, work_dir: Path
) -> RecordSet:
    """Make a Parquet file's records queryable. See `readers.read`."""
    path = _plain_path(delivery, work_dir)
    if path.stat().st_size == 0:
        raise Unreadable("empty_file", "the file holds no byte")
    try:
        count = pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError) as error:
        raise Unreadable("unreadable_file", f"no whole Parquet file: {error}") from error
    source = f"read_parquet({literal(str(path))}, file_row_number = true)"
    described = connection.execute(f"describe select * from {source}").fetchall()
    physical = [(str(name), str(kind)) for name, kind, *_ in described if name != "file_row_number"]
    names = [clean_name(name) for name, _ in physical]
    header = resolve(contract, names, line=None)
    columns = {}
    for cleaned, (name, kind) in zip(names, physical, strict=True):
        columns[cleaned] = FileColumn(identifier(name), "text" if kind == "VARCHAR" else kind)
    for name in [*header.fields.values(), *(column for column, _ in header.cells)]:
        kind = columns[name].kind
        if kind != "text" and kind.split("(")[0] not in _READABLE:
            raise Unreadable(
                "unreadable_file", f"a column of type {kind}; expected text, numbers or dates", column=name
            )
    selected = ", ".join(identifier(name) for name, _ in physical)

    def collect_texts(connection: duckdb.DuckDBPyConnection, wanted: str) -> None:
        connection.execute(
            f"""
            create or replace temp table record_texts as
            select file_row_number + 1 as record, cast(to_json(struct_pack({selected})) as varchar) as raw_text
            from {source}
            where file_row_number + 1 in (select record from ({wanted}))
            """
        )

    return RecordSet(
        relation=f"(select file_row_number + 1 as record, {selected} from {source})",
        columns=columns,
        header=header,
        count=count,
        rejects=REJECTS.empty_table(),
        texts=collect_texts,
    )


def _plain_path(delivery: Delivery, work_dir: Path) -> Path:
    """Return a path that DuckDB takes for one file: unpacked, and free of what it would read as a pattern."""
    path = work_dir / "records.parquet"
    if delivery.path.suffix.lower() in (".gz", ".zst"):
        with unpacked(delivery.path, delivery.name) as packed, path.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 4 * 1024 * 1024)
    else:
        path.symlink_to(delivery.path.resolve())
    return path
