"""Dagster's history of runs, written without waiting for the disk.

Dagster logs a run in SQLite, and opens and closes a file for each event: with SQLite's defaults a run of 75 assets
waits for the disk some four thousand times, for longer than its models take. What must survive a power cut is in the
lake and the releases, and they are written through. The history only has to stay readable:

- The files that all runs share give up the newest entries in a power cut, never the rest (`synchronous = normal`), and
  stay open, since closing the last connection writes the whole log back.
- The file of one run is not waited for at all (`off`): at worst the page of the run that the power cut ended is lost.
  It is closed after each event, because Dagster's UI watches it to show a run while it goes on.
"""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from typing import Any

_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.db")
_open: dict[tuple[int, int], sqlite3.Connection] = {}
"""One idle connection for each file, by device and inode."""


def write_without_waiting() -> None:
    """Apply the above to every file below DAGSTER_HOME that this process opens from now on."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "connect", _configure):
        event.listen(Engine, "connect", _configure)


def _configure(connection: Any, _: Any) -> None:
    home = os.environ.get("DAGSTER_HOME")
    if home is None or not isinstance(connection, sqlite3.Connection):
        return
    file = connection.execute("pragma database_list").fetchone()[2]
    if not file or not Path(file).is_relative_to(Path(home).resolve()):
        return
    if _RUN.fullmatch(Path(file).name):
        connection.execute("pragma synchronous = off")
        return
    connection.execute("pragma synchronous = normal")
    state = Path(file).stat()
    identity = (state.st_dev, state.st_ino)
    if identity not in _open and connection.execute("pragma journal_mode").fetchone()[0] == "wal":
        idle = sqlite3.connect(file, check_same_thread=False)
        idle.execute("select count(*) from sqlite_master").fetchone()  # a connection that never read keeps nothing open
        _open[identity] = idle
