"""Great Expectations on DuckDB: a SQLAlchemy dialect whose cursors own their rows and ask an audit session.

Great Expectations hands out a result after it has left the connection that made it, which `duckdb-engine` cannot
serve; a buffered cursor can. Every connection of the dialect is the same audit session, so what a check can see and how
long it may take is decided there and nowhere else.

Import this module inside the function that uses it: it imports SQLAlchemy and `duckdb-engine`.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from duckdb_engine import Dialect
from sqlalchemy.dialects import registry

from orchestration.audit.session import AuditSession
from orchestration.errors import AuditError

URL = "duckdb+gx:///audit"

_sessions: dict[str, AuditSession] = {}


@contextlib.contextmanager
def served(session: AuditSession) -> Iterator[dict[str, str]]:
    """Let the dialect find a session. Yields the `connect_args` of an engine on it."""
    registry.register("duckdb.gx", __name__, "SessionDialect")
    name = uuid.uuid4().hex
    _sessions[name] = session
    try:
        yield {"session": name}
    finally:
        del _sessions[name]


class SessionCursor:
    """A cursor that holds all rows of its result."""

    arraysize = 1
    rowcount = -1

    def __init__(self, connection: SessionConnection) -> None:
        self.connection = connection
        self.description: Sequence[Any] | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def execute(self, statement: str, parameters: Sequence[Any] = (), context: object = None) -> None:
        """Ask the session, and keep the whole answer."""
        if parameters:
            raise AuditError("a check takes no parameters", found=repr(parameters))
        answer = self.connection.session.ask(statement)
        if answer.error is not None:
            raise answer.error
        self.description = answer.description
        self._rows = iter(answer.rows)

    def executemany(self, statement: str, parameters: object = None, context: object = None) -> NoReturn:
        """Refuse."""
        raise AuditError("a check writes nothing")

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, None when there is none."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        return list(itertools.islice(self._rows, size or self.arraysize))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows that are left."""
        return list(self._rows)

    def close(self) -> None:
        """Let the rows go."""
        self._rows = iter(())


class SessionConnection:
    """A connection of the dialect. Closing it leaves the session open: it is not ours."""

    closed = False
    notices: Sequence[str] = ()
    autocommit = None

    def __init__(self, session: AuditSession) -> None:
        self.session = session

    def cursor(self) -> SessionCursor:
        """Return a cursor on the session."""
        return SessionCursor(self)

    def begin(self) -> None:
        """One question is one transaction; the data does not change between two."""

    def commit(self) -> None:
        """Nothing was written."""

    def rollback(self) -> None:
        """Nothing was written."""

    def close(self) -> None:
        """The session is closed by whoever opened it."""


class SessionDialect(Dialect):  # type: ignore[misc]
    """`duckdb+gx`."""

    driver = "gx"
    supports_statement_cache = False

    def connect(self, *_: Any, session: str, **__: Any) -> SessionConnection:
        """Return a connection to the session of that name; the URL names none."""
        return SessionConnection(_sessions[session])
