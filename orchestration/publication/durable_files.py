"""Writing so that a crash at any instant leaves the old or the new, whole and on disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from orchestration.errors import PublicationError

CURRENT = "current"
"""Name of the link that readers follow."""

_LOCK = ".lock"
BUILDING = ".building-"
"""Prefix of folders that nobody may read: being built, or being removed."""

_SWITCHING = ".switching-"


@contextlib.contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Make `root` if need be and hold its writer lock; the lock goes with the process, however it ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def building(root: Path, name: str) -> Path:
    """Return an empty private folder in `root` in which to build `name`; call it while holding `exclusive`."""
    folder = root / f"{BUILDING}{name}"
    folder.mkdir()
    return folder


def collect_orphans(root: Path) -> list[str]:
    """Remove what crashed builds and switches left; call it while holding `exclusive`. Returns their names."""
    removed = []
    for path in sorted(root.iterdir()):
        if path.name.startswith(BUILDING):
            shutil.rmtree(path)
            removed.append(path.name)
        elif path.name.startswith(_SWITCHING):
            path.unlink()
            removed.append(path.name)
    return removed


def current_name(root: Path) -> str | None:
    """Return the name of the folder that `current` points to, None when there is no such link.

    Raises:
        PublicationError: `current` is not a link to a folder beside it.
    """
    link = root / CURRENT
    try:
        target = link.readlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PublicationError(
            "`current` is not a link",
            file=link,
            expected="a symbolic link to a folder beside it",
            remedy="move it away, and publish again or roll back to a release that is kept",
        ) from error
    if target.is_absolute() or len(target.parts) != 1:
        raise PublicationError(
            "`current` points elsewhere",
            file=link,
            expected="a folder beside the link",
            found=str(target),
            remedy="remove the link, and publish again or roll back to a release that is kept",
        )
    return target.name


def switch(root: Path, name: str) -> None:
    """Point `current` to the folder `name` beside it: one rename, on disk when this returns."""
    temporary = root / f"{_SWITCHING}{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(name, target_is_directory=True)
    temporary.replace(root / CURRENT)
    sync(root)


def put_in_place(folder: Path, target: Path) -> None:
    """Make everything in `folder` durable, then give it its final name, which must be free."""
    sync_tree(folder)
    folder.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until a folder with everything below it is on disk, leaves first."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(parent) / name)
        sync(Path(parent))


def append_line(path: Path, line: str) -> None:
    """Append one line, durably. A line that a crash left unfinished is closed first, so that it spoils no other."""
    with path.open("ab+") as handle:
        if handle.tell() > 0:
            handle.seek(-1, os.SEEK_END)
            if handle.read(1) != b"\n":
                handle.write(b"\n")
        handle.write(line.encode("utf-8") + b"\n")
        handle.flush()
        os.fsync(handle.fileno())
    sync(path.parent)
