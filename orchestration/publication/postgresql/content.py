"""What a release says, as a database is to hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.errors import PublicationError
from orchestration.publication.catalog import RELEASE, Catalog, Column, Table, read_catalog
from orchestration.publication.release_store import Release
from orchestration.publication.report_files import RELEASE_TABLE, quoted

TYPES = {
    "string": ("text", "varchar"),
    "int": ("integer", "integer"),
    "integer": ("integer", "integer"),
    "bigint": ("bigint", "bigint"),
    "double": ("double precision", "double"),
    "boolean": ("boolean", "boolean"),
    "date": ("date", "date"),
    "timestamp": ("timestamp without time zone", "timestamp"),
}
"""Type in a contract -> type in PostgreSQL, type in DuckDB."""


@dataclass(frozen=True)
class Content:
    """A release to publish.

    Attributes:
        name: Of the release.
        database: Its DuckDB file.
        tables: What to publish of it.
        checksums: Table -> what identifies its rows; None where that is unknown.
    """

    name: str
    database: Path
    tables: tuple[Table, ...]
    checksums: Mapping[str, str | None]


def content_of(release: Release) -> Content:
    """Read what is to be published of a release.

    Raises:
        PublicationError: The release has no catalog, or one that its tables do not follow.
    """
    catalog = read_catalog(release.path)
    with duckdb.connect() as connection:
        connection.execute(f"attach {quoted(release.database)} as release (read_only)")
        info = _release_table(connection)
        _require_same_columns(connection, catalog)
    facts = release.manifest.tables
    return Content(
        name=release.name,
        database=release.database,
        tables=(*catalog.tables, info),
        checksums={table: f"{facts[table].columns}:{facts[table].checksum}" for table in facts}
        | {RELEASE_TABLE: release.name},
    )


def postgres_type(column: Column) -> str:
    """Return a column's type in PostgreSQL, spelled as its catalogue spells it.

    Raises:
        PublicationError: The type cannot be published.
    """
    return _types(column)[0]


def shipped(column: Column) -> str:
    """Return the expression that ships a column: of the agreed type, and without what the other side cannot hold."""
    value = f'"{column.name}"'
    if column.type == "string":
        return f"case when contains({value}, chr(0)) then replace({value}, chr(0), '') else {value} end as {value}"
    return f"{value}::{_types(column)[1]} as {value}"


def _types(column: Column) -> tuple[str, str]:
    try:
        return TYPES[column.type]
    except KeyError:
        raise PublicationError(
            "a column of this type cannot be published to PostgreSQL",
            column=column.name,
            expected=f"one of {', '.join(TYPES)}",
            found=column.type,
            remedy="cast it in the model",
        ) from None


def _release_table(connection: duckdb.DuckDBPyConnection) -> Table:
    columns: list[Any] = connection.execute(
        """
        select column_name, lower(data_type), comment from duckdb_columns()
        where database_name = 'release' and table_name = ? order by column_index
        """,
        [RELEASE_TABLE],
    ).fetchall()
    return Table(
        name=RELEASE_TABLE,
        description=RELEASE.description,
        key="release_id",
        columns=tuple(
            Column(
                name=name,
                type="string" if kind == "varchar" else kind,
                role="key" if name == "release_id" else "text",
                unit=None,
                description=told or "",
                is_required=name == "release_id",
            )
            for name, kind, told in columns
        ),
        references=(),
    )


def _require_same_columns(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'release' order by column_index"
    ).fetchall():
        found.setdefault(table, []).append(column)
    for table in catalog.tables:
        expected = [column.name for column in table.columns]
        if sorted(found.get(table.name, [])) != sorted(expected):
            raise PublicationError(
                "the release's tables are not those that its catalog describes",
                subject=table.name,
                expected=", ".join(expected),
                found=", ".join(found.get(table.name, [])) or "no such table",
                remedy="run `los prepare`, then publish again",
            )
