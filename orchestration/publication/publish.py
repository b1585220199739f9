"""The two steps of publication under given settings: the governance site, always; the release, behind the gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.audit.gate import Verdict
from orchestration.audit.outcomes import RuleOutcome, newest_audits
from orchestration.audit.verdict import confirm_publishable, newest_verdict, verdict_to_dict
from orchestration.errors import AuditError
from orchestration.lake.store import Lake
from orchestration.publication.catalog import catalog_from_manifest
from orchestration.publication.manifest import code_version, collect_manifest_inputs
from orchestration.publication.pack import bi_pack
from orchestration.publication.release import Release, publish_release
from orchestration.publication.release_store import current_release
from orchestration.publication.site import SiteFacts, build_site, site_of
from orchestration.settings import Settings
from orchestration.transformation import require_manifest


@dataclass(frozen=True)
class WrittenSite:
    """The governance site of one verdict.

    Attributes:
        folder: Its folder.
        index: Its first page, by the path that always leads to the newest site.
        pages: Number of pages.
        bytes: Size of all its files.
    """

    folder: Path
    index: Path
    pages: int
    bytes: int


def write_site(settings: Settings, lake: Lake, *, as_of: date) -> WrittenSite:
    """Write the governance site of the newest verdict for a business date.

    Raises:
        AuditError: There is no verdict, or the warehouse cannot be read.
        PublicationError: The site cannot be written.
    """
    verdict = newest_verdict(lake, as_of)
    if verdict is None:
        raise AuditError(f"there is no verdict for {as_of}", remedy="run the audit first")
    folder = build_site(
        out_dir=settings.governance_dir,
        warehouse=settings.warehouse_path,
        lake=lake,
        verdict=verdict,
        outcomes=_outcomes(lake, as_of),
        run=SiteFacts(
            code_version=code_version(),
            written_at=settings.clock(),
            release_id=_release_id(verdict) if verdict.passing else None,
            last_release=current_release(settings.releases_dir),
        ),
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    return WrittenSite(
        folder=folder,
        index=settings.governance_dir / "current" / "index.html",
        pages=sum(path.suffix == ".html" for path in files),
        bytes=sum(path.stat().st_size for path in files),
    )


def publish_reports(settings: Settings, lake: Lake, *, as_of: date) -> Release:
    """Publish the reports for a business date, if the verdict on exactly what is at hand allows it.

    Raises:
        GateClosed: It does not, with one line for each reason.
        AuditError: The audits on record cannot be read.
        PublicationError: The release could not be written; the current one stays.
    """
    verdict = confirm_publishable(
        warehouse=settings.warehouse_path, lake=lake, as_of=as_of, mode=settings.gate, clock=settings.clock
    )
    return publish_release(
        warehouse=settings.warehouse_path,
        releases_dir=settings.releases_dir,
        as_of=as_of,
        release_id=_release_id(verdict),
        verdict_dict=verdict_to_dict(verdict),
        manifest_inputs=collect_manifest_inputs(settings.warehouse_path, _outcomes(lake, as_of)),
        site_dir=site_of(settings.governance_dir, verdict),
        clock=settings.clock,
        keep=settings.keep_releases,
        pack=bi_pack(catalog_from_manifest(require_manifest(settings)), schema=settings.postgres_schema),
        threads=settings.duckdb_threads,
        memory_limit=settings.duckdb_memory_limit,
    )


def _outcomes(lake: Lake, as_of: date) -> list[RuleOutcome]:
    return [outcome for audit in newest_audits(lake, as_of).values() for outcome in audit.outcomes]


def _release_id(verdict: Verdict) -> str:
    """Name a release after the audit that let it through: it is unique, and leads back to the evidence."""
    return verdict.audit_ids["reports"]
