"""What was audited, in a few bytes: per table its shape, its number of rows, and a checksum that knows no order.

Two tables with the same fingerprint hold the same rows in the same columns. The checksum adds up a 64-bit hash of
every row, so it takes one scan, needs no sorting, and a row that is doubled or lost, or two that cancel each other out,
do not escape it. It guards against accidents and edits, not against somebody who computes collisions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from expectations.rule import Stage
from orchestration.audit.session import read_only

SCHEMAS: Mapping[Stage, tuple[str, ...]] = {"marts": ("marts",), "reports": ("marts", "reports")}
"""What the verdict on a stage is about."""


@dataclass(frozen=True)
class TableFingerprint:
    """One table or view.

    Attributes:
        rows: Number of rows.
        columns: Sha256 of the names and types of the columns, by name.
        checksum: Sum and exclusive or of the hashes of all rows, columns by name.
    """

    rows: int
    columns: str
    checksum: str


@dataclass(frozen=True)
class DataFingerprint:
    """The tables of some schemas, by `schema.table`."""

    tables: Mapping[str, TableFingerprint]

    @property
    def value(self) -> str:
        """Sha256 over all tables."""
        facts = {name: [table.rows, table.columns, table.checksum] for name, table in self.tables.items()}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def only(self, schema: str) -> DataFingerprint:
        """Return the part that one schema makes up."""
        return DataFingerprint({name: table for name, table in self.tables.items() if name.startswith(f"{schema}.")})


def fingerprint_stage(connection: duckdb.DuckDBPyConnection, stage: Stage) -> DataFingerprint:
    """Fingerprint everything that the verdict on a stage is about, in the connection's current database."""
    columns = connection.execute(
        """
        select table_schema, table_name, column_name, data_type
        from information_schema.columns
        where table_catalog = current_database() and list_contains($1, table_schema)
        order by all
        """,
        [list(SCHEMAS[stage])],
    ).fetchall()
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, type_ in columns:
        tables.setdefault((schema, table), {})[column] = type_
    return DataFingerprint(
        {f"{schema}.{table}": _table(connection, schema, table, types) for (schema, table), types in tables.items()}
    )


def fingerprint_warehouse(warehouse: Path, stage: Stage) -> DataFingerprint:
    """Fingerprint a warehouse file as it is now.

    Raises:
        AuditError: It cannot be opened for reading.
    """
    with read_only(warehouse) as connection:
        return fingerprint_stage(connection, stage)


def _table(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, types: Mapping[str, str]
) -> TableFingerprint:
    names = ", ".join(_name(column) for column in sorted(types))
    row = connection.execute(
        f"select count(*), coalesce(sum(hash({names})), 0)::varchar, coalesce(bit_xor(hash({names})), 0)::varchar "
        f"from {_name(schema)}.{_name(table)}"
    ).fetchone()
    rows, total, mixed = row or (0, "0", "0")
    shape = hashlib.sha256(json.dumps(sorted(types.items())).encode()).hexdigest()
    return TableFingerprint(rows, shape, f"{total}:{mixed}")


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
