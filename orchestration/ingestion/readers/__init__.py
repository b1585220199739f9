"""File formats: one module each, turning a delivered file into a `RecordSet` that DuckDB can query."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.readers.csv_files import read_csv
from orchestration.ingestion.readers.json_files import read_json
from orchestration.ingestion.readers.parquet_files import read_parquet
from orchestration.ingestion.readers.record_set import RecordSet
from orchestration.ingestion.readers.xlsx_files import read_xlsx
from orchestration.ingestion.sources import Delivery

_READERS = {"csv": read_csv, "jsonl": read_json, "json": read_json, "parquet": read_parquet, "xlsx": read_xlsx}


def read(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, contract: FeedContract, work_dir: Path
) -> RecordSet:
    """Make a file's records queryable.

    Args:
        connection: an in-memory connection of this load.
        delivery: the file.
        contract: its feed's contract.
        work_dir: an empty folder for intermediate files, removed after the load.

    Raises:
        Unreadable: the file cannot be read as a whole.
    """
    return _READERS[contract.format](connection, delivery, contract, work_dir)


__all__ = ["RecordSet", "read"]
