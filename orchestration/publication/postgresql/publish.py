"""A release becomes what the schema shows: one transaction, in tables that stay.

Readers are not blocked and see the release before, or this one. A publication that fails, or is killed, leaves the one
before. Only what differs is written; what somebody wrote by hand is found and put right.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.errors import PublicationError
from orchestration.publication.catalog import Table
from orchestration.publication.postgresql import record, structure
from orchestration.publication.postgresql.access import ensure_grants, ensure_role
from orchestration.publication.postgresql.content import Content, content_of, postgres_type
from orchestration.publication.postgresql.difference import (
    Difference,
    changed_rows,
    difference,
    everything,
    gone_keys,
)
from orchestration.publication.postgresql.session import ContendedError, Session, connected, name, text
from orchestration.publication.postgresql.target import Target, target_of
from orchestration.publication.release_store import Release, current_release, is_whole, list_releases
from orchestration.publication.report_files import quoted
from orchestration.settings import Settings

STEPS = ("connected", "staged", "applied", "committed")
"""What `reached` is told, in this order."""

ATTEMPTS = 6
"""Each waits `LOCK_TIMEOUT` for a lock at most, so that readers never queue behind a publication for longer."""
LOCK_TIMEOUT = "2s"
PAUSE_SECONDS = 1.0
ANALYZE_FROM = 0.1
"""Share of a table's rows that changed from which statistics are taken anew; below, the server sees to it."""


@dataclass(frozen=True)
class TableOutcome:
    """What a publication did to one table."""

    table: str
    changed: int
    gone: int
    was_repaired: bool


@dataclass(frozen=True)
class Published:
    """What a publication did.

    Attributes:
        release: Name of the release that the schema shows.
        schema: Where.
        tables: One entry for each published table that was written to, or had to be repaired.
        seconds: It took.
    """

    release: str
    schema: str
    tables: tuple[TableOutcome, ...]
    seconds: float


@dataclass
class _Work:
    table: Table
    how: str  # create, replace, merge, keep
    difference: Difference | None
    was_repaired: bool = False


def publish_current(settings: Settings, *, reached: Callable[[str], None] = lambda step: None) -> Published:
    """Publish the current release to the database that the settings name.

    Raises:
        PublicationError: There is no release, it is damaged or was not let through by a gate, or the server refused.
    """
    release = current_release(settings.releases_dir)
    if release is None:
        raise PublicationError("there is no release to publish", file=settings.releases_dir, remedy="do: los run")
    if release.manifest.verdict.get("passing") is not True:
        raise PublicationError("the release has no passing verdict", file=release.path, remedy="publish again")
    if not is_whole(release):
        raise PublicationError(
            "the release is damaged: its files are not what its manifest says",
            file=release.path,
            remedy="roll back to another release, or publish again",
        )
    return publish_content(
        content_of(release),
        target_of(settings),
        find=lambda name: _files_of(settings.releases_dir, name),
        threads=settings.duckdb_threads,
        memory_limit=settings.duckdb_memory_limit,
        reached=reached,
    )


def publish_content(
    content: Content,
    target: Target,
    *,
    find: Callable[[str], Path | None],
    threads: int | None = None,
    memory_limit: str | None = None,
    reached: Callable[[str], None] = lambda step: None,
) -> Published:
    """Make a schema show a release.

    Args:
        content: What to show.
        target: Where.
        find: Returns the DuckDB file of a release that was published before, if it is still there.
        threads: Of DuckDB.
        memory_limit: Of DuckDB.
        reached: Told the name of each of `STEPS` as it is reached.

    Raises:
        PublicationError: The server refused, or stayed busy; the schema shows what it showed before.
    """
    started = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with (
                tempfile.TemporaryDirectory(prefix="los-postgresql-") as spill,
                connected(target) as session,
                duckdb.connect(config={"temp_directory": spill}) as local,
            ):
                if threads:
                    local.execute(f"set threads = {threads}")
                if memory_limit:
                    local.execute(f"set memory_limit = {quoted(memory_limit)}")
                local.execute("set preserve_insertion_order = false")
                local.execute(f"attach {quoted(content.database)} as news (read_only)")
                reached("connected")
                tables = _publish(session, local, content, find, reached)
                session.commit()
                reached("committed")
            return Published(content.name, target.schema, tables, time.monotonic() - started)
        except ContendedError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("every attempt returns or raises")


def _publish(
    session: Session,
    local: duckdb.DuckDBPyConnection,
    content: Content,
    find: Callable[[str], Path | None],
    reached: Callable[[str], None],
) -> tuple[TableOutcome, ...]:
    schema = session.target.schema
    session.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
    session.execute("set local client_min_messages = warning")
    if not session.one(f"select pg_try_advisory_xact_lock(hashtextextended({text(f'line of sight: {schema}')}, 0))"):
        raise ContendedError(
            "another publication to this schema is under way", subject=schema, remedy="publish again", retryable=True
        )
    if not session.one(f"select exists (select from pg_namespace where nspname = {text(schema)})"):
        session.execute(f"create schema {name(schema)}")
    ensure_role(session)
    written = record.read_record(session)
    found = structure.read_structure(session)
    if written is None:
        _require_free(content, found, schema)
        record.create_record(session)
        written = {}
    works = [_plan(session, local, content, table, written.get(table.name), found, find) for table in content.tables]
    for work in works:
        _stage(session, local, work)
    reached("staged")

    for work in works:
        _apply(session, local, work, found)
    for table in written.keys() - {table.name for table in content.tables}:
        if table in found:
            structure.release_keys(session, table, found)
            structure.withdraw_table(session, table)
        record.forget_record(session, table)
    # A key cannot be made while checks of others wait for the end of the transaction.
    session.execute("set constraints all immediate")
    structure.ensure_keys(session, content.tables, found)
    for work in works:
        structure.ensure_comments(session, work.table, found[work.table.name])
        if work.how != "keep" or written[work.table.name].release != content.name:
            record.write_record(
                session, work.table.name, release=content.name, checksum=content.checksums.get(work.table.name)
            )
    ensure_grants(session, [*(table.name for table in content.tables), record.RECORD_TABLE])
    reached("applied")
    return tuple(
        TableOutcome(
            work.table.name,
            work.difference.changed if work.difference else 0,
            work.difference.gone if work.difference else 0,
            work.was_repaired,
        )
        for work in works
        if work.how != "keep" or work.was_repaired
    )


def _plan(
    session: Session,
    local: duckdb.DuckDBPyConnection,
    content: Content,
    table: Table,
    written: record.Written | None,
    found: dict[str, structure.Found],
    find: Callable[[str], Path | None],
) -> _Work:
    """Decide how to bring one table up to date, and find out which rows that takes."""
    new = f'news.main."{table.name}"'
    if table.name not in found:
        return _Work(table, "create", everything(local, table, new=new))
    if not structure.has_same_columns(table, found[table.name]):
        return _Work(table, "replace", everything(local, table, new=new))
    is_as_written = written is not None and record.stamp_of(session, table.name)[1] == written.stamp
    if is_as_written and written is not None:
        checksum = content.checksums.get(table.name)
        if checksum is not None and written.checksum == checksum:
            return _Work(table, "keep", None)
        old = _attached(local, table, find(written.release))
    else:
        old = None
    if old is None:
        old = _fetched(session, local, table)
    changes = difference(local, table, new=new, old=old)
    how = "merge" if changes.changed or changes.gone else "keep"
    # Rows that are equal, under other stamps, are a dump that was restored: to be written down, not to be told.
    was_repaired = not is_as_written
    return _Work(table, "merge" if was_repaired else how, changes, was_repaired and how == "merge")


def _attached(local: duckdb.DuckDBPyConnection, table: Table, database: Path | None) -> str | None:
    """Return the relation of an earlier release, or None if it is gone or had other columns."""
    if database is None or not database.is_file():
        return None
    alias = "olds_" + re.sub(r"\W", "_", database.parent.name)
    local.execute(f'attach if not exists {quoted(database)} as "{alias}" (read_only)')
    columns = local.execute(
        "select column_name from duckdb_columns() where database_name = ? and table_name = ?", [alias, table.name]
    ).fetchall()
    if {column for (column,) in columns} != {column.name for column in table.columns}:
        return None
    return f'"{alias}".main."{table.name}"'


def _fetched(session: Session, local: duckdb.DuckDBPyConnection, table: Table) -> str:
    """Return a relation with the rows that the server holds, whoever wrote them."""
    columns = ", ".join(name(column.name) for column in table.columns)
    reader = session.reader(f"select {columns} from {name(session.target.schema)}.{name(table.name)}")
    local.register("fetching", reader)
    local.execute(f'create or replace temp table "held_{table.name}" as from fetching')
    local.unregister("fetching")
    return f'"held_{table.name}"'


def _stage(session: Session, local: duckdb.DuckDBPyConnection, work: _Work) -> None:
    """Ship the rows that changed into private tables, so that what follows is short."""
    if work.how not in {"merge", "replace"} or work.difference is None:
        return
    table = work.table
    if work.difference.changed:
        structure.create_stage(session, table, _stage_name(table))
        rows = changed_rows(local, work.difference, new=f'news.main."{table.name}"')
        session.ingest(_stage_name(table), rows, schema=None)
    if work.difference.gone:
        structure.create_stage(session, table, _gone_name(table), only_key=True)
        session.ingest(_gone_name(table), gone_keys(local, work.difference), schema=None)


def _apply(session: Session, local: duckdb.DuckDBPyConnection, work: _Work, found: dict[str, structure.Found]) -> None:
    table, changes = work.table, work.difference
    here = f"{name(session.target.schema)}.{name(table.name)}"
    if work.how == "keep" or changes is None:
        return
    columns = ", ".join(name(column.name) for column in table.columns)
    if work.how == "create":
        structure.create_table(session, table)
        found[table.name] = structure.Found(
            columns={column.name: (postgres_type(column), False) for column in table.columns}
        )
        rows = changed_rows(local, changes, new=f'news.main."{table.name}"')
        session.ingest(table.name, rows, schema=session.target.schema)
    elif work.how == "replace":
        structure.release_keys(session, table.name, found)
        session.execute(f"delete from {here}")
        structure.change_columns(session, table, found[table.name])
        if changes.changed:
            session.execute(f"insert into {here} ({columns}) select {columns} from {name(_stage_name(table))}")
    else:
        _merge(session, table, changes, here, columns)
    rows_now = max(changes.changed, 1) if work.how != "merge" else None
    if rows_now or changes.changed + changes.gone > ANALYZE_FROM * session.one(
        f"select greatest(reltuples, 1)::bigint from pg_class where oid = {text(here)}::regclass"
    ):
        session.execute(f"analyze {here}")


def _merge(session: Session, table: Table, changes: Difference, here: str, columns: str) -> None:
    key = name(table.key)
    if changes.gone:
        session.execute(f"delete from {here} using {name(_gone_name(table))} as gone where {here}.{key} = gone.key")
    if changes.changed:
        others = [column.name for column in table.columns if column.name != table.key]
        updates = ", ".join(f"{name(column)} = excluded.{name(column)}" for column in others)
        then = f"do update set {updates}" if updates else "do nothing"
        staged = name(_stage_name(table))
        session.execute(f"insert into {here} ({columns}) select {columns} from {staged} on conflict ({key}) {then}")


def _stage_name(table: Table) -> str:
    return structure.short(f"los_stage_{table.name}")


def _gone_name(table: Table) -> str:
    return structure.short(f"los_gone_{table.name}")


def _files_of(releases_dir: Path, release: str) -> Path | None:
    """Return the database of a release that is still there and whole."""
    found: list[Release] = [one for one in list_releases(releases_dir) if one.name == release]
    return found[0].database if found and is_whole(found[0]) else None


def _require_free(content: Content, found: dict[str, structure.Found], schema: str) -> None:
    """Refuse to write into tables that somebody else made."""
    taken = sorted({table.name for table in content.tables} & found.keys())
    if taken:
        raise PublicationError(
            f"the schema holds tables of these names that no publication made: {', '.join(taken)}",
            subject=schema,
            remedy="name another schema in LOS_POSTGRES_SCHEMA, or drop them",
        )
