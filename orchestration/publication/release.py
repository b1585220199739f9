"""Publishing a release: built apart, read back, made durable, and only then switched to.

    releases/<as_of>-<release_id>/   reports.duckdb  parquet/<table>.parquet  bi/  governance/  manifest.json

A crash at any moment leaves the old release current, or the new one, and either is whole; what was being built is
removed by the next publication. A reader that has the old file open keeps it for as long as it likes.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.audit.fingerprint import TableFingerprint, fingerprint_stage
from orchestration.audit.gate import Verdict
from orchestration.audit.verdict import verdict_from_dict
from orchestration.errors import GateClosed, PublicationError
from orchestration.publication import durable_files
from orchestration.publication.manifest import (
    MANIFEST_FILE,
    Manifest,
    ManifestInputs,
    TableFacts,
    code_version,
    read_manifest,
)
from orchestration.publication.pack import pack_hash
from orchestration.publication.release_store import (
    Release,
    current_release,
    file_facts,
    forget_oldest,
    is_whole,
    list_releases,
    log_current,
    remove_if_never_published,
    rollback,
    told_as_publication_errors,
)
from orchestration.publication.report_files import (
    DATABASE_FILE,
    PARQUET_FOLDER,
    REPORTS_SCHEMA,
    ReportTable,
    quoted,
    read_report_tables,
    write_reports,
)

__all__ = ["STEPS", "Release", "list_releases", "publish_release", "rollback"]

GOVERNANCE_FOLDER = "governance"
STEPS = ("started", "reports_written", "site_copied", "read_back", "manifest_written", "in_place", "switched", "logged")
"""What `reached` is told, in this order."""

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")
_VERDICT_FACTS = (
    "passing", "mode", "reasons", "blocked", "withheld", "warned", "waived", "excluded", "counts", "run_id",
    "audit_ids", "decided_at", "known_at",
)  # fmt: skip


def publish_release(
    *,
    warehouse: Path,
    releases_dir: Path,
    as_of: date,
    release_id: str,
    verdict_dict: Mapping[str, Any],
    manifest_inputs: ManifestInputs,
    site_dir: Path | None,
    clock: Callable[[], datetime],
    keep: int,
    pack: Mapping[str, str] | None = None,
    threads: int | None = None,
    memory_limit: str | None = None,
    reached: Callable[[str], None] = lambda step: None,
) -> Release:
    """Publish what the warehouse's schema `reports` holds, and lead readers to it.

    A backfill of an earlier business date is laid beside the current release, which stays: readers want the newest
    day, and a backfill ends with whichever day came last. What is published already is not published again: the
    release that is there is returned, with `is_new` false.

    Args:
        warehouse: DuckDB file; only read.
        releases_dir: Made if need be.
        as_of: Business date of the reports.
        release_id: Part of the directory's name; letters, digits, dots, dashes, underscores, plus signs.
        verdict_dict: The verdict as it is filed. It must pass, for this day and for exactly these rows.
        manifest_inputs: From `collect_manifest_inputs`.
        site_dir: The governance site to enclose, or None.
        clock: The time, aware.
        keep: How many releases stay on disk, the current one always among them.
        pack: Files for BI tools: path within the release -> text.
        threads: Of DuckDB; its default when None.
        memory_limit: Of DuckDB, such as `2GB`; its default when None.
        reached: Told the name of each of `STEPS` as it is reached.

    Raises:
        GateClosed: The verdict does not pass, or is about other rows or another day.
        PublicationError: The release could not be written whole. The current one stays.
    """
    if not _SAFE_ID.fullmatch(release_id):
        raise PublicationError("no release can have this id", subject=release_id, expected="letters, digits, . _ + -")
    verdict = _require_passing(verdict_dict, as_of)
    name = f"{as_of.isoformat()}-{release_id}"
    pack = pack or {}
    with told_as_publication_errors(releases_dir), durable_files.exclusive(releases_dir):
        durable_files.collect_orphans(releases_dir)
        log_current(releases_dir, clock())
        reached("started")
        with _open(warehouse, threads, memory_limit) as connection:
            _require_audited(_fingerprints(connection, "warehouse", REPORTS_SCHEMA), verdict)
            current = current_release(releases_dir)
            leads = current is None or as_of >= current.manifest.as_of
            for known in [current] if current and leads else list_releases(releases_dir):
                if _says_the_same(known, verdict, manifest_inputs, pack) and is_whole(known):
                    return known
            target = releases_dir / name
            if not _is_there_already(target, verdict, manifest_inputs, pack):
                remove_if_never_published(target)
                folder = durable_files.building(releases_dir, name)
                try:
                    manifest = _manifest(release_id, verdict, manifest_inputs, pack, clock())
                    _build(connection, folder, manifest, verdict, pack, site_dir, reached)
                    durable_files.put_in_place(folder, target)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
        reached("in_place")
        if leads:
            durable_files.switch(releases_dir, name)
            reached("switched")
            log_current(releases_dir, clock())
            reached("logged")
        forget_oldest(releases_dir, keep, newest=name)
    return Release(target, read_manifest(target), is_current=leads, is_new=True)


def _require_passing(verdict_dict: Mapping[str, Any], as_of: date) -> Verdict:
    try:
        verdict = verdict_from_dict(dict(verdict_dict))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GateClosed(f"the verdict cannot be relied on: {error}", remedy="audit again") from error
    if verdict.passing is not True or verdict.reasons or verdict.blocked:
        reasons = verdict.reasons or verdict.blocked or ("the verdict does not pass",)
        raise GateClosed("\n".join(["the gate is closed", *(f"  - {reason}" for reason in reasons)]))
    if verdict.as_of != as_of:
        raise GateClosed(f"the verdict is of {verdict.as_of}, not of {as_of}", remedy="audit that day")
    return verdict


def _require_audited(found: Mapping[str, TableFingerprint], verdict: Verdict) -> None:
    """Refuse unless the tables are exactly those that the verdict is about."""
    audited = {
        name.removeprefix(f"{REPORTS_SCHEMA}."): facts
        for name, facts in verdict.tables.items()
        if name.startswith(f"{REPORTS_SCHEMA}.")
    }
    differing = sorted(name for name in audited.keys() | found.keys() if audited.get(name) != found.get(name))
    if differing:
        raise GateClosed(
            f"what is to be published is not what was audited: {', '.join(differing)}",
            remedy="find out what changed it, build and audit again",
        )


@contextlib.contextmanager
def _open(warehouse: Path, threads: int | None, memory_limit: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    if not warehouse.is_file():
        raise PublicationError("there is no warehouse to publish from", file=warehouse, remedy="build it first")
    config: dict[str, Any] = {"temp_directory": f"{warehouse}.release.tmp"}
    if threads:
        config["threads"] = threads
    if memory_limit:
        config["memory_limit"] = memory_limit
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute(f"attach {quoted(warehouse)} as warehouse (read_only)")
        yield connection


def _fingerprints(
    connection: duckdb.DuckDBPyConnection, database: str, schema: str, *, files: Mapping[str, Path] | None = None
) -> dict[str, TableFingerprint]:
    """Fingerprint the report tables wherever they are, by the audit's own function, by table name.

    Args:
        connection: Has `database` attached.
        database: Where the tables are.
        schema: Their schema there.
        files: Parquet files by table name, to read instead.
    """
    if files is None:
        names = connection.execute(
            "select table_name from information_schema.tables where table_catalog = ? and table_schema = ?",
            [database, schema],
        ).fetchall()
        sources = {name: f'"{database}"."{schema}"."{name}"' for (name,) in names}
    else:
        sources = {name: f"read_parquet({quoted(path)})" for name, path in files.items()}
    # The function reads the schema of the current database; so it is shown views under that name.
    connection.execute(f"attach ':memory:' as shown; create schema shown.{REPORTS_SCHEMA}; use shown")
    try:
        for name, source in sources.items():
            connection.execute(f'create view shown.{REPORTS_SCHEMA}."{name}" as select * from {source}')
        tables = fingerprint_stage(connection, "reports").tables
    finally:
        connection.execute("use memory; detach shown")
    return {name.removeprefix(f"{REPORTS_SCHEMA}."): facts for name, facts in tables.items()}


def _manifest(
    release_id: str, verdict: Verdict, inputs: ManifestInputs, pack: Mapping[str, str], published_at: datetime
) -> Manifest:
    reports = {name: facts for name, facts in verdict.tables.items() if name.startswith(f"{REPORTS_SCHEMA}.")}
    return Manifest(
        release_id=release_id,
        as_of=verdict.as_of,
        published_at=published_at.astimezone(UTC),
        code_version=code_version(),
        definition_hash=inputs.definition_hash,
        catalogue_hash=verdict.catalogue_hash,
        data_fingerprint=verdict.fingerprint,
        pack_hash=pack_hash(pack),
        oldest_input=inputs.oldest_input,
        verdict={name: getattr(verdict, name) for name in _VERDICT_FACTS},
        rules=inputs.rules,
        tables={
            name.removeprefix(f"{REPORTS_SCHEMA}."): TableFacts(
                rows=facts.rows,
                columns=facts.columns,
                checksum=facts.checksum,
                parquet=f"{PARQUET_FOLDER}/{name.removeprefix(f'{REPORTS_SCHEMA}.')}.parquet",
            )
            for name, facts in sorted(reports.items())
        },
        files={},
        inputs=inputs.inputs,
    )


def _build(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    manifest: Manifest,
    verdict: Verdict,
    pack: Mapping[str, str],
    site_dir: Path | None,
    reached: Callable[[str], None],
) -> None:
    """Write everything into `folder`, and read every table back before the manifest vouches for it."""
    tables = read_report_tables(connection, "warehouse")
    write_reports(connection, "warehouse", tables, folder, _release_info(manifest))
    for path, text in pack.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    reached("reports_written")
    if site_dir is not None:
        shutil.copytree(site_dir.resolve(), folder / GOVERNANCE_FOLDER)
    reached("site_copied")
    _read_back(connection, folder, tables, verdict)
    reached("read_back")
    files = {
        path.relative_to(folder).as_posix(): file_facts(path)
        for path in (
            folder / DATABASE_FILE,
            *sorted((folder / PARQUET_FOLDER).iterdir()),
            *(folder / one for one in pack),
        )
    }
    text = manifest.model_copy(update={"files": files}).model_dump_json(indent=2)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
    reached("manifest_written")


def _read_back(
    connection: duckdb.DuckDBPyConnection, folder: Path, tables: list[ReportTable], verdict: Verdict
) -> None:
    connection.execute(f"attach {quoted(folder / DATABASE_FILE)} as published (read_only)")
    try:
        found = _fingerprints(connection, "published", "main")
    finally:
        connection.execute("detach published")
    names = {table.name for table in tables}
    files = {name: folder / PARQUET_FOLDER / f"{name}.parquet" for name in names}
    _require_audited({name: facts for name, facts in found.items() if name in names}, verdict)
    _require_audited(_fingerprints(connection, "published", "main", files=files), verdict)


def _release_info(manifest: Manifest) -> dict[str, Any]:
    oldest = manifest.oldest_input
    return {
        "release_id": manifest.release_id,
        "as_of": manifest.as_of,
        "published_at": manifest.published_at.replace(tzinfo=None),
        "code_version": manifest.code_version,
        "definition_hash": manifest.definition_hash,
        "catalogue_hash": manifest.catalogue_hash,
        "data_fingerprint": manifest.data_fingerprint,
        "oldest_input_on": oldest.on if oldest else None,
        "oldest_input_kpi_id": oldest.kpi_id if oldest else None,
    }


def _is_there_already(target: Path, verdict: Verdict, inputs: ManifestInputs, pack: Mapping[str, str]) -> bool:
    """Whether this very release was written before: rolled back since, or killed before the switch."""
    if not target.exists():
        return False
    try:
        release = Release(target, read_manifest(target), is_current=False)
    except PublicationError:
        return False
    return _says_the_same(release, verdict, inputs, pack) and is_whole(release)


def _says_the_same(release: Release, verdict: Verdict, inputs: ManifestInputs, pack: Mapping[str, str]) -> bool:
    """Whether a release says all that a publication would: rows and their meaning, day, rules, definitions, inputs."""
    manifest = release.manifest
    audited = {
        name.removeprefix(f"{REPORTS_SCHEMA}."): (facts.rows, facts.columns, facts.checksum)
        for name, facts in verdict.tables.items()
        if name.startswith(f"{REPORTS_SCHEMA}.")
    }
    published = {name: (facts.rows, facts.columns, facts.checksum) for name, facts in manifest.tables.items()}
    return (
        manifest.as_of == verdict.as_of
        and published == audited
        and manifest.catalogue_hash == verdict.catalogue_hash
        and manifest.pack_hash == pack_hash(pack)
        and manifest.definition_hash == inputs.definition_hash
        and {entry.file_sha256 for entry in manifest.inputs} == {entry.file_sha256 for entry in inputs.inputs}
    )
