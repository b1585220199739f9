"""One connection with one transaction: everything that a publication does to the server, or nothing.

ADBC sends every query as `COPY (query) TO STDOUT`, so only what can stand there can be asked, and after an error
nothing more can be: there are no savepoints to go back to.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from orchestration.errors import PublicationError
from orchestration.ingestion.sources.environment import masked
from orchestration.publication.postgresql.target import Target

CONTENDED = frozenset({"55P03", "40P01", "40001"})
"""SQLSTATEs that pass by themselves: lock not available in time, deadlock, serialization failure."""


class ContendedError(PublicationError):
    """Others held what the publication needs; trying again helps."""


class Session:
    """SQL in the one transaction of a publication."""

    def __init__(self, connection: Any, target: Target) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.target = target

    def execute(self, sql: str) -> None:
        """Run one statement that returns nothing."""
        with self._told():
            self._cursor.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one query."""
        with self._told():
            self._cursor.execute(sql)
            return [tuple(row) for row in self._cursor.fetchall()]

    def one(self, sql: str) -> Any:
        """Return the first value of a query's first row."""
        return self.rows(sql)[0][0]

    def reader(self, sql: str) -> pa.RecordBatchReader:
        """Run one query whose rows are read as they come."""
        with self._told():
            self._cursor.execute(sql)
            return self._cursor.fetch_record_batch()

    def ingest(self, table: str, rows: pa.RecordBatchReader, *, schema: str | None) -> int:
        """Append rows by COPY in binary form; returns how many.

        Args:
            table: Has the columns of `rows`, in their order.
            rows: Of the types that the columns have.
            schema: Of the table; None for a temporary one.
        """
        with self._told():
            if schema is None:
                return int(self._cursor.adbc_ingest(table, rows, mode="append", temporary=True))
            return int(self._cursor.adbc_ingest(table, rows, mode="append", db_schema_name=schema))

    def commit(self) -> None:
        """Make all of it visible at once."""
        with self._told():
            self._connection.commit()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise _translated(error, self.target) from error

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        import adbc_driver_manager.dbapi as dbapi

        return (dbapi.Error,)


@contextlib.contextmanager
def connected(target: Target) -> Iterator[Session]:
    """Open a session; what was not committed is undone at the end.

    Raises:
        PublicationError: The driver is not installed, or nobody answers; with `retryable` for the latter.
    """
    try:
        import adbc_driver_postgresql.dbapi as driver
    except ImportError as error:
        raise PublicationError(
            "the driver of PostgreSQL is not installed", remedy="install the extra: line-of-sight[postgres]"
        ) from error
    try:
        connection = driver.connect(target.uri)
    except driver.Error as error:
        raise _translated(error, target) from None
    try:
        yield Session(connection, target)
    finally:
        with contextlib.suppress(driver.Error):
            connection.rollback()
        with contextlib.suppress(driver.Error):
            connection.close()


def _translated(error: Any, target: Target) -> PublicationError:
    state = getattr(error, "sqlstate", None) or ""
    told = masked(str(error), [target.uri, target.secret])
    # The driver wraps what the server said into the whole statement.
    said = re.search(r"(?:ERROR|FATAL): +(.*?)(?:\n\nQuery was:|\n?\. SQLSTATE|$)", told, re.DOTALL)
    text = re.sub(r"\s+", " ", said.group(1) if said else told).strip()[:600]
    if state in CONTENDED:
        return ContendedError(f"PostgreSQL was busy: {text}", remedy="publish again", retryable=True)
    is_away = not state or state.startswith(("08", "57P", "53"))
    return PublicationError(
        f"PostgreSQL refused: {text}",
        subject=target.schema,
        remedy="mend that and publish again; the schema shows the release that it showed before",
        retryable=is_away,
    )


def name(identifier: str) -> str:
    """Return an identifier as SQL writes it."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text literal."""
    quoted = value.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in quoted else f"'{quoted}'"
