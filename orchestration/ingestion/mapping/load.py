"""Reads every mapped registry: definitions for the lake, and what had to stay out, for the quarantine.

A file that cannot be read at all stops the load of definitions, as a broken company file does: the last good ones
stay. A record that does not fit stays out alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from orchestration.company.loader import Company
from orchestration.company.records import DefinitionRecord, canonical_json
from orchestration.errors import DefinitionError, DefinitionErrors
from orchestration.ingestion.mapping.apply import Built, Misfit, build, columns_of_quarantine
from orchestration.ingestion.mapping.contract import DefinitionMapping, Target
from orchestration.ingestion.mapping.source import SourceRecord, check_columns, harmless, read_records
from orchestration.ingestion.physical import sha256_of
from orchestration.ingestion.sources.files import landed_files
from orchestration.ingestion.tables import QUARANTINE, TABLES
from orchestration.lake.store import Lake

Identity = tuple[str, str, date | None]

_PLACES_NAMED: Final = 20
"""Places that a message names of records under one id."""


@dataclass(frozen=True)
class Withheld:
    """A record, or one value of it, that is not among the definitions.

    Attributes:
        file: name of the file.
        line: physical line of the record.
        text: the record as it stands there.
        subject: id that the definition has, or would have.
        kind: kind of definition.
        misfit: why.
        is_value: only a value was left out; the definition stands without it.
    """

    file: str
    line: int
    text: str
    subject: str | None
    kind: str
    misfit: Misfit
    is_value: bool


@dataclass
class MappedFile:
    """What one file came to; `read` = `accepted` + the records withheld, a record counted once per target."""

    mapping: DefinitionMapping
    name: str
    sha256: str
    size: int
    read: int = 0
    accepted: int = 0
    collapsed: int = 0
    withheld: list[Withheld] = field(default_factory=list)

    @property
    def quarantined(self) -> int:
        """Records that stay out."""
        return sum(1 for one in self.withheld if not one.is_value)


@dataclass(frozen=True)
class MappedDefinitions:
    """Everything that the mappings yield."""

    records: Sequence[DefinitionRecord]
    files: Sequence[MappedFile]

    @property
    def withheld(self) -> list[Withheld]:
        """Everything kept out, in the order of files and lines."""
        return [one for file in self.files for one in file.withheld]

    def joined_to(self, company: Company) -> Company:
        """Return the company with the mapped definitions among its records."""
        return dataclasses.replace(company, records=[*company.records, *self.records])


@dataclass
class _Candidate:
    source: SourceRecord
    target: Target
    file: MappedFile
    built: Built


def read_mapped_definitions(
    mappings: Sequence[DefinitionMapping], *, landing_dir: Path, company: Company
) -> MappedDefinitions:
    """Read every mapped registry.

    Args:
        mappings: as `load_mappings` returned them.
        landing_dir: folder that their paths are relative to.
        company: the company directory; where it defines an id itself, the registry's record stays out.

    Raises:
        DefinitionErrors: a file is missing or cannot be read as a whole, every one of them at once.
    """
    files: list[MappedFile] = []
    candidates: list[_Candidate] = []
    errors: list[DefinitionError] = []
    for mapping in mappings:
        deliveries = list(landed_files(mapping.source, landing_dir))
        if not deliveries:
            remedy = f"put it there, or correct the mapping {mapping.id} in mappings.yml"
            errors.append(DefinitionError("the registry is missing", file=mapping.source.path, remedy=remedy))
        read: list[SourceRecord] = []
        broken = len(errors)
        for delivery in deliveries:
            try:
                records = read_records(delivery, mapping)
            except DefinitionErrors as error:
                errors += error.errors
                continue
            read += records
            file = MappedFile(mapping, delivery.name, *sha256_of(delivery.path))
            files.append(file)
            candidates += [
                _Candidate(source, target, file, build(source, target, mapping, file.name))
                for source in records
                for target in mapping.targets
            ]
        if read and len(errors) == broken:
            try:
                check_columns(mapping.source.path, mapping, read)
            except DefinitionErrors as error:
                errors += error.errors
    if errors:
        raise DefinitionErrors(errors)
    _tell_conflicts_apart(candidates)
    chosen = _settle(candidates, {record.identity: record for record in company.records})
    for file in files:
        file.withheld.sort(key=lambda one: one.line)
    return MappedDefinitions(chosen, files)


def write_mapped_files(lake: Lake, mapped: MappedDefinitions, *, clock: datetime) -> list[str]:
    """Append to the ledger and the quarantine what became of each file, unless the lake has just that.

    Holds the lake's writer lock meanwhile; the caller must not hold it.

    Returns:
        The loads made.
    """
    lake.ensure(TABLES)
    made = []
    with lake.exclusive(), duckdb.connect() as connection:
        known = dict(
            connection.execute(
                """
                select source_feed || chr(10) || source_file, max_by(contract_hash, loaded_at)
                from read_parquet(?, union_by_name = true)
                where kind = 'definitions' and source_file is not null
                group by 1
                """,
                [lake.glob("loads")],
            ).fetchall()
        )
        for file in mapped.files:
            outcome = _outcome(file)
            if known.get(f"{file.mapping.id}\n{file.name}") == outcome:
                continue
            identity = hashlib.sha256(f"{file.mapping.id}\n{file.name}\n{outcome}".encode()).hexdigest()
            with lake.begin(clock, identity) as load:
                if file.withheld:
                    rows = [_quarantine_row(one, file) for one in file.withheld]
                    stamp = {"load_id": load.load_id, "loaded_at": load.loaded_at}
                    load.write(
                        "quarantine",
                        pa.Table.from_pylist([row | stamp for row in rows], schema=QUARANTINE),
                        file.mapping.id,
                    )
                values = len(file.withheld) - file.quarantined
                load.commit(
                    {
                        "kind": "definitions",
                        "source_feed": file.mapping.id,
                        "source_file": file.name,
                        "file_bytes": file.size,
                        "file_sha256": file.sha256,
                        "contract_hash": outcome,
                        "status": "loaded",
                        "message": f"{values} single values held back" if values else None,
                        "rows_read": file.read,
                        "rows_accepted": file.accepted,
                        "rows_quarantined": file.quarantined,
                        "rows_collapsed": file.collapsed,
                        "cells_absent": 0,
                        "started_at": clock.astimezone(UTC).replace(tzinfo=None),
                    }
                )
            made.append(load.load_id)
    return made


def _tell_conflicts_apart(candidates: Iterable[_Candidate]) -> None:
    """Give records that differ under one id the id that the mapping keeps for that, and note each."""
    for group in _by_identity(candidates).values():
        if len({_hash(one) for one in group}) < 2:
            continue
        places = ", ".join(f"{one.file.name}:{one.source.line}" for one in group[:_PLACES_NAMED])
        for one in group:
            if one.target.conflict_id is None:
                continue
            shared = one.built.natural_id
            one.built = build(one.source, one.target, one.file.mapping, one.file.name, conflict=True)
            if one.built.record is not None:
                message = f"different records share the id {shared}: {places}; this one is {one.built.natural_id}"
                one.built.held.append(Misfit("duplicate_in_file", None, shared, message))


def _settle(candidates: Sequence[_Candidate], own: dict[Identity, DefinitionRecord]) -> list[DefinitionRecord]:
    """Decide on every candidate: identical ones become one, differing ones stay out."""
    chosen: list[DefinitionRecord] = []
    taken: set[Identity] = set()
    # Once per id, not once per record: a column that is the same in every row makes a group of all of them.
    differing = {
        identity: ", ".join(f"{one.file.name}:{one.source.line}" for one in group[:_PLACES_NAMED])
        for identity, group in _by_identity(candidates).items()
        if len({_hash(one) for one in group}) > 1
    }
    for one in candidates:
        one.file.read += 1
        record = one.built.record
        if record is None:
            assert one.built.rejected is not None
            _withhold(one, one.built.rejected)
            continue
        if record.identity in own:
            first = own[record.identity]
            message = f"the company directory defines it itself, at {first.source_file}:{first.source_row}"
            _withhold(one, Misfit("duplicate_in_file", None, record.natural_id, message))
        elif record.identity in differing:
            message = f"different records share the id {record.natural_id}: {differing[record.identity]}"
            _withhold(one, Misfit("duplicate_in_file", None, record.natural_id, message))
        else:
            one.file.accepted += 1
            if record.identity in taken:
                one.file.collapsed += 1
                continue
            taken.add(record.identity)
            chosen.append(record)
            for misfit in one.built.held:
                _withhold(one, misfit, is_value=True)
    return chosen


def _by_identity(candidates: Iterable[_Candidate]) -> dict[Identity, list[_Candidate]]:
    groups: dict[Identity, list[_Candidate]] = defaultdict(list)
    for one in candidates:
        if one.built.record is not None:
            groups[one.built.record.identity].append(one)
    return groups


def _hash(candidate: _Candidate) -> str:
    return candidate.built.record.hash if candidate.built.record else ""


def _withhold(one: _Candidate, misfit: Misfit, *, is_value: bool = False) -> None:
    one.file.withheld.append(
        Withheld(
            one.file.name, one.source.line, one.source.text, one.built.natural_id, one.target.kind, misfit, is_value
        )
    )


def _quarantine_row(one: Withheld, file: MappedFile) -> dict[str, Any]:
    row = {
        **columns_of_quarantine(one.misfit),
        "raw_text": one.text[:65_536],
        "kpi_id": one.subject if one.kind == "kpis" else None,
        "source_feed": file.mapping.id,
        "source_file": file.name,
        "source_row": one.line,
    }
    return {name: harmless(value) if isinstance(value, str) else value for name, value in row.items()}


def _outcome(file: MappedFile) -> str:
    """Return what tells one outcome of a file from another: its bytes, its mapping, and what stayed out."""
    rows = [_quarantine_row(one, file) for one in file.withheld]
    content = [file.sha256, file.mapping.model_dump(mode="json"), file.read, file.accepted, file.collapsed, rows]
    return hashlib.sha256(canonical_json(content)).hexdigest()
