"""Reads the company directory, or a workbook that holds the same: all of it or nothing, every error of form at once.

What loads is well formed, not necessarily right: references may dangle and owners may be missing. The integrity
rules see to that, because such a company must still get its report, with the reason for every figure withheld.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from orchestration.company.fields import FileModel, clean_id
from orchestration.company.files import FILE_MODELS, WORKBOOK, WORKBOOK_FILE, CompanyFile, find_files
from orchestration.company.flattening import flatten
from orchestration.company.models import (
    CapacityFile,
    ChangeRequestsFile,
    CheckInsFile,
    CompanyProfile,
    Cycle,
    CyclesFile,
    DecisionsFile,
    DependenciesFile,
    EscalationsFile,
    Kpi,
    KpisFile,
    Objective,
    OkrsFile,
    OrganizationFile,
    OrganizationPart,
    Person,
    Unit,
    WaiversFile,
)
from orchestration.company.models.governance import (
    Capacity,
    ChangeRequest,
    CheckIn,
    Decision,
    Dependency,
    Escalation,
    Waiver,
)
from orchestration.company.records import DefinitionRecord, records_hash
from orchestration.company.sheet_data import WorkbookData, read_sheets
from orchestration.company.validation import validate
from orchestration.company.yaml_reader import PathKeys, Positions, read_yaml, shown
from orchestration.errors import DefinitionError, DefinitionErrors

_F = TypeVar("_F", bound=FileModel)


@dataclass(frozen=True)
class _Part:
    """One file that was read without an error of its own."""

    file: CompanyFile
    content: FileModel
    positions: Positions


@dataclass(frozen=True)
class Company:
    """A company directory that is well formed.

    Attributes:
        directory: where it was read.
        profile: what holds for the whole company.
        objectives: (cycle id, objective with its key results), in the order of the files.
        records: every definition as the lake keeps it, feeds excepted.
    """

    directory: Path
    profile: CompanyProfile
    units: Sequence[Unit]
    people: Sequence[Person]
    cycles: Sequence[Cycle]
    kpis: Sequence[Kpi]
    objectives: Sequence[tuple[str, Objective]]
    waivers: Sequence[Waiver]
    change_requests: Sequence[ChangeRequest]
    capacity: Sequence[Capacity]
    dependencies: Sequence[Dependency]
    escalations: Sequence[Escalation]
    decisions: Sequence[Decision]
    check_ins: Sequence[CheckIn]
    records: Sequence[DefinitionRecord]

    @property
    def time_zone(self) -> ZoneInfo:
        """The zone in which a business day begins and ends; `.key` is its name."""
        return ZoneInfo(self.profile.time_zone)

    @cached_property
    def content_hash(self) -> str:
        """Sha256 (hex) of every definition's meaning, whatever the cut into files."""
        return records_hash(self.records)


def load_company(company_dir: Path) -> Company:
    """Read and validate every company file.

    Args:
        company_dir: the company directory, or a workbook that holds all of it.

    Raises:
        DefinitionErrors: every error of form over all files, by file and line.
    """
    if company_dir.is_file():
        root = company_dir.parent
        files = [CompanyFile(company_dir, company_dir.name, WORKBOOK)]
        errors: list[DefinitionError] = []
    else:
        root = company_dir
        _check_directory(company_dir)
        files, errors = find_files(company_dir)
    reading = _Reading(root, errors)
    for file in files:
        reading.read(file)
    reading.errors += _missing_files(files, reading)
    reading.errors += _company_errors(reading.parts)
    reading.errors += _unit_tree_errors(reading.parts)
    if reading.errors:
        raise DefinitionErrors(sorted(reading.errors, key=_by_place))
    return _assemble(root, reading.parts)


def read_profile(company_dir: Path) -> CompanyProfile:
    """Return what holds for the whole company, reading no more of the files than that takes.

    Raises:
        DefinitionErrors: what is wrong with organization.yml or, when the workbook stands in for it, with its sheet.
    """
    path, workbook = company_dir / "organization.yml", company_dir / WORKBOOK_FILE
    if company_dir.is_file():
        workbook = company_dir
    if workbook.is_file() and not path.is_file():
        company = _read_company_sheet(workbook)
        if company is not None:
            return company
    data, positions = read_yaml(path, company_dir)
    return validate(OrganizationFile, data, positions, path.name).company


def registry_rows(company: Company, *, on: date | None = None) -> list[dict[str, Any]]:
    """Return one row per KPI id, of the version that holds on a day, as ingestion checks observations against it.

    Args:
        company: the company.
        on: the day; None takes each KPI's last version. A KPI that only begins later gives its first version.

    Returns:
        Rows with kpi_id, unit, grain, valid_min, valid_max, lifecycle, feed_id, in the order of kpi_id.
    """
    chosen: dict[str, DefinitionRecord] = {}
    for record in sorted(
        (record for record in company.records if record.table == "kpis"),
        key=lambda record: (record.natural_id, record.effective_from or date.min),
    ):
        starts = record.effective_from or date.min
        if record.natural_id not in chosen or on is None or starts <= on:
            chosen[record.natural_id] = record
    fields = ("kpi_id", "unit", "grain", "valid_min", "valid_max", "lifecycle", "feed_id")
    return [{field: record.columns[field] for field in fields} for record in chosen.values()]


class _Reading:
    """What the files read so far hold, and everything wrong with them."""

    def __init__(self, root: Path, errors: list[DefinitionError]) -> None:
        self.root = root
        self.errors = errors
        self.parts: list[_Part] = []
        self.workbook: WorkbookData | None = None
        self._places: dict[tuple[str, str, str], str] = {}

    def read(self, file: CompanyFile) -> None:
        try:
            if file.kind == WORKBOOK:
                self._read_workbook(file)
                return
            file = _with_clean_cycle(file)
            data, positions = read_yaml(file.path, self.root)
        except DefinitionErrors as error:
            self.errors += error.errors
            return
        self.errors += self._take(FILE_MODELS[file.kind], file, data, positions)

    def _read_workbook(self, file: CompanyFile) -> None:
        self.workbook = read_sheets(file.path, self.root)
        self.errors += self.workbook.errors
        for part in self.workbook.files:
            model = OrganizationPart if part.file.kind == "organization" else FILE_MODELS[part.file.kind]
            found = self._take(model, part.file, part.data, part.positions)
            self.errors += [error for error in found if self.workbook.is_new(error)]

    def _take(
        self, model: type[FileModel], file: CompanyFile, data: Any, positions: Positions
    ) -> Iterator[DefinitionError]:
        """Keep the content of a file; yield what is wrong with it."""
        yield from _duplicates(file, data, positions, self._places)
        try:
            content = validate(model, data, positions, file.name)
        except DefinitionErrors as error:
            yield from error.errors
            return
        self.parts.append(_Part(file, content, positions))


def _check_directory(company_dir: Path) -> None:
    if not company_dir.is_dir():
        message, remedy = "the company directory is missing", "create it, or point LOS_COMPANY_DIR to the right one"
        raise DefinitionErrors([DefinitionError(message, file=company_dir, remedy=remedy)])
    if not any(company_dir.iterdir()):
        error = DefinitionError(
            "the company directory is empty",
            file=company_dir,
            expected="organization.yml, cycles.yml, kpis/*.yml, okrs/<cycle_id>/*.yml, feeds.yml",
            remedy="create the files, or point LOS_COMPANY_DIR to the right directory",
        )
        raise DefinitionErrors([error])


def _missing_files(files: Sequence[CompanyFile], reading: _Reading) -> Iterator[DefinitionError]:
    """Yield an error for what every company must state and no file does."""
    workbook = next((file for file in files if file.kind == WORKBOOK), None)
    if workbook is not None and reading.workbook is None:
        return  # it cannot be read, and may hold them
    kinds = {file.kind for file in files}
    for name, tables in {"organization": ("company", "units"), "cycles": ("cycles",)}.items():
        if name in kinds:
            continue
        if reading.workbook is None:
            remedy = f"create {name}.yml in the company directory"
            yield DefinitionError("the file is missing", file=f"{name}.yml", remedy=remedy)
            continue
        for table in tables:
            if table not in reading.workbook.filled:
                yield DefinitionError(
                    f"the sheet {table} is missing or has no rows",
                    file=workbook.name if workbook else None,
                    column=table,
                    remedy=f"fill it, or write {name}.yml",
                )


def _company_errors(parts: Iterable[_Part]) -> Iterator[DefinitionError]:
    """Yield an error when organization.yml and the workbook both say what the company is."""
    found = [part for part in parts if isinstance(part.content, OrganizationPart) and part.content.company is not None]
    for part in found[1:]:
        first = found[0]
        yield DefinitionError(
            "the company stands twice",
            file=part.file.name,
            line=part.positions.line(("company",)),
            column=part.positions.column(("company",)),
            found=f"the same at {first.positions.place(('company',), first.file.name)}",
            remedy="keep one of the two",
        )


def _by_place(error: DefinitionError) -> tuple[str, str, int]:
    sheet, mark, _ = (error.column or "").partition("!")
    return error.file or "", sheet if mark else "", error.line or 0


def _read_company_sheet(workbook: Path) -> CompanyProfile | None:
    """Return what the workbook says of the company, None when it has no such sheet."""
    data = read_sheets(workbook, workbook.parent, only=("company",))
    for part in data.files:
        content = validate(OrganizationPart, part.data, part.positions, part.file.name)
        return content.company
    if data.errors:
        raise DefinitionErrors(data.errors)
    return None


def _assemble(directory: Path, parts: Iterable[_Part]) -> Company:
    parts = list(parts)
    organizations = _contents(parts, OrganizationPart)
    (profile,) = (part.company for part in organizations if part.company is not None)
    return Company(
        directory=directory,
        profile=profile,
        units=[unit for part in organizations for unit in part.units],
        people=[person for part in organizations for person in part.people],
        cycles=[cycle for content in _contents(parts, CyclesFile) for cycle in content.cycles],
        kpis=[kpi for content in _contents(parts, KpisFile) for kpi in content.kpis],
        objectives=[
            (str(part.file.cycle_id), objective)
            for part in parts
            if isinstance(part.content, OkrsFile)
            for objective in part.content.objectives
        ],
        waivers=[one for content in _contents(parts, WaiversFile) for one in content.waivers],
        change_requests=[one for content in _contents(parts, ChangeRequestsFile) for one in content.change_requests],
        capacity=[one for content in _contents(parts, CapacityFile) for one in content.capacity],
        dependencies=[one for content in _contents(parts, DependenciesFile) for one in content.dependencies],
        escalations=[one for content in _contents(parts, EscalationsFile) for one in content.escalations],
        decisions=[one for content in _contents(parts, DecisionsFile) for one in content.decisions],
        check_ins=[one for content in _contents(parts, CheckInsFile) for one in content.check_ins],
        records=[record for part in parts for record in flatten(part.content, part.file, part.positions)],
    )


def _contents(parts: Iterable[_Part], model: type[_F]) -> list[_F]:
    return [part.content for part in parts if isinstance(part.content, model)]


def _with_clean_cycle(file: CompanyFile) -> CompanyFile:
    """Return the file with its folder as an id: some file systems store names decomposed."""
    if file.cycle_id is None:
        return file
    try:
        cycle_id = clean_id(file.cycle_id)
    except PydanticCustomError as error:
        message = f"the folder is no cycle id: {error.message()}"
        raise DefinitionErrors([DefinitionError(message, file=file.name, remedy="rename the folder")]) from None
    return CompanyFile(file.path, file.name, file.kind, cycle_id)


def _duplicates(
    file: CompanyFile, data: Any, positions: Positions, places: dict[tuple[str, str, str], str]
) -> Iterator[DefinitionError]:
    """Yield an error for every (table, id, effective_from) that was seen before, in this file or another.

    Works on the data as written, so that a file with other errors shows its duplicates too.

    Args:
        file: the file.
        data: its data.
        positions: its positions.
        places: where each identity was first seen; extended.
    """
    for table, path, record in _raw_records(data):
        name = record.get("id")
        if not isinstance(name, str):
            continue
        try:
            name = clean_id(name)
        except PydanticCustomError:
            continue
        effective_from = record.get("effective_from")
        identity = (table, name, str(effective_from or "").strip())
        if table == "escalations":
            identity = (table, f"{name} {record.get('state')} {record.get('on')}", identity[2])
        first = places.get(identity)
        if first is None:
            places[identity] = positions.place((*path, "id"), file.name)
        else:
            version = f" with effective_from {effective_from}" if effective_from else ""
            yield DefinitionError(
                f"duplicate id {shown(identity[1])} in {table}{version}",
                file=file.name,
                line=positions.line((*path, "id")),
                column=positions.column((*path, "id")),
                subject=name,
                found=f"the same at {first}",
                remedy="rename or remove one, or state effective_from if it is a later version",
            )


def _raw_records(data: Any) -> Iterator[tuple[str, PathKeys, Mapping[str, Any]]]:
    """Yield table, path and mapping of everything in a file that has an identity."""
    if not isinstance(data, dict):
        return
    for table, items in data.items():
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if not isinstance(item, dict):
                continue
            yield table, (table, index), item
            inner = item.get("key_results")
            for place, key_result in enumerate(inner if table == "objectives" and isinstance(inner, list) else ()):
                if isinstance(key_result, dict):
                    yield "key_results", (table, index, "key_results", place), key_result


def _unit_tree_errors(parts: Iterable[_Part]) -> Iterator[DefinitionError]:
    """Yield an error unless the units form one tree on every day.

    Without it no unit would have an enterprise above it, and a loop would have no end. A parent that dangles is an
    error of meaning and passes.
    """
    units: list[tuple[Unit, _Part, PathKeys]] = [
        (unit, part, ("units", index))
        for part in parts
        if isinstance(part.content, OrganizationPart)
        for index, unit in enumerate(part.content.units)
    ]
    if not units:
        return
    roots = {unit.id: (part, path) for unit, part, path in units if unit.parent is None}
    if len(roots) != 1:
        places = ", ".join(f"{root} ({_brief(part, path, units)})" for root, (part, path) in roots.items())
        part, path = list(roots.values())[-1] if roots else units[0][1:]
        yield DefinitionError(
            "the units have no enterprise above them all" if not roots else "several units have no parent",
            file=part.file.name,
            line=part.positions.line(path),
            column=part.positions.column((*path, "parent")),
            expected="exactly one unit without parent: the enterprise",
            found=places or None,
            remedy="give all but one a parent" if roots else "remove the parent of the topmost unit",
        )
    reported = set()
    versions = sorted((unit for unit, _, _ in units), key=lambda unit: unit.effective_from or date.min)
    for day in sorted({unit.effective_from or date.min for unit in versions}):
        parents: dict[str, str | None] = {}
        for unit in versions:
            if (unit.effective_from or date.min) <= day:
                parents[unit.id] = unit.parent
        loop = _loop(parents)
        if loop and frozenset(loop) not in reported:
            reported.add(frozenset(loop))
            part, path = [(part, path) for unit, part, path in units if unit.id in loop][-1]
            yield DefinitionError(
                "the units above each other form a loop",
                file=part.file.name,
                line=part.positions.line(path),
                column=part.positions.column((*path, "parent")),
                found=" -> ".join([*loop, loop[0]]),
                remedy="correct one parent",
            )


def _brief(part: _Part, path: PathKeys, units: Sequence[tuple[Unit, _Part, PathKeys]]) -> str:
    """Return a unit's place, without the file when all units stand in one."""
    if all(other is part for _, other, _ in units):
        return f"line {part.positions.line(path)}"
    return part.positions.place(path, part.file.name)


def _loop(parents: Mapping[str, str | None]) -> list[str] | None:
    """Return the ids of one loop, in order, or None."""
    settled: set[str] = set()
    for start in parents:
        path: dict[str, None] = {}
        node: str | None = start
        while node is not None and node not in settled:
            if node in path:
                trail = list(path)
                return trail[trail.index(node) :]
            path[node] = None
            node = parents.get(node)
        settled.update(path)
    return None
