"""What a release says of itself: `manifest.json`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestration.audit.outcomes import RuleOutcome
from orchestration.audit.session import read_only
from orchestration.errors import PublicationError
from orchestration.settings import PROJECT_ROOT

MANIFEST_FILE = "manifest.json"
FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a newer version may have written more


class Input(_Part):
    """One file that the release rests on: its newest load."""

    load_id: str
    kind: str  # feed | definitions
    source_feed: str | None
    source_file: str | None
    file_sha256: str | None
    status: str  # loaded | rejected
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    oldest_period_on: date | None
    newest_period_on: date | None
    loaded_at: datetime  # UTC


class OldestInput(_Part):
    """The oldest data that a published figure stands on."""

    kpi_id: str
    on: date
    age_days: int


class RuleLine(_Part):
    """What became of a rule at one stage."""

    rule_id: str
    stage: str
    severity: str
    outcome: str
    judged_count: int | None
    failed_count: int
    waived_count: int


class ManifestInputs(_Part):
    """Where the published rows come from, and which rules they were put to."""

    definition_hash: str | None
    oldest_input: OldestInput | None
    inputs: tuple[Input, ...]
    rules: tuple[RuleLine, ...] = ()


class TableFacts(_Part):
    """A published table; `columns` and `checksum` as in the audit's fingerprint, so the two can be compared."""

    rows: int
    columns: str
    checksum: str
    parquet: str


class FileFacts(_Part):
    """A published file."""

    bytes: int
    sha256: str


class Manifest(_Part):
    """`manifest.json` of a release."""

    format: int = FORMAT
    release_id: str
    as_of: date
    published_at: datetime
    code_version: str
    definition_hash: str | None
    catalogue_hash: str
    data_fingerprint: str
    pack_hash: str | None = None
    oldest_input: OldestInput | None
    verdict: Mapping[str, Any]
    rules: Sequence[RuleLine] = Field(default_factory=tuple)
    tables: Mapping[str, TableFacts]
    files: Mapping[str, FileFacts]
    inputs: Sequence[Input] = Field(default_factory=tuple)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a release.

    Raises:
        PublicationError: There is none, or it is not one.
    """
    path = folder / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PublicationError(
            "the release cannot be read",
            file=path,
            found=str(error),
            remedy="publish again, or roll back to another release",
        ) from error


def collect_manifest_inputs(warehouse: Path, outcomes: Sequence[RuleOutcome] = ()) -> ManifestInputs:
    """Read from the warehouse which files a release rests on, and how old the oldest data behind its figures is.

    Args:
        warehouse: DuckDB file; only read.
        outcomes: Of both audits.

    Raises:
        AuditError: The warehouse cannot be opened.
    """
    with read_only(warehouse) as connection:
        cursor = connection.execute(
            """
            select
                load_id, kind, source_feed, source_file, file_sha256, status, rows_read, rows_accepted,
                rows_quarantined, oldest_period_on, newest_period_on, loaded_at
            from marts.fct_feed_load
            where kind in ('feed', 'definitions')
            qualify
                row_number() over (
                    partition by kind, source_feed, source_file order by loaded_at desc, load_id desc
                ) = 1
            order by kind, source_feed, source_file
            """
        )
        names = [column[0] for column in cursor.description or []]
        inputs = tuple(Input.model_validate(dict(zip(names, row, strict=True))) for row in cursor.fetchall())
        oldest = connection.execute(
            """
            select kpi_id, as_of - data_age_days::integer, data_age_days::integer
            from reports.rpt_key_result_kpi
            where data_age_days is not null
            order by data_age_days desc, kpi_id
            limit 1
            """
        ).fetchone()
    definitions = [entry for entry in inputs if entry.kind == "definitions" and entry.status == "loaded"]
    return ManifestInputs(
        definition_hash=_definition_hash([entry.file_sha256 or "" for entry in definitions]),
        oldest_input=OldestInput(kpi_id=oldest[0], on=oldest[1], age_days=oldest[2]) if oldest else None,
        inputs=inputs,
        rules=tuple(
            RuleLine(
                rule_id=entry.rule_id,
                stage=entry.stage,
                severity=entry.severity,
                outcome=entry.outcome,
                judged_count=entry.judged_count,
                failed_count=entry.failed_count,
                waived_count=entry.waived_count,
            )
            for entry in outcomes
        ),
    )


def code_version() -> str:
    """Return the version of the code that runs: of the package, and of the checkout where there is one."""
    version = importlib.metadata.version("line-of-sight")
    if not (PROJECT_ROOT / ".git").exists():
        return version
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return version  # no git here, or no commit yet
    return f"{version}+{described.stdout.strip()}"


def _definition_hash(hashes: Sequence[str]) -> str | None:
    """Return one hash for the definitions in force; their own when they were loaded as one."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else None
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
