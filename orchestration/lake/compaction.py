"""Compaction: many small files of one folder become few, without changing any answer.

Readers find files by pattern and know nothing of this. So a folder is never changed under them: its successor is built
beside the tables, checked against it row by row, and takes its place in one step of the file system that exchanges two
folders. Whoever lists the folder lists the one or the other, whole. Files that are replaced have names that never come
back: a reader that listed the old folder and opens one of them too late gets an error, never a wrong answer. The old
folder stays whole for a while, aside, since somebody may be in the middle of listing it.

The process may be killed at any moment: before the exchange nothing has happened, after it nothing is left to do but to
remove what lies aside.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from orchestration.errors import LakeError
from orchestration.lake.store import ASIDE, COMPACTED, SCHEMA_FILE, Lake, sync_folder

SMALL_BYTES: Final = 16 * 1024 * 1024
"""Files from here on are left alone: opening them costs nothing beside reading them."""
TARGET_BYTES: Final = 128 * 1024 * 1024
"""Input that goes into one file; a crash costs at most the work on one folder."""
MIN_FILES: Final = 16
"""Small files of a folder below which it is left alone; a second run right after the first finds nothing to do."""
STEPS: Final = ("started", "linked", "written", "checked", "exchanged", "synced")
"""Named moments of one folder's compaction, in order."""


@dataclass(frozen=True)
class CompactedFolder:
    """What came of one folder.

    Attributes:
        folder: relative to the lake.
        files_before: its Parquet files with rows.
        files_after: the same, afterwards.
        rows: rows that were moved.
    """

    folder: str
    files_before: int
    files_after: int
    rows: int


def compact(
    lake: Lake,
    *,
    min_files: int = MIN_FILES,
    small_bytes: int = SMALL_BYTES,
    target_bytes: int = TARGET_BYTES,
    memory_limit: str = "1GB",
    reached: Callable[[str], None] = lambda step: None,
) -> list[CompactedFolder]:
    """Compact every folder of the lake that has many small files. Holds the lake's writer lock meanwhile.

    Args:
        lake: the lake; of its folders, those that hold files and no folders are compacted, the ledger among them.
        min_files: small files of a folder from which it is compacted.
        small_bytes: size from which a file is left alone.
        target_bytes: input that goes into one new file.
        memory_limit: of DuckDB.
        reached: called at each of `STEPS`, for tests.

    Returns:
        The folders that were compacted.

    Raises:
        LakeError: The disk refused, or the file system cannot exchange folders. Every folder is then as it was, or
            compacted whole.
    """
    done = []
    with lake.exclusive():
        lake.remove_aside()
        committed = lake.committed_loads()
        work = lake.root / ASIDE / f"{time.time_ns()}-{os.getpid()}"
        try:
            for number, folder in enumerate(_folders(lake.root)):
                small = [
                    path
                    for path in sorted(folder.glob("*.parquet"))
                    if (path.stem in committed or path.name.startswith(COMPACTED)) and path.stat().st_size < small_bytes
                ]
                if len(small) >= max(min_files, 2):
                    work.mkdir(parents=True, exist_ok=True)
                    one = _Compaction(lake, folder, small, work / str(number), memory_limit, reached)
                    done.append(one.run(target_bytes))
        except OSError as error:
            raise LakeError(
                f"the lake cannot be compacted: {error.strerror or error}",
                file=lake.root,
                remedy="free disk space or mend the permissions, and run again: no answer has changed",
            ) from error
        except duckdb.Error as error:
            raise LakeError(
                f"the lake cannot be compacted: {str(error).splitlines()[0]}",
                file=lake.root,
                remedy="mend or move the file that is named; no answer has changed",
            ) from error
    return done


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders of tables that hold files alone: exchanging them moves nothing else."""
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if not folders and any(name.endswith(".parquet") for name in names):
            yield Path(parent)


class _Compaction:
    """One folder's successor, on its way."""

    def __init__(
        self,
        lake: Lake,
        folder: Path,
        small: Sequence[Path],
        successor: Path,
        memory_limit: str,
        reached: Callable[[str], None],
    ) -> None:
        self._lake = lake
        self._folder = folder
        self._small = small
        self._successor = successor
        self._memory_limit = memory_limit
        self._reached = reached

    def run(self, target_bytes: int) -> CompactedFolder:
        """Build the successor, check it, and exchange the two."""
        before = _listing(self._folder)
        self._reached("started")
        self._successor.mkdir()
        replaced = set(self._small)
        for path in self._folder.iterdir():
            if path not in replaced:
                os.link(path, self._successor / path.name)
        self._reached("linked")
        groups = list(_groups(self._small, target_bytes))
        rows = 0
        with duckdb.connect(config={"memory_limit": self._memory_limit, "threads": 2}) as connection:
            connection.execute(f"set temp_directory = {_quoted(self._successor.parent / 'spill')}")
            for group in groups:
                rows += self._write(connection, group)
        self._reached("checked")
        sync_folder(self._successor)
        if _listing(self._folder) != before:
            raise LakeError(
                "the folder changed while it was compacted, though the lake is locked",
                file=self._folder,
                remedy="find out what writes into the lake beside the pipeline, and compact again",
            )
        exchange(self._folder, self._successor)
        self._reached("exchanged")
        sync_folder(self._folder.parent)
        sync_folder(self._successor.parent)
        self._reached("synced")
        others = sum(name != SCHEMA_FILE and name.endswith(".parquet") for name, *_ in before) - len(self._small)
        name = self._folder.relative_to(self._lake.root).as_posix()
        return CompactedFolder(name, others + len(self._small), others + len(groups), rows)

    def _write(self, connection: duckdb.DuckDBPyConnection, group: Sequence[Path]) -> int:
        """Write one file of a group's rows, in their order, and compare the two; returns how many rows it holds."""
        # The name of a file that was replaced never comes back: its files are part of this one's name.
        digest = hashlib.sha256("\n".join(path.name for path in group).encode()).hexdigest()[:12]
        target = self._successor / f"{COMPACTED}{_first_load(group[0])}-{digest}.parquet"
        schema = self._schema_file()
        listed = ", ".join(map(_quoted, [*([schema] if schema else []), *group]))
        source = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        connection.execute(f"copy (select * from {source}) to {_quoted(target)} (format parquet, compression zstd)")
        with target.open("rb") as handle:
            os.fsync(handle.fileno())
        self._reached("written")
        names = ", ".join(f'"{name}"' for name, *_ in connection.execute(f"describe select * from {source}").fetchall())
        facts = f"select count(*), sum(hash({names})::hugeint), bit_xor(hash({names}))"
        wanted = connection.execute(f"{facts} from {source}").fetchone()
        written = f"read_parquet({_quoted(target)}, hive_partitioning = false)"
        found = connection.execute(f"{facts} from {written}").fetchone()
        if wanted != found:
            raise LakeError(
                "the compacted file does not hold what it was made of; the folder stays as it was",
                file=self._folder,
                expected=f"{wanted}",
                found=f"{found}",
                remedy="report this as a defect, with the folder",
            )
        return int(wanted[0]) if wanted else 0

    def _schema_file(self) -> Path | None:
        """Return the file that carries the table's schema: files of earlier versions lack columns."""
        for folder in (self._folder, *self._folder.parents):
            if folder == self._lake.root:
                break
            if (folder / SCHEMA_FILE).exists():
                return folder / SCHEMA_FILE
        return None


def _listing(folder: Path) -> list[tuple[str, int, int, int]]:
    entries = [(path.name, path.stat()) for path in folder.iterdir()]
    return sorted((name, status.st_ino, status.st_size, status.st_mtime_ns) for name, status in entries)


def _groups(paths: Sequence[Path], target_bytes: int) -> Iterator[list[Path]]:
    """Yield files in the order of their loads, in groups of about a size."""
    group: list[Path] = []
    size = 0
    for path in sorted(paths, key=lambda path: (_first_load(path), path.name)):
        if group and size + path.stat().st_size > target_bytes:
            yield group
            group, size = [], 0
        group.append(path)
        size += path.stat().st_size
    if group:
        yield group


def _first_load(path: Path) -> str:
    """Return the first load that a file holds; names of loads order by time."""
    return path.stem.removeprefix(COMPACTED).rpartition("-")[0] if path.name.startswith(COMPACTED) else path.stem


def exchange(left: Path, right: Path) -> None:
    """Let two folders of one file system take each other's place, in one step.

    Raises:
        LakeError: This system or file system cannot.
        OSError: It refused.
    """
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(left.absolute()), os.fsencode(right.absolute())
    if sys.platform == "darwin":
        outcome = library.renamex_np(*names, ctypes.c_uint(2))  # RENAME_SWAP
    elif hasattr(library, "renameat2"):
        here = ctypes.c_int(-100)  # AT_FDCWD
        outcome = library.renameat2(here, names[0], here, names[1], ctypes.c_uint(2))  # RENAME_EXCHANGE
    else:
        outcome = -1
        ctypes.set_errno(errno.ENOSYS)
    if outcome == 0:
        return
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
        raise LakeError(
            "this file system cannot exchange two folders in one step, and nothing less is safe",
            file=left,
            expected="a local file system such as ext4, xfs, btrfs, tmpfs or APFS",
            remedy="leave the lake as it is: it is right, only slower",
        )
    raise OSError(code, os.strerror(code), str(left))


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
