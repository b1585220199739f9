"""The releases on disk: which are there, which is current, in what order they came, and going back to one.

releases/<as_of>-<release_id>/   one directory per release
releases/current                 a relative link to one of them: what readers open
releases/history.jsonl           every switch of the link, in order, also of releases that are gone
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.errors import PublicationError, nearest
from orchestration.publication import durable_files
from orchestration.publication.manifest import FileFacts, Manifest, read_manifest
from orchestration.publication.report_files import DATABASE_FILE

HISTORY_FILE = "history.jsonl"


@dataclass(frozen=True)
class Release:
    """One release on disk.

    Attributes:
        path: Its directory.
        manifest: What it says of itself.
        is_current: Whether readers are led to it.
        is_new: Whether the call that returned it put it there.
    """

    path: Path
    manifest: Manifest
    is_current: bool
    is_new: bool = False

    @property
    def name(self) -> str:
        """Its directory's name, `<as_of>-<release_id>`."""
        return self.path.name

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.path / DATABASE_FILE


def list_releases(releases_dir: Path) -> list[Release]:
    """Return the releases on disk, the one published last first. A directory without a readable manifest is none."""
    current = durable_files.current_name(releases_dir)
    order = {name: place for place, name in enumerate(dict.fromkeys(_switches(releases_dir)))}
    found = []
    for path in releases_dir.iterdir() if releases_dir.is_dir() else ():
        if path.is_symlink() or path.name.startswith(".") or not path.is_dir():
            continue
        with contextlib.suppress(PublicationError):
            found.append(Release(path, read_manifest(path), is_current=path.name == current))
    # By the order of publication; the clock decides only among releases that the history does not know.
    return sorted(
        found,
        key=lambda release: (order.get(release.name, -1), release.manifest.published_at, release.name),
        reverse=True,
    )


def rollback(
    releases_dir: Path, to: str | None = None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Release:
    """Lead readers to an earlier release.

    Args:
        releases_dir: Where releases are.
        to: Name or id of the release; the one published before the current one when None.
        clock: The time, aware.

    Raises:
        PublicationError: There is no such release, or its files are not what its manifest says.
    """
    with told_as_publication_errors(releases_dir), durable_files.exclusive(releases_dir):
        log_current(releases_dir, clock())
        release = _rollback_target(list_releases(releases_dir), to)
        if not is_whole(release):
            raise PublicationError(
                "the release is damaged: its files are not what its manifest says",
                file=release.path,
                remedy="roll back to another release, or publish again",
            )
        durable_files.switch(releases_dir, release.name)
        log_current(releases_dir, clock())
    return replace(release, is_current=True, is_new=False)


def _rollback_target(releases: list[Release], to: str | None) -> Release:
    if to is not None:
        for release in releases:
            if to in {release.name, release.manifest.release_id}:
                return release
        names = [release.name for release in releases]
        close = nearest(to, names)
        raise PublicationError(
            "there is no such release",
            subject=to,
            expected=f"one of {', '.join(names)}" if names else "a release on disk",
            remedy=f"did you mean {close}?" if close else None,
        )
    places = [place for place, release in enumerate(releases) if release.is_current]
    earlier = releases[places[0] + 1 :] if places else releases
    if not earlier:
        raise PublicationError(
            "there is no earlier release", remedy="publish again; the number of releases kept is LOS_KEEP_RELEASES"
        )
    return earlier[0]


def is_whole(release: Release) -> bool:
    """Whether the published files are what the manifest says, byte for byte."""
    for name, facts in release.manifest.files.items():
        path = release.path / name
        if not path.is_file() or path.stat().st_size != facts.bytes or file_facts(path) != facts:
            return False
    return bool(release.manifest.files)


def file_facts(path: Path) -> FileFacts:
    """Measure a file."""
    with path.open("rb") as handle:
        return FileFacts(bytes=path.stat().st_size, sha256=hashlib.file_digest(handle, "sha256").hexdigest())


def current_release(releases_dir: Path) -> Release | None:
    """Return what readers are led to; None when that is nothing, or nothing readable."""
    name = durable_files.current_name(releases_dir)
    if name is None:
        return None
    try:
        return Release(releases_dir / name, read_manifest(releases_dir / name), is_current=True)
    except PublicationError:
        return None


def remove_if_never_published(target: Path) -> None:
    """Make way for a release: a directory of its name may go only if nobody was ever led to it.

    Raises:
        PublicationError: It was published, with other content.
    """
    if not target.exists():
        return
    if target.name in _switches(target.parent):
        raise PublicationError(
            "another release of this name was published before", subject=target.name, remedy="use another id"
        )
    shutil.rmtree(target)


def log_current(releases_dir: Path, at: datetime) -> None:
    """Write down what readers are led to, if the last line of the history does not say so already."""
    current = durable_files.current_name(releases_dir)
    if current is not None and [current] != _switches(releases_dir)[-1:]:
        line = json.dumps({"release": current, "at": at.astimezone(UTC).isoformat()})
        durable_files.append_line(releases_dir / HISTORY_FILE, line)


def _switches(releases_dir: Path) -> list[str]:
    """Return the names of the releases that readers were led to, one per switch, in order."""
    try:
        lines = (releases_dir / HISTORY_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    names = []
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that a crash cut short
            names.append(str(json.loads(line)["release"]))
    return names


def forget_oldest(releases_dir: Path, keep: int, *, newest: str) -> None:
    """Remove all but the newest `keep` releases; the current one and the one just published stay in any case."""
    releases = list_releases(releases_dir)
    kept = [release for release in releases if release.is_current or release.name == newest]
    kept += [release for release in releases if release not in kept][: max(keep - len(kept), 0)]
    for release in releases:
        if release not in kept:
            # Under a private name first: a crash must not leave half a release under a release's name.
            doomed = releases_dir / f"{durable_files.BUILDING}{release.name}"
            release.path.rename(doomed)
            shutil.rmtree(doomed)


@contextlib.contextmanager
def told_as_publication_errors(releases_dir: Path) -> Iterator[None]:
    """Turn what disk and database refuse into an error that says what to do."""
    try:
        yield
    except OSError as error:
        raise PublicationError(
            f"the release could not be written: {error.strerror or error}",
            file=error.filename or releases_dir,
            remedy="free disk space or mend the permissions, and publish again: the current release is untouched",
        ) from error
    except duckdb.Error as error:
        raise PublicationError(
            f"the release could not be written: {str(error).splitlines()[0]}",
            file=releases_dir,
            remedy="mend that and publish again: the current release is untouched",
        ) from error
