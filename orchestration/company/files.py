"""The map of the company directory: which files there may be, what each holds, and what a stray one was meant to be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from orchestration.company.fields import FileModel
from orchestration.company.models import (
    CapacityFile,
    ChangeRequestsFile,
    CheckInsFile,
    CyclesFile,
    DecisionsFile,
    DependenciesFile,
    EscalationsFile,
    KpisFile,
    OkrsFile,
    OrganizationFile,
    WaiversFile,
)
from orchestration.errors import DefinitionError, nearest

FEEDS_FILE: Final = "feeds.yml"
"""Lies in the company directory too, but is a contract of ingestion, which reads it."""
MAPPINGS_FILE: Final = "mappings.yml"
"""The same, of registries kept elsewhere."""
WORKBOOK_FILE: Final = "company.xlsx"
"""A workbook whose sheets may stand in for any of the other files."""

FILE_MODELS: Final[dict[str, type[FileModel]]] = {
    "organization": OrganizationFile,
    "cycles": CyclesFile,
    "kpis": KpisFile,
    "okrs": OkrsFile,
    "waivers": WaiversFile,
    "change_requests": ChangeRequestsFile,
    "capacity": CapacityFile,
    "dependencies": DependenciesFile,
    "escalations": EscalationsFile,
    "decisions": DecisionsFile,
    "check_ins": CheckInsFile,
}
"""Kind of file -> its model."""

REQUIRED_FILES: Final = ("organization.yml", "cycles.yml")
GOVERNANCE: Final = (
    "waivers",
    "change_requests",
    "capacity",
    "dependencies",
    "escalations",
    "decisions",
    "check_ins",
)
"""Kinds of file below governance/; each holds one list, named like it."""
_FOLDERS: Final = ("kpis", "okrs", "governance")
_AT_TOP: Final = (*REQUIRED_FILES, FEEDS_FILE, MAPPINGS_FILE)
_PLACES: Final = (
    "organization.yml, cycles.yml, feeds.yml, kpis/*.yml, okrs/<cycle_id>/*.yml, governance/*.yml, company.xlsx"
)
WORKBOOK: Final = "workbook"
"""Kind of the workbook, which holds what files of several kinds would."""
_TABLE_SUFFIXES: Final = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")


@dataclass(frozen=True)
class CompanyFile:
    """A file that the loader reads.

    Attributes:
        path: where it lies.
        name: relative to the company directory, with forward slashes.
        kind: key of `FILE_MODELS`, or `WORKBOOK`.
        cycle_id: for objectives, the folder that names their cycle.
    """

    path: Path
    name: str
    kind: str
    cycle_id: str | None = None


def find_files(directory: Path) -> tuple[list[CompanyFile], list[DefinitionError]]:
    """Return the files to read, by name, and an error for everything that nothing would read.

    Passed over: names that begin with a point or, as Excel marks an open workbook, with `~$`; Markdown; the exported
    `*.schema.json`.
    """
    files: list[CompanyFile] = []
    errors: list[DefinitionError] = []
    for path in _walk(directory, errors):
        name = path.relative_to(directory)
        parts = name.parts
        if path.is_dir():
            errors += _check_folder(path, parts)
        elif kind := _kind_of(parts):
            files.append(CompanyFile(path, name.as_posix(), kind, parts[1] if kind == "okrs" else None))
        elif not (len(parts) > 1 and parts[0] not in _FOLDERS) and name.as_posix() not in (
            FEEDS_FILE,
            MAPPINGS_FILE,
        ):
            errors.append(
                DefinitionError(
                    "nothing reads this file",
                    file=name.as_posix(),
                    expected=_PLACES,
                    remedy=_move_to(_meant(parts)),
                )
            )
    return sorted(files, key=lambda file: file.name), errors


def _walk(directory: Path, errors: list[DefinitionError]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        # Passing over a folder that cannot be listed would delete every definition in it.
        name = Path(error.filename or directory).relative_to(directory).as_posix()
        message = f"the folder cannot be read: {error.strerror or type(error).__name__}"
        errors.append(DefinitionError(message, file=f"{name}/", remedy="make it readable"))

    for folder, folders, names in os.walk(directory, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in folders)
        for name in sorted(names):
            if not name.startswith((".", "~$")) and not name.endswith((".md", ".schema.json")):
                yield Path(folder, name)


def _kind_of(parts: tuple[str, ...]) -> str | None:
    name = PurePosixPath(parts[-1])
    if parts == (WORKBOOK_FILE,):
        return WORKBOOK
    if name.suffix != ".yml":
        return None
    match parts:
        case ("organization.yml",) | ("cycles.yml",):
            return name.stem
        case ("kpis", _):
            return "kpis"
        case ("okrs", _, _):
            return "okrs"
        case ("governance", _) if name.stem in GOVERNANCE:
            return name.stem
    return None


def _check_folder(path: Path, parts: tuple[str, ...]) -> list[DefinitionError]:
    name = "/".join(parts) + "/"
    if path.is_symlink():
        return [DefinitionError("a linked folder is not read", file=name, remedy="put the files themselves here")]
    if len(parts) == 1 and parts[0] not in _FOLDERS:
        close = nearest(parts[0].lower(), _FOLDERS)
        return [
            DefinitionError(
                "nothing reads this folder",
                file=name,
                expected=_PLACES,
                remedy=f"rename it to {close}/" if close else "move it out of the company directory",
            )
        ]
    return []


def _meant(parts: tuple[str, ...]) -> str | None:
    """Return the place that a stray file was probably meant for."""
    stem, suffix = PurePosixPath(parts[-1]).stem, PurePosixPath(parts[-1]).suffix.lower()
    if suffix in _TABLE_SUFFIXES:
        return WORKBOOK_FILE if len(parts) == 1 and suffix == ".xlsx" else None
    if suffix not in (".yml", ".yaml"):
        return None
    if len(parts) == 1:
        place = nearest(stem.lower(), [PurePosixPath(name).stem for name in _AT_TOP] + ["kpis", *GOVERNANCE])
        if place == "kpis":
            return f"kpis/{stem}.yml"
        return f"governance/{place}.yml" if place in GOVERNANCE else place and f"{place}.yml"
    if parts[0] == "kpis":
        return f"kpis/{stem}.yml"
    if parts[0] == "okrs":
        return f"okrs/{parts[1] if len(parts) > 2 else '<cycle_id>'}/{stem}.yml"
    governance = nearest(stem.lower(), GOVERNANCE)
    return f"governance/{governance}.yml" if governance else None


def _move_to(place: str | None) -> str:
    return f"move or rename it to {place}" if place else "move it out of the company directory"
