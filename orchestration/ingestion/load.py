"""Loads one feed: finds its files, skips what is in the lake already, and commits each new file as one load.

A file is read when its bytes are not those of its newest load, when its contract changed, or when the definitions
changed and rows of it were quarantined because of them. What cannot be read at all becomes a rejected load with one
row in the quarantine: nothing vanishes, and nothing about one file stops the others.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import FeedError
from orchestration.ingestion.contracts import FeedContract, contract_hash
from orchestration.ingestion.events import KEYED as EVENTS
from orchestration.ingestion.events import EventStaging
from orchestration.ingestion.file_rows import CLOCK_TOLERANCE, Counts, Lineage
from orchestration.ingestion.full_extract import OBSERVATIONS, Deletions, Keyed, record_deletions
from orchestration.ingestion.key_results import Registry
from orchestration.ingestion.physical import Hashing
from orchestration.ingestion.plain_csv import QUICK_TABLES, read_plain_csv, today_of
from orchestration.ingestion.readers import RecordSet, read
from orchestration.ingestion.reasons import REGISTRY_REASONS, Unreadable
from orchestration.ingestion.registry import KpiRegistry
from orchestration.ingestion.report import FeedLoadReport, FileResult
from orchestration.ingestion.sources import Delivery, deliveries
from orchestration.ingestion.staging import Staging
from orchestration.ingestion.tables import QUARANTINE, TABLES
from orchestration.lake.store import Lake, Load

_STEP: Final = timedelta(microseconds=1)
"""Between the loads of one run: later files win where two hold the same key and vintage."""


class Progress(Protocol):
    """Called before each file and once at the end."""

    def __call__(self, file: str, done: int, total: int) -> None:
        """Show that `done` of `total` files are done and `file` is next; empty at the end."""


@dataclass(frozen=True)
class _Kind:
    """How the rows of one kind of feed are judged and kept."""

    keyed: Keyed
    staging: Callable[..., Staging | EventStaging]
    write: Callable[[Any, Path, Lineage], None]


_KINDS: Final = {
    "observations": _Kind(OBSERVATIONS, Staging, Staging.write_observations),
    "events": _Kind(EVENTS, EventStaging, EventStaging.write_events),
}


@dataclass(frozen=True)
class _Known:
    """The newest load of one file, as the ledger has it."""

    load_id: str
    file_bytes: int | None
    sha256: str | None
    contract_hash: str
    registry_hash: str
    status: str
    reason_code: str | None
    message: str | None


def ingest_feed(
    contract: FeedContract,
    *,
    landing_dir: Path,
    lake: Lake,
    registry: Registry,
    clock: datetime,
    progress: Progress | None = None,
    threads: int = 2,
    memory_limit: str = "1GB",
) -> FeedLoadReport:
    """Bring a feed's new and changed files into the lake.

    Args:
        contract: the feed's contract.
        landing_dir: folder that the contract's path is relative to.
        lake: where observations or events, quarantine and ledger go.
        registry: what the rows are checked against: the KPIs, of events the key results; see `registry_for`.
        clock: the time of the load, aware; a period or event after it is from the future.
        progress: told about each file.
        threads: threads of DuckDB.
        memory_limit: memory of DuckDB, beyond which it spills to disk.

    Returns:
        What came of every file. No file at all is a report without files, for the caller to judge.

    Raises:
        FeedError: this machine or the source's, not a file, stands in the way: no memory, no disk, no permission to
            write, no connection (retryable).
        LakeError: the lake refused.
    """
    lake.ensure(TABLES)
    with lake.exclusive(), _work_folder(lake) as work_dir:
        spool = work_dir / "spool"
        spool.mkdir()
        found = list(deliveries(contract, landing_dir, spool))
        results = []
        if found:
            with _connection(work_dir, threads, memory_limit) as connection:
                run = _Run(contract, lake, registry, clock, connection, work_dir, [one.name for one in found], threads)
                for number, delivery in enumerate(found):
                    if progress:
                        progress(delivery.name, number, len(found))
                    results.append(run.take(delivery))
        if progress:
            progress("", len(found), len(found))
    return FeedLoadReport(contract.id, contract.source.expectation, tuple(results), contract.max_quarantine_share)


class _Run:
    """One run over one feed."""

    def __init__(
        self,
        contract: FeedContract,
        lake: Lake,
        registry: Registry,
        clock: datetime,
        connection: duckdb.DuckDBPyConnection,
        work_dir: Path,
        names: Iterable[str],
        threads: int,
    ) -> None:
        self._threads = threads
        self._contract = contract
        self._kind = _KINDS[contract.kind]
        self._lake = lake
        self._registry = registry
        self._clock = clock
        self._connection = connection
        self._work_dir = work_dir
        self._contract_hash = contract_hash(contract)
        self._known, newest = _ledger(connection, lake, contract.id)
        names = list(names)
        self._current = set(names)
        # The last file of the run is loaded at the clock's time, those before it a moment earlier each.
        self._next_at = clock.astimezone(UTC).replace(tzinfo=None) - _STEP * (len(names) - 1)
        if newest is not None:
            self._next_at = max(self._next_at, newest + _STEP)
        registry.register(connection)

    def take(self, delivery: Delivery) -> FileResult:
        """Load one file, or find that nothing is to be done."""
        timer = _Timer(self._next_at)
        self._next_at += _STEP
        try:
            if delivery.refusal:
                raise Unreadable("unreadable_file", delivery.refusal)
            content = _fetched(delivery)
            before = _state(delivery.path)
            hashing = Hashing(delivery.path, content)
        except Unreadable as refusal:
            _forget(delivery)
            return self._refuse(delivery, refusal, None, 0, timer)
        except OSError as error:
            closed = Unreadable("unreadable_file", f"it cannot be opened: {error.strerror or error}")
            return self._refuse(delivery, closed, None, 0, timer)
        with closing(hashing):
            # Bytes of a size that no load of the feed has are new: they are read while they are hashed.
            if content is not None or hashing.size in {known.file_bytes for known in self._known.values()}:
                unchanged = self._unchanged(delivery, hashing.sha256_if_readable)
                if unchanged:
                    _forget(delivery)
                    return unchanged
            return self._load(delivery, hashing, before, timer)

    def _load(self, delivery: Delivery, hashing: Hashing, before: tuple[int, int, int], timer: _Timer) -> FileResult:
        """Read a file and commit it, or refuse it.

        Args:
            delivery: the file.
            hashing: its hash, on its way.
            before: its state when the hash began.
            timer: of its load.
        """
        folder = self._work_dir / "file"
        folder.mkdir()
        try:
            records = self._read(delivery, folder)
            if not records.count and not records.rejects.num_rows and not self._contract.may_be_empty:
                raise Unreadable("empty_file", "the file has a header and no record; may_be_empty is not declared")
            staging = self._kind.staging(self._connection, records, self._contract, self._registry, self._clock)
            counts = staging.run()
            sha256 = hashing.sha256
            if _state(delivery.path) != before:
                raise Unreadable("unreadable_file", "the file changed while it was read; it is read again next time")
            return self._commit(delivery, staging, counts, records.notes, sha256, hashing.size, timer)
        except Unreadable as refusal:
            return self._refuse(delivery, refusal, hashing.sha256_if_readable, hashing.size, timer)
        except (duckdb.Error, pa.ArrowException, OSError, UnicodeError, RecursionError, MemoryError) as error:
            _raise_if_machine(error, delivery)
            given_up = Unreadable("unreadable_file", f"the reader gave up: {_first_line(error)}")
            return self._refuse(delivery, given_up, hashing.sha256_if_readable, hashing.size, timer)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _forget(delivery)
            _drop_tables(self._connection)

    def _read(self, delivery: Delivery, folder: Path) -> RecordSet:
        if not isinstance(self._registry, KpiRegistry):
            return read(self._connection, delivery, self._contract, folder)
        plain = read_plain_csv(
            self._connection,
            delivery,
            self._contract,
            self._registry,
            today_of(self._contract, self._clock),
            (self._clock + CLOCK_TOLERANCE).astimezone(UTC).replace(tzinfo=None),
            folder,
            self._threads,
        )
        return plain or read(self._connection, delivery, self._contract, folder)

    def _unchanged(self, delivery: Delivery, sha256: str | None) -> FileResult | None:
        """Return the result of a file whose bytes need no reading, or None."""
        if sha256 is None:
            return None
        known = self._known.get(delivery.name)
        if known is not None:
            same = known.sha256 == sha256 and known.contract_hash == self._contract_hash
            if not same or self._registry_may_help(known):
                return None
            return FileResult(
                delivery.name,
                "unchanged",
                load_id=known.load_id,
                reason_code=known.reason_code if known.status == "rejected" else None,
                message=known.message,
            )
        for name, other in self._known.items():
            is_copy = other.sha256 == sha256 and other.contract_hash == self._contract_hash
            if name in self._current and is_copy and other.status == "loaded":
                return FileResult(delivery.name, "unchanged", message=f"the same bytes as {name}: a copy, not read")
        return None

    def _registry_may_help(self, known: _Known) -> bool:
        """Tell whether rows of a load were kept out because of definitions that are others now."""
        if known.registry_hash == self._registry.registry_hash:
            return False
        pattern = self._lake.glob("quarantine")
        row = self._connection.execute(
            "select count(*) from read_parquet($pattern, union_by_name = true) "
            "where load_id = $load_id and list_contains($reasons, reason_code)",
            {"pattern": pattern, "load_id": known.load_id, "reasons": sorted(REGISTRY_REASONS)},
        ).fetchone()
        return bool(row and row[0])

    def _commit(
        self,
        delivery: Delivery,
        staging: Staging | EventStaging,
        counts: Counts,
        notes: Iterable[str],
        sha256: str,
        size: int,
        timer: _Timer,
    ) -> FileResult:
        notes = list(notes)
        deletions = Deletions()
        with self._begin(delivery, sha256, timer) as load:
            lineage = Lineage(load.load_id, load.loaded_at, self._contract.id, delivery.name)
            accepted: Path | None = None
            try:
                if counts.accepted:
                    accepted = load.file(self._kind.keyed.entity, self._contract.id)
                    self._kind.write(staging, accepted, lineage)
                    _verify(accepted, counts.accepted - counts.collapsed, delivery)
                if counts.quarantined:
                    path = load.file("quarantine", self._contract.id)
                    staging.write_quarantine(path, lineage)
                    _verify(path, counts.quarantined, delivery)
                if self._contract.full_extract:
                    broken = staging.broken_records
                    limit = self._contract.max_deleted_share
                    deletions = record_deletions(
                        self._connection, self._lake, load, lineage, accepted, broken, limit, self._kind.keyed
                    )
            except (duckdb.Error, OSError) as error:
                _raise_if_machine(error, delivery)
                raise FeedError(f"the load could not be written: {_first_line(error)}", file=delivery.name) from error
            message = "; ".join([*notes, *deletions.notes]) or None
            row = self._ledger_row(delivery, counts, sha256, size, timer, status="loaded", message=message)
            load.commit(row | {"rows_deleted": deletions.deleted})
        self._remember(delivery, load, size, sha256, "loaded", None, message)
        return FileResult(delivery.name, "loaded", counts, load.load_id, None, message, timer.seconds)

    def _refuse(
        self, delivery: Delivery, refusal: Unreadable, sha256: str | None, size: int, timer: _Timer
    ) -> FileResult:
        """Commit a file that cannot be read as a rejected load, once."""
        known = self._known.get(delivery.name)
        if sha256 is None and known and known.sha256 is None and known.message == refusal.message:
            return FileResult(
                delivery.name, "unchanged", load_id=known.load_id, reason_code=known.reason_code, message=known.message
            )
        # A file that cannot be read counts as one row, itself: how many it holds is unknown.
        counts = Counts(1, 0, 1, by_reason={refusal.reason: 1})
        with self._begin(delivery, sha256 or "", timer) as load:
            row = {
                "reason_code": refusal.reason,
                "column_name": refusal.column,
                "raw_value": None,
                "raw_text": refusal.raw,
                "message": refusal.message,
                "kpi_id": None,
                "load_id": load.load_id,
                "loaded_at": load.loaded_at,
                "source_feed": self._contract.id,
                "source_file": delivery.name,
                "source_row": refusal.line,
            }
            load.write("quarantine", pa.Table.from_pylist([row], schema=QUARANTINE), self._contract.id)
            load.commit(
                self._ledger_row(
                    delivery,
                    counts,
                    sha256,
                    size,
                    timer,
                    status="rejected",
                    reason_code=refusal.reason,
                    message=refusal.message,
                )
            )
        self._remember(delivery, load, size, sha256, "rejected", refusal.reason, refusal.message)
        return FileResult(
            delivery.name, "rejected", counts, load.load_id, refusal.reason, refusal.message, timer.seconds
        )

    def _begin(self, delivery: Delivery, sha256: str, timer: _Timer) -> Load:
        # The same bytes may arrive in two files and under two feeds: the name of a load tells them apart.
        identity = "\n".join((self._contract.id, delivery.name, sha256, self._contract_hash))
        return self._lake.begin(timer.loaded_at.replace(tzinfo=UTC), hashlib.sha256(identity.encode()).hexdigest())

    def _ledger_row(
        self, delivery: Delivery, counts: Counts, sha256: str | None, size: int, timer: _Timer, **outcome: str | None
    ) -> dict[str, Any]:
        return {
            "kind": "feed",
            "source_feed": self._contract.id,
            "source_file": delivery.name,
            "file_bytes": size,
            "file_sha256": sha256,
            "contract_hash": self._contract_hash,
            "registry_hash": self._registry.registry_hash,
            "rows_read": counts.read,
            "rows_accepted": counts.accepted,
            "rows_quarantined": counts.quarantined,
            "rows_collapsed": counts.collapsed,
            "cells_absent": counts.absent,
            "oldest_period_on": counts.oldest,
            "newest_period_on": counts.newest,
            "started_at": timer.loaded_at,
            "duration_seconds": timer.seconds,
            **outcome,
        }

    def _remember(
        self,
        delivery: Delivery,
        load: Load,
        size: int,
        sha256: str | None,
        status: str,
        reason: str | None,
        message: str | None,
    ) -> None:
        self._known[delivery.name] = _Known(
            load.load_id, size, sha256, self._contract_hash, self._registry.registry_hash, status, reason, message
        )


class _Timer:
    """When a file's load counts as done, and how long it has taken so far."""

    def __init__(self, loaded_at: datetime) -> None:
        self.loaded_at = loaded_at  # naive UTC
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started


def _ledger(
    connection: duckdb.DuckDBPyConnection, lake: Lake, feed_id: str
) -> tuple[dict[str, _Known], datetime | None]:
    """Return the newest load of each of a feed's files, and the time of the feed's newest load (naive UTC)."""
    rows = connection.execute(
        """
        select
            source_file, load_id, file_bytes, file_sha256, contract_hash, registry_hash, status, reason_code, message,
            loaded_at
        from read_parquet($pattern, union_by_name = true)
        where kind = 'feed' and source_feed = $feed
        order by loaded_at, load_id
        """,
        {"pattern": lake.glob("loads"), "feed": feed_id},
    ).fetchall()
    known = {row[0]: _Known(*row[1:-1]) for row in rows}
    return known, rows[-1][-1] if rows else None


@contextmanager
def _work_folder(lake: Lake) -> Iterator[Path]:
    """Make a folder for intermediate files, on the lake's disk; a crash leaves it to the sweep of orphans."""
    staging = lake.root / ".staging"
    try:
        staging.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="feed-", dir=staging))
    except OSError as error:
        raise FeedError(
            f"there is no room to work in: {error.strerror or error}",
            file=staging,
            remedy="free disk space or mend the permissions, and run again",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _connection(work_dir: Path, threads: int, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    config: dict[str, Any] = {
        "threads": threads,
        "memory_limit": memory_limit,
        "temp_directory": str(work_dir / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def _drop_tables(connection: duckdb.DuckDBPyConnection) -> None:
    names = ("staged", "duplicates", "wide_rows", "record_texts", "json_texts", "json_records", "xlsx_records")
    for table in (*names, *QUICK_TABLES):
        connection.execute(f"drop table if exists {table}")


def _fetched(delivery: Delivery) -> str | None:
    """Bring a remote file here; return the sha256 of its content where that is not the sha256 of its bytes."""
    if delivery.fetch is None:
        return None
    try:
        return delivery.fetch()
    except OSError as error:
        raise FeedError(
            f"it could not be written to this machine's disk: {error.strerror or error}",
            file=delivery.name,
            remedy="free disk space or mend the permissions, and run again",
        ) from error


def _forget(delivery: Delivery) -> None:
    """Remove what was fetched: one file at a time takes room on the disk."""
    if delivery.fetch is not None:
        delivery.path.unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file does."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _verify(path: Path, rows: int, delivery: Delivery) -> None:
    written = pq.read_metadata(path).num_rows
    if written != rows:
        raise FeedError(
            "rows were lost on their way into the lake; nothing of the file was loaded",
            file=delivery.name,
            expected=f"{rows} rows",
            found=f"{written} rows",
            remedy="report this as a defect, with the file",
        )


def _raise_if_machine(error: Exception, delivery: Delivery) -> None:
    """Raise what is this machine's fault and not the file's: the file must not be rejected for it."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EROFS)
    memory = isinstance(error, (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError))
    if full or memory or "No space left" in str(error):
        raise FeedError(
            f"the file could not be processed on this machine: {_first_line(error)}",
            file=delivery.name,
            remedy="free memory and disk space, or raise LOS_DUCKDB_MEMORY_LIMIT, and run again",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).split("\n")[0][:500]
