"""The governance site, always; the release, behind the gate."""

import dagster as dg

from orchestration.defs.audit import VERDICT
from orchestration.defs.partitions import ONE_DAY_A_RUN, as_of, business_days
from orchestration.defs.resources import ProjectResource
from orchestration.defs.transformation import WAREHOUSE_POOL
from orchestration.errors import LosError
from orchestration.publication.release_store import Release
from orchestration.settings import Settings
from orchestration.transformation import model_keys

SITE = dg.AssetKey(["governance", "review_site"])
RELEASE = dg.AssetKey(["releases", "okr_reports"])
POSTGRES = dg.AssetKey(["releases", "postgresql"])


def definitions(settings: Settings) -> dg.Definitions:
    """What readers open."""
    days = business_days(settings)
    reports = [dg.AssetKey(list(key)) for key in model_keys(settings, "reports")]

    @dg.asset(
        key=SITE,
        group_name="governance",
        deps=[VERDICT, *reports],
        partitions_def=days,
        backfill_policy=ONE_DAY_A_RUN,
        pool=WAREHOUSE_POOL,
        kinds={"html"},
    )
    def review_site(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult[None]:
        """Static pages for governance leads, written whatever the verdict."""
        from orchestration.publication.publish import write_site

        try:
            site = write_site(project.settings, project.lake, as_of=as_of(context))
        except LosError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        return dg.MaterializeResult(
            metadata={"index": dg.MetadataValue.path(site.index), "pages": site.pages, "bytes": site.bytes}
        )

    @dg.asset(
        key=RELEASE,
        group_name="releases",
        deps=[SITE, VERDICT, *reports],
        partitions_def=days,
        backfill_policy=ONE_DAY_A_RUN,
        pool=WAREHOUSE_POOL,
        kinds={"duckdb", "parquet"},
    )
    def okr_reports(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult[None]:
        """Release of the reports: published only with a passing verdict on exactly what is at hand."""
        from orchestration.publication.publish import publish_reports

        try:
            release = publish_reports(project.settings, project.lake, as_of=as_of(context))
        except LosError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        return dg.MaterializeResult(
            metadata={
                "release": release.name,
                "outcome": _outcome(release),
                "release_dir": dg.MetadataValue.path(release.path),
                "reports": dg.MetadataValue.path(release.database),
                "dagster/row_count": sum(table.rows for table in release.manifest.tables.values()),
            }
        )

    @dg.asset(
        key=POSTGRES,
        group_name="releases",
        deps=[RELEASE],
        partitions_def=days,
        backfill_policy=ONE_DAY_A_RUN,
        pool=WAREHOUSE_POOL,
        kinds={"postgres"},
        # The server may be away for a moment; what it refuses for good is told at once.
        retry_policy=dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL),
    )
    def postgresql(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult[None]:
        """The current release as tables of a PostgreSQL schema, for BI tools; changed in one transaction."""
        from orchestration.publication.postgresql.publish import publish_current

        try:
            done = publish_current(project.settings)
        except LosError as error:
            raise dg.Failure(description=str(error), allow_retries=error.retryable) from error
        return dg.MaterializeResult(
            metadata={
                "release": done.release,
                "schema": done.schema,
                "rows_written": sum(table.changed for table in done.tables),
                "rows_deleted": sum(table.gone for table in done.tables),
                "tables_repaired": ", ".join(table.table for table in done.tables if table.was_repaired) or "none",
            }
        )

    served = [] if settings.postgres == "off" else [postgresql]
    return dg.Definitions(assets=[review_site, okr_reports, *served])


def _outcome(release: Release) -> str:
    if not release.is_new:
        return "unchanged: it was published before"
    return "published" if release.is_current else "published beside the current one, which is of a later business date"
