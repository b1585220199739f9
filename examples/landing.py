"""How the examples' scripts leave their feed files in a landing folder: whole or not at all, and once.

A note beside the files, `.made_by.json`, names the version of the script that made them and every file. Files that
stand in the folder already and were made by the same version are left alone, so an edit made by hand to try
something out survives the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NOTE_NAME = ".made_by.json"

Rows = Mapping[str, int]
"""File, relative to the landing folder with forward slashes -> rows in it, without the header."""


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the files go, and `--force`."""
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--landing", type=Path, metavar="DIR", help="root of the feeds' files")
    target.add_argument("--settings", type=Path, metavar="FILE", help="settings file of a run: its landing folder")
    parser.add_argument("--force", action="store_true", help="write the files even if they are there")


def target_of(options: argparse.Namespace) -> Path:
    """Return the landing folder that the options name, as `los` would find it: the environment wins over the file.

    Raises:
        SystemExit: the settings are wrong; it says how.
    """
    if options.settings is None:
        landing: Path = options.landing
        return landing
    from orchestration.errors import SettingsError
    from orchestration.settings import load_settings, read_settings_file

    try:
        return load_settings({**read_settings_file(options.settings), **os.environ}).landing
    except SettingsError as error:
        raise SystemExit(str(error)) from None


def version_of(*files: Path, options: str = "") -> str:
    """Return the sha256 (hex) of the files and options that decide what is written."""
    digest = hashlib.sha256(options.encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def make_once(landing: Path, version: str, write: Callable[[Path], Rows], *, force: bool = False) -> tuple[Rows, bool]:
    """Have the files written unless this version wrote them before.

    Args:
        landing: root of the feeds' files; made if absent. Files that the note does not name are never touched.
        version: as `version_of` returned it.
        write: writes all files below the folder it is given, and returns what it wrote.
        force: write even if the files are there.

    Returns:
        What stands in the landing folder, and whether it was written now.
    """
    earlier = _read_note(landing)
    rows: Rows = earlier.get("files", {})
    if not force and earlier.get("version") == version and all((landing / name).is_file() for name in rows):
        return rows, False
    landing.mkdir(parents=True, exist_ok=True)
    # On the same file system as the landing folder, so that each move is a rename.
    with tempfile.TemporaryDirectory(prefix=".making-", dir=landing) as folder:
        staged = Path(folder)
        made = write(staged)
        (landing / NOTE_NAME).unlink(missing_ok=True)
        for name in made:
            (landing / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).replace(landing / name)
    for name in set(rows) - set(made):
        (landing / name).unlink(missing_ok=True)
    note = landing / f"{NOTE_NAME}.new"
    note.write_text(json.dumps({"version": version, "files": dict(made)}, indent=1) + "\n", encoding="utf-8")
    shutil.move(note, landing / NOTE_NAME)
    return made, True


def summary(landing: Path, rows: Rows, *, is_new: bool) -> str:
    """Return what stands in the landing folder, one line per feed and a total."""
    feeds: dict[str, list[str]] = {}
    for name in rows:
        feeds.setdefault(name.split("/")[0], []).append(name)
    lines = []
    for feed, names in feeds.items():
        size = sum((landing / name).stat().st_size for name in names)
        lines.append(
            f"  {feed:<22} {len(names):>3} files {sum(rows[name] for name in names):>7,} rows {size / 1024:>8,.1f} KiB"
        )
    verb = "wrote" if is_new else "already there, made by this version of the script:"
    total = f"{verb} {len(rows)} files, {sum(rows.values()):,} rows in {landing}"
    return "\n".join([*lines, total])


def _read_note(landing: Path) -> dict[str, Any]:
    try:
        note = json.loads((landing / NOTE_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("files"), dict) else {}
