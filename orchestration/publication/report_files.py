"""The published tables as files: one DuckDB database, and one Parquet file per table.

Every table of the warehouse's schema `reports` becomes a table of the same name in the schema `main` of
`reports.duckdb`, with its comments, its primary key and its not-null columns. In `main`, and not in a schema called
`reports`, because DuckDB names a database after its file: `select * from rpt_okr_scorecard` and
`select * from reports.rpt_okr_scorecard` both work, while a schema of the database's own name would make the second
one ambiguous.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.errors import PublicationError

REPORTS_SCHEMA = "reports"
DATABASE_FILE = "reports.duckdb"
PARQUET_FOLDER = "parquet"
RELEASE_TABLE = "release_info"
"""One row beside the reports, so that a reader of any tool sees which release it reads and how old it is."""

RELEASE_COLUMNS = {
    "release_id": ("string", "Id of the release."),
    "as_of": ("date", "Business date of its reports."),
    "published_at": ("timestamp", "When it was published, UTC."),
    "code_version": ("string", "Version of the code that made it."),
    "definition_hash": ("string", "Hash of the company's definitions."),
    "catalogue_hash": ("string", "Hash of the rules that it was put to."),
    "data_fingerprint": ("string", "Fingerprint of the data that was audited."),
    "oldest_input_on": ("date", "End of the oldest period behind a figure."),
    "oldest_input_kpi_id": ("string", "KPI of that period."),
}
"""Column of the release table -> its type, as contracts call it, and its comment."""

STORAGE_VERSION = "v1.5.0"
"""Format of the published file. Drivers lag: what DuckDB 2.0 writes by default, 1.5 cannot open."""

# A personal datum has no place in any published column, whatever the model says.
_PERSONAL = frozenset({"email", "mail", "phone", "mobile", "address", "birthday", "birthdate", "salary"})


@dataclass(frozen=True)
class Column:
    """A column of a published table."""

    name: str
    type: str
    is_nullable: bool
    comment: str | None


@dataclass(frozen=True)
class ReportTable:
    """A table to publish, as the warehouse describes it."""

    name: str
    comment: str | None
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]


def read_report_tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[ReportTable]:
    """Describe the tables and views of the schema `reports` of an attached warehouse, by name.

    Raises:
        PublicationError: There is none, or a column is named like a personal datum.
    """
    names = connection.execute(
        """
        select table_name, comment from duckdb_tables() where database_name = $1 and schema_name = $2
        union all
        select view_name, comment from duckdb_views() where database_name = $1 and schema_name = $2
        order by 1
        """,
        [database, REPORTS_SCHEMA],
    ).fetchall()
    columns: dict[str, list[Column]] = {}
    for table, *facts in connection.execute(
        """
        select table_name, column_name, data_type, is_nullable, comment from duckdb_columns()
        where database_name = $1 and schema_name = $2 order by table_name, column_index
        """,
        [database, REPORTS_SCHEMA],
    ).fetchall():
        columns.setdefault(table, []).append(Column(*facts))
    keys = dict(
        connection.execute(
            """
            select table_name, constraint_column_names from duckdb_constraints()
            where database_name = $1 and schema_name = $2 and constraint_type = 'PRIMARY KEY'
            """,
            [database, REPORTS_SCHEMA],
        ).fetchall()
    )
    if not names:
        raise PublicationError(
            "there is nothing to publish",
            subject=REPORTS_SCHEMA,
            expected=f"at least one table in the warehouse's schema {REPORTS_SCHEMA}",
            remedy="build the reports first: the job `publish_reports` does it in order",
        )
    for table, members in columns.items():
        for column in members:
            if _PERSONAL & set(column.name.lower().split("_")):
                raise PublicationError(
                    "a personal datum would be published",
                    subject=f"{table}.{column.name}",
                    expected="nothing about a person beyond name and unit",
                    remedy="remove the column from the model",
                )
    return [ReportTable(name, comment, tuple(columns[name]), tuple(keys.get(name) or ())) for name, comment in names]


def write_reports(
    connection: duckdb.DuckDBPyConnection,
    database: str,
    tables: list[ReportTable],
    folder: Path,
    release_info: Mapping[str, Any],
) -> None:
    """Write the DuckDB file and the Parquet files into `folder`.

    Args:
        connection: Has the warehouse attached.
        database: Name under which it is attached.
        tables: From `read_report_tables`.
        folder: Exists and is private to this build.
        release_info: Column of `RELEASE_COLUMNS` -> its value in the one row that says which release this is.
    """
    (folder / PARQUET_FOLDER).mkdir()
    connection.execute(f"attach {quoted(folder / DATABASE_FILE)} as release (storage_version '{STORAGE_VERSION}')")
    try:
        for table in tables:
            source = f"{_name(database)}.{_name(REPORTS_SCHEMA)}.{_name(table.name)}"
            target = f"release.main.{_name(table.name)}"
            connection.execute(f"create table {target} ({_columns_of(table)})")
            connection.execute(f"insert into {target} select * from {source}")
            _comment(connection, target, table.comment, {column.name: column.comment for column in table.columns})
            connection.execute(
                f"copy {target} to {quoted(folder / PARQUET_FOLDER / f'{table.name}.parquet')} "
                "(format parquet, compression zstd)"
            )
        _write_release_info(connection, release_info)
        connection.execute("checkpoint release")
    finally:
        connection.execute("detach release")
    # A write-ahead log beside the file would mean that the file alone is not the release.
    for left in folder.glob(f"{DATABASE_FILE}.*"):
        raise PublicationError("the published file is not complete by itself", file=left, remedy="publish again")


def _write_release_info(connection: duckdb.DuckDBPyConnection, release_info: Mapping[str, Any]) -> None:
    target = f"release.main.{RELEASE_TABLE}"
    columns = ", ".join(
        f"{_name(name)} {'varchar' if kind == 'string' else kind}" for name, (kind, _) in RELEASE_COLUMNS.items()
    )
    connection.execute(f"create table {target} ({columns})")
    marks = ", ".join("?" for _ in RELEASE_COLUMNS)
    connection.execute(f"insert into {target} values ({marks})", [release_info[name] for name in RELEASE_COLUMNS])
    comment = "One row: the release that this file is. Age of a report = today - as_of; of its data = oldest_input_on."
    _comment(connection, target, comment, {name: text for name, (_, text) in RELEASE_COLUMNS.items()})


def _columns_of(table: ReportTable) -> str:
    parts = [
        f"{_name(column.name)} {column.type}{'' if column.is_nullable else ' not null'}" for column in table.columns
    ]
    if table.primary_key:
        parts.append(f"primary key ({', '.join(map(_name, table.primary_key))})")
    return ", ".join(parts)


def _comment(
    connection: duckdb.DuckDBPyConnection, target: str, comment: str | None, columns: Mapping[str, str | None]
) -> None:
    if comment:
        connection.execute(f"comment on table {target} is {quoted(comment)}")
    for name, text in columns.items():
        if text:
            connection.execute(f"comment on column {target}.{_name(name)} is {quoted(text)}")


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def quoted(value: object) -> str:
    """Return a value as a text literal, for the statements that take no parameters."""
    return "'" + str(value).replace("'", "''") + "'"
