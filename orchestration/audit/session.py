"""The place where rules are put to the data: the warehouse read-only, the lake beside it, nothing else in reach.

One connection serves everything that an audit asks. It sees
- the schemas of the warehouse (`marts`, `reports`, ...), attached read-only;
- the committed rows of the lake, as `lake.loads`, `lake.observations`, `lake.definitions_kpis`, ...;
- `audit.run`, the one row that says what is audited, and `audit.findings`, where offending subjects gather.
No query can read a file outside the lake, attach a database, or change a setting.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from expectations.rule import Stage
from orchestration.errors import AuditError
from orchestration.lake.store import Lake
from orchestration.tables import LAKE_TABLES

RULE_SECONDS = 300.0
"""Longest that one rule may take. Rules take milliseconds on a small company and seconds on millions of observations;
one that needs minutes hangs, and an audit that never ends keeps the news from whoever could mend it."""


@dataclass(frozen=True)
class AuditContext:
    """What is audited, by whom, as of when.

    Attributes:
        stage: The layer.
        run_id: The run that audits.
        as_of: Business date that the audit was asked for.
        built_for: Business date that the warehouse says it was built for.
        known_at: Naive UTC; facts that became known later are out of sight.
        marts_audit_id: At the reports stage, the newest audit of the marts: what it found is withheld.
    """

    stage: Stage
    run_id: str
    as_of: date
    built_for: date
    known_at: datetime
    marts_audit_id: str | None


@dataclass
class Answer:
    """What a statement returned, or why it did not."""

    description: Sequence[Any] | None
    rows: Sequence[tuple[Any, ...]]
    seconds: float
    error: Exception | None = None


@dataclass
class AuditSession:
    """An open connection with a time limit and a memory for answers.

    Nothing that is audited changes while the session is open, so a question has one answer. Great Expectations asks a
    second and third time once any question of a suite has failed; the memory turns that into no work, and a question
    that ran into the time limit is not waited for again.
    """

    connection: duckdb.DuckDBPyConnection
    context: AuditContext
    seconds_allowed: float = RULE_SECONDS
    answers: dict[str, Answer] = field(default_factory=dict)

    def ask(self, query: str) -> Answer:
        """Return the answer to one SELECT, an error included; never raises for what the query does.

        The time limit is per question. Anything but a single SELECT is refused: a check only reads.
        """
        if query not in self.answers:
            self.answers[query] = self._ask(query)
        return self.answers[query]

    def _ask(self, query: str) -> Answer:
        started = time.perf_counter()
        try:
            statements = self.connection.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise AuditError("a check must be one SELECT", found=f"{len(statements)} statements")
            with self._limited():
                self.connection.execute(statements[0])
                rows = self.connection.fetchall()
        except duckdb.InterruptException:
            limit = AuditError(f"not done after {self.seconds_allowed:g} s, the longest that a rule may take")
            return Answer(None, (), time.perf_counter() - started, limit)
        except Exception as error:
            return Answer(None, (), time.perf_counter() - started, error)
        return Answer(self.connection.description, rows, time.perf_counter() - started)

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Execute a statement of the audit's own, inside the time limit."""
        with self._limited():
            self.connection.execute(statement, parameters)

    def value(self, query: str) -> Any:
        """Return the first column of the first row of the audit's own query, None when there is no row.

        Raises:
            duckdb.Error: The query failed.
        """
        with self._limited():
            row = self.connection.execute(query).fetchone()
        return row[0] if row else None

    def table(self, query: str) -> pa.Table:
        """Return the result of the audit's own query as an Arrow table."""
        with self._limited():
            return self.connection.sql(query).to_arrow_table()

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        timer = threading.Timer(self.seconds_allowed, self.connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@contextlib.contextmanager
def read_only(
    warehouse: Path, lake_root: Path | None = None, *, threads: int | None = None, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for reading, with nothing else in reach than the lake's folder.

    Args:
        warehouse: The DuckDB file.
        lake_root: Folder that may be read besides; nothing when None.
        threads: For DuckDB; its default when None.
        memory_limit: For DuckDB, such as `4GB`; its default when None.

    Raises:
        AuditError: The file is missing, is no DuckDB file, or another process writes it.
    """
    if not warehouse.is_file():
        raise AuditError("there is no warehouse to audit", file=warehouse, remedy="build it first: `make run`")
    config: dict[str, Any] = {"temp_directory": f"{warehouse}.audit.tmp"}
    if threads:
        config["threads"] = threads
    if memory_limit:
        config["memory_limit"] = memory_limit
    connection = duckdb.connect(":memory:", config=config)
    try:
        try:
            connection.execute(f"attach {_quoted(warehouse)} as warehouse (read_only)")
        except duckdb.Error as error:
            raise AuditError(
                f"the warehouse cannot be opened for reading: {first_line(error)}",
                file=warehouse,
                remedy="wait for the process that writes it; when there is none, delete the file and build it again",
            ) from error
        connection.execute("attach ':memory:' as lake; attach ':memory:' as audit; use warehouse")
        connection.execute(f"set allowed_directories = [{_quoted(lake_root.resolve()) if lake_root else ''}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def open_session(
    warehouse: Path,
    lake: Lake,
    *,
    stage: Stage,
    run_id: str,
    as_of: date,
    seconds_allowed: float = RULE_SECONDS,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Iterator[AuditSession]:
    """Open a session on one warehouse and one lake.

    Raises:
        AuditError: The warehouse or the lake cannot be read, or the warehouse does not say what it was built for.
    """
    lake.ensure(LAKE_TABLES)
    with read_only(warehouse, lake.root, threads=threads, memory_limit=memory_limit) as connection:
        built, known_at = built_for(connection, warehouse)
        show_lake(connection, lake, known_at=known_at)
        marts_audit_id = None
        if stage == "reports":
            row = connection.execute(
                "select max(audit_id) from lake.rule_outcomes where stage = 'marts' and as_of = ?", [as_of]
            ).fetchone()
            marts_audit_id = row[0] if row else None
        connection.execute(
            "create table audit.run (as_of date, known_at timestamp, run_id varchar, stage varchar, "
            "marts_audit_id varchar)"
        )
        connection.execute(
            "insert into audit.run values (?, ?, ?, ?, ?)", [as_of, known_at, run_id, stage, marts_audit_id]
        )
        context = AuditContext(stage, run_id, as_of, built, known_at, marts_audit_id)
        yield AuditSession(connection, context, seconds_allowed)


def built_for(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> tuple[date, datetime]:
    """Return the as_of date and the known_at time (naive UTC) that the warehouse was built for.

    Raises:
        AuditError: It does not say.
    """
    try:
        rows = connection.execute("select as_of, known_at from intermediate.int_run__context").fetchall()
    except duckdb.Error:
        rows = []
    if len(rows) != 1 or None in rows[0]:
        raise AuditError(
            "the warehouse does not say what it was built for",
            file=warehouse,
            expected="one row in intermediate.int_run__context",
            found=f"{len(rows)} rows",
            remedy="build the models again",
        )
    as_of, known_at = rows[0]
    return as_of, known_at


def show_lake(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    entities: Iterable[str] = LAKE_TABLES,
    *,
    known_at: datetime | None = None,
) -> None:
    """Make committed rows readable, as `lake.loads` and one view for each of the lake's tables.

    An audit's own rows stay in sight whenever they were written: what an earlier step of this run found is not a fact
    about the business date.

    Args:
        connection: From `read_only`, with the lake's folder in reach.
        lake: The lake.
        entities: Its tables, as `definitions/people`.
        known_at: Naive UTC; what became known later is left out. Nothing is when None.
    """
    root = Lake(lake.root.resolve())
    known = f" where kind = 'audit' or loaded_at <= timestamp '{known_at:%Y-%m-%d %H:%M:%S.%f}'" if known_at else ""
    # A table, not a view: every other table of the lake is filtered by it, and the ledger is one small file per load.
    connection.execute(
        f"create table lake.loads as select * from read_parquet({_quoted(root.glob('loads'))}, union_by_name = true)"
        + known
    )
    for entity in entities:
        load = "load_id" if "load_id" in LAKE_TABLES[entity].names else "audit_id"
        connection.execute(
            f"create view lake.{entity.replace('/', '_')} as select * from "
            f"read_parquet({_quoted(root.glob(entity))}, union_by_name = true) "
            f"where {load} in (select load_id from lake.loads)"
        )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, short enough for a table: no query, no trace."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def _quoted(path: object) -> str:
    return "'" + str(path).replace("'", "''") + "'"
