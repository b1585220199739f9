"""Files below the landing folder."""

from __future__ import annotations

import glob
import stat
from collections.abc import Iterator
from pathlib import Path

from orchestration.ingestion.contracts import FileSource
from orchestration.ingestion.sources.delivery import Delivery


def landed_files(source: FileSource, landing_dir: Path) -> Iterator[Delivery]:
    """Yield the files that the pattern matches, in the order of their names.

    Names that begin with a point are passed over, as a shell does. What the pattern matches but must not be read (a
    link that leaves the landing folder, a pipe, a device) is delivered with its refusal, so that it is reported.
    """
    root = landing_dir.resolve()
    # pathlib's own glob also matches hidden names.
    matches = glob.glob(source.path, root_dir=landing_dir, recursive=True)  # noqa: PTH207
    names = {Path(name).as_posix() for name in matches}
    for name in sorted(names):
        path = landing_dir / name
        if path.is_dir():
            continue
        yield Delivery(name, path, _refusal(path, root))


def _refusal(path: Path, root: Path) -> str | None:
    try:
        target = path.resolve(strict=True)
        status = target.stat()
    except OSError as error:
        return f"it cannot be opened: {error.strerror or error}"
    except RuntimeError:
        return "it is a link that leads to itself"
    if not target.is_relative_to(root):
        return "it is a link that leads out of the landing folder"
    if not stat.S_ISREG(status.st_mode):
        return "it is not an ordinary file"
    return None
