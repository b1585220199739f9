"""The lake on disk: staged writes, one atomic commit per load, orphan collection.

Layout: `<root>/<entity>/<subject>/<load_id>.parquet`, and `<root>/loads/<load_id>.parquet` for the ledger. A load's
data files are put in place first and its ledger row last, by rename: the ledger row is the commit. Whatever has no
ledger row does not exist for readers, who filter on `load_id in (select load_id from loads)`. `compaction` puts files
of many loads together; those are named `compacted-...`, and their rows keep their load.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import LakeError
from orchestration.lake.columns import LOADS

SCHEMA_FILE = "schema.parquet"
"""Spark passes over names that start with an underscore or a dot."""
COMPACTED = "compacted-"
"""Begins the name of a file that holds whole committed loads, of which it is not the first file."""
ASIDE = ".aside"
"""Folder of what compaction works on, and of what it has replaced."""
_KEEP_ASIDE_SECONDS = 3600
"""Longer than anybody takes to list a folder: while one is listed, its files must stay."""
_STAGING = ".staging"
_LOCK = ".lock"
_SAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class LoadTotals:
    """Sums over the ledger, in loads and rows."""

    loads: int
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_collapsed: int


class Lake:
    """Append-only Parquet tables below one folder.

    Args:
        root: The folder; made by `ensure`.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def ensure(self, tables: Mapping[str, pa.Schema]) -> None:
        """Make every table readable, even before its first row: one file of zero rows that carries the schema.

        A schema that gained columns is written anew; the files of earlier loads stay as they are, and readers
        unite columns by name.

        Raises:
            LakeError: The folder cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for entity, schema in {"loads": LOADS, **tables}.items():
                folder = self.root / entity
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / SCHEMA_FILE
                if path.exists() and pq.read_schema(path).equals(schema):
                    continue
                temporary = folder / f".{SCHEMA_FILE}.{os.getpid()}.tmp"
                pq.write_table(schema.empty_table(), temporary)
                _replace(temporary, path)
        except OSError as error:
            raise LakeError(
                f"the lake cannot be prepared: {error.strerror or error}",
                file=self.root,
                remedy="make the folder writable, or set LOS_DATA_DIR to one that is",
            ) from error

    def glob(self, entity: str) -> str:
        """Return the pattern that matches every file of a table, for `read_parquet(..., union_by_name = true)`."""
        return f"{self.root}/{entity}/**/*.parquet"

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lake's writer lock: two loads that decide on its state never decide at once.

        The lock belongs to the process and goes with it, so a killed load leaves none behind.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / _LOCK).open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def begin(self, loaded_at: datetime, content: str) -> Load:
        """Start a load.

        Args:
            loaded_at: When, as an aware time; it orders loads.
            content: Hex digest of what is loaded, part of the load's name.
        """
        moment = loaded_at.astimezone(UTC).replace(tzinfo=None)
        load_id = f"{moment:%Y%m%dT%H%M%S%f}-{content[:12]}"
        return Load(self, load_id, moment)

    def totals(self, kind: str = "feed", without: Sequence[str] = ()) -> LoadTotals:
        """Add up the ledger over all loads of one kind, but for those of some feeds."""
        import duckdb

        with duckdb.connect() as connection:
            row = connection.execute(
                """
                select
                    count(*),
                    coalesce(sum(rows_read), 0)::bigint,
                    coalesce(sum(rows_accepted), 0)::bigint,
                    coalesce(sum(rows_quarantined), 0)::bigint,
                    coalesce(sum(rows_collapsed), 0)::bigint
                from read_parquet(?, union_by_name = true)
                where kind = ? and not list_contains(cast(? as varchar[]), coalesce(source_feed, ''))
                """,
                [self.glob("loads"), kind, list(without)],
            ).fetchone()
        return LoadTotals(*(row or (0, 0, 0, 0, 0)))

    def count_rows(self, entity: str) -> int:
        """Count the rows of one table that committed loads brought."""
        import duckdb

        with duckdb.connect() as connection:
            row = connection.execute(
                """
                select count(*)
                from read_parquet(?, union_by_name = true)
                where load_id in (select load_id from read_parquet(?, union_by_name = true))
                """,
                [self.glob(entity), self.glob("loads")],
            ).fetchone()
        return int(row[0]) if row else 0

    def collect_orphans(self) -> int:
        """Remove what crashed loads left: staged files, and data files without a ledger row. Returns how many.

        Call it only while holding `exclusive()`: an open load of another process has no ledger row yet either.
        """
        removed = 0
        staging = self.root / _STAGING
        if staging.exists():
            for left in list(staging.iterdir()):
                shutil.rmtree(left, ignore_errors=True)
                removed += 1
        committed = self.committed_loads()
        for path in self.root.rglob("*.parquet"):
            inside = path.relative_to(self.root).parts
            if path.name == SCHEMA_FILE or inside[0] == "loads" or any(part.startswith(".") for part in inside[:-1]):
                continue
            if path.stem not in committed and not path.name.startswith(COMPACTED):
                path.unlink()
                removed += 1
        self.remove_aside()
        return removed

    def committed_loads(self) -> set[str]:
        """Return the loads of the ledger."""
        names = {path.name for path in (self.root / "loads").glob("*.parquet")} - {SCHEMA_FILE}
        alone = {name.removesuffix(".parquet") for name in names if not name.startswith(COMPACTED)}
        return alone | self._compacted_loads()

    def has_load(self, load_id: str) -> bool:
        """Tell whether a load is in the ledger."""
        return (self.root / "loads" / f"{load_id}.parquet").exists() or load_id in self._compacted_loads()

    def _compacted_loads(self) -> set[str]:
        loads: set[str] = set()
        for path in (self.root / "loads").glob(f"{COMPACTED}*.parquet"):
            loads.update(pq.read_table(path, columns=["load_id"])["load_id"].to_pylist())
        return loads

    def remove_aside(self) -> None:
        """Remove what compaction left aside long enough ago. Call it only while holding `exclusive()`."""
        aside = self.root / ASIDE
        for left in list(aside.iterdir()) if aside.exists() else ():
            if time.time() - left.stat().st_mtime > _KEEP_ASIDE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


class Load:
    """One load in progress. Use as a context manager; without `commit` nothing of it stays."""

    def __init__(self, lake: Lake, load_id: str, loaded_at: datetime) -> None:
        self.lake = lake
        self.load_id = load_id
        self.loaded_at = loaded_at  # naive UTC, as the lake stores it
        self._folder = lake.root / _STAGING / load_id
        self._staged: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        if self.lake.has_load(self.load_id):
            raise LakeError(
                "a load of this name is committed already", subject=self.load_id, remedy="start the load again"
            )
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def file(self, entity: str, subject: str = "") -> Path:
        """Return where to write one Parquet file of this load; readers see it only after `commit`."""
        safe = _SAFE.sub("_", subject)
        target = self.lake.root / entity / safe / f"{self.load_id}.parquet"
        staged = self._folder / f"{len(self._staged):04d}.parquet"
        self._staged[staged] = target
        return staged

    def write(self, entity: str, table: pa.Table, subject: str = "") -> None:
        """Stage an Arrow table."""
        pq.write_table(table, self.file(entity, subject), compression="zstd")

    def commit(self, ledger: Mapping[str, Any]) -> None:
        """Put the staged files in place and write the ledger row, which makes them exist.

        Args:
            ledger: Columns of `LOADS` except `load_id` and `loaded_at`; absent ones are null.

        Raises:
            LakeError: A column is unknown, or the disk refused; then nothing of the load is visible.
        """
        unknown = set(ledger) - set(LOADS.names)
        if unknown:
            raise LakeError(f"the ledger has no column {sorted(unknown)}", subject=self.load_id)
        row = {name: ledger.get(name) for name in LOADS.names} | {"load_id": self.load_id, "loaded_at": self.loaded_at}
        try:
            for staged, target in self._staged.items():
                if not staged.exists():
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                _replace(staged, target)
            ledger_staged = self._folder / "ledger.parquet"
            pq.write_table(pa.Table.from_pylist([row], schema=LOADS), ledger_staged)
            _replace(ledger_staged, self.lake.root / "loads" / f"{self.load_id}.parquet")
        except OSError as error:
            for target in self._staged.values():
                target.unlink(missing_ok=True)
            raise LakeError(
                f"the load could not be committed: {error.strerror or error}",
                subject=self.load_id,
                remedy="free disk space or mend the permissions, and run again: the lake is as it was before",
            ) from error


def _replace(source: Path, target: Path) -> None:
    """Move `source` over `target` so that a crash leaves the one or the other, on disk, whole."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    source.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
