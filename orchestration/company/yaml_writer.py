"""Writes a company as the YAML files that people review: the same definitions, cut into files as people cut them.

Every text that YAML, or an older reader of it, could take for something else stands in quotes: `no`, `1e3`, `2013-01`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from orchestration.company.fields import FileModel
from orchestration.company.files import GOVERNANCE
from orchestration.company.loader import Company
from orchestration.errors import DefinitionError, DefinitionErrors

_WIDTH: Final = 120
_IN_BLOCKS: Final = ("kpis", "objectives", "key_results")
"""Lists whose records are too large to stand on one line each."""

# Letters first, then what no YAML reader gives a meaning inside a plain text, be it in brackets or not.
_PLAIN: Final = re.compile(r"[^\W\d_][\w./%+()@'-]*(?: [\w./%+()@'-]+)*")
_WORDS_OF_YAML: Final = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_FORBIDDEN_IN_FOLDERS: Final = re.compile(r'[/\\:*?"<>|]')

Record = dict[str, Any]


def stated(model: FileModel) -> Record:
    """Return the fields that a definition states, under the names that files use; what it leaves out stays out."""
    fields: Record = _without_nothing(model.model_dump(by_alias=True, exclude_unset=True))
    return fields


def write_company_files(company: Company, directory: Path) -> list[Path]:
    """Write a company's definitions as YAML files. Feeds are no part of it.

    Args:
        company: the company.
        directory: where to; made when missing. None of the files may be there already.

    Returns:
        The files written.

    Raises:
        DefinitionErrors: a file is there already, or a cycle's id cannot name its folder.
    """
    contents = dict(_contents(company))
    errors = [
        DefinitionError("the file is there already", file=directory / name, remedy="choose an empty directory")
        for name in contents
        if (directory / name).exists()
    ]
    errors += [
        DefinitionError("the cycle's id cannot name a folder", subject=cycle_id, remedy="choose another id")
        for cycle_id in dict.fromkeys(cycle_id for cycle_id, _ in company.objectives)
        if not _names_a_folder(cycle_id)
    ]
    if errors:
        raise DefinitionErrors(errors)
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in _mapping(content, 0)), encoding="utf-8", newline="\n")
    return [directory / name for name in contents]


def _contents(company: Company) -> Iterator[tuple[str, Record]]:
    """Yield name and content of each file: KPIs by unit, objectives by cycle and unit."""
    organization: Record = {"company": stated(company.profile), "units": [stated(unit) for unit in company.units]}
    yield "organization.yml", _without_nothing(organization | {"people": [stated(person) for person in company.people]})
    yield "cycles.yml", {"cycles": [stated(cycle) for cycle in company.cycles]}
    for name, kpis in _by_file((kpi.org_unit, kpi) for kpi in company.kpis):
        yield f"kpis/{name}.yml", {"kpis": [stated(kpi) for kpi in kpis]}
    for cycle_id in dict.fromkeys(cycle_id for cycle_id, _ in company.objectives):
        of_cycle = [objective for cycle, objective in company.objectives if cycle == cycle_id]
        for name, objectives in _by_file((objective.unit, objective) for objective in of_cycle):
            yield f"okrs/{cycle_id}/{name}.yml", {"objectives": [stated(objective) for objective in objectives]}
    for kind in GOVERNANCE:
        records = getattr(company, kind)
        if records:
            yield f"governance/{kind}.yml", {kind: [stated(record) for record in records]}


def _by_file(records: Iterable[tuple[str | None, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """Yield a file's name and records: one file per unit, also where letter case makes no difference to files."""
    files: dict[str, tuple[str, list[Any]]] = {}
    for unit, record in records:
        name = re.sub(r"[^\w-]+", "_", unit or "", flags=re.ASCII).strip("_")[:80] or "company"
        files.setdefault(name.casefold(), (name, []))[1].append(record)
    yield from files.values()


def _names_a_folder(cycle_id: str) -> bool:
    return not (
        cycle_id.startswith((".", "~$"))
        or cycle_id.endswith(".")
        or _FORBIDDEN_IN_FOLDERS.search(cycle_id)
        or len(cycle_id.encode()) > 255
    )


def _without_nothing(value: Any) -> Any:
    """Return a value less its fields that say nothing."""
    if isinstance(value, dict):
        cleaned = {key: _without_nothing(inner) for key, inner in value.items()}
        return {key: inner for key, inner in cleaned.items() if inner is not None and inner != [] and inner != {}}
    return [_without_nothing(inner) for inner in value] if isinstance(value, list) else value


def _mapping(fields: Mapping[str, Any], indent: int) -> Iterator[str]:
    """Yield the lines of a mapping, one field below the other."""
    margin = " " * indent
    for key, value in fields.items():
        if isinstance(value, dict):
            line = f"{margin}{key}: {_flow(value)}"
            if _fits(line, value):
                yield line
            else:
                yield f"{margin}{key}:"
                yield from _mapping(value, indent + 2)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{margin}{key}:"
            for item in value:
                yield from _item(item, key, indent + 2)
        elif isinstance(value, str) and _is_block_text(value):
            yield f"{margin}{key}: |-"
            yield from (f"{margin}  {line}" if line else "" for line in value.split("\n"))
        else:
            yield f"{margin}{key}: {_flow(value)}"


def _item(record: Record, field: str, indent: int) -> Iterator[str]:
    margin = " " * indent
    line = f"{margin}- {_flow(record)}"
    if field not in _IN_BLOCKS and _fits(line, record):
        yield line
        return
    lines = _mapping(record, indent + 2)
    yield f"{margin}- {next(lines).lstrip(' ')}"
    yield from lines


def _fits(line: str, value: Record) -> bool:
    return len(line) <= _WIDTH and not any(isinstance(inner, str) and "\n" in inner for inner in value.values())


def _flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0":
        return str(int(value))
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.isprintable() and text.lower() not in _WORDS_OF_YAML:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    match character:
        case '"' | "\\":
            return f"\\{character}"
        case "\n":
            return "\\n"
        case "\t":
            return "\\t"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_block_text(text: str) -> bool:
    """Return whether a text of several lines can stand as it is, below its field."""
    return "\n" in text and all(line.isprintable() and line == line.rstrip() for line in text.split("\n"))
