"""Assets that bring the company directory and the feeds into the lake."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from orchestration.company.loader import load_company
from orchestration.company.publish import write_definitions
from orchestration.defs.resources import ProjectResource
from orchestration.errors import LosError
from orchestration.ingestion.contracts import FeedContract, feed_records, load_contracts
from orchestration.ingestion.key_results import registry_for
from orchestration.ingestion.load import ingest_feed
from orchestration.ingestion.mapping.contract import load_mappings
from orchestration.ingestion.mapping.load import read_mapped_definitions, write_mapped_files
from orchestration.settings import Settings

GROUP = "raw"
# Where the outside world can fail, and only there. Each attempt has its own shorter retries inside; these outlast a
# restart of the source: half a minute, one, two.
REMOTE_RETRIES = dg.RetryPolicy(max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
OBSERVATIONS = dg.AssetKey(["raw", "observations"])
EVENTS = dg.AssetKey(["raw", "key_result_events"])


def kpi_feed_key(feed_id: str) -> dg.AssetKey:
    """The asset of one feed of observations."""
    return dg.AssetKey(["kpi_feed", feed_id])


def event_feed_key(feed_id: str) -> dg.AssetKey:
    """The asset of one feed of events."""
    return dg.AssetKey(["event_feed", feed_id])


@dg.asset(group_name=GROUP, kinds={"yaml", "parquet"})
def okr_definitions(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult[None]:
    """Company directory as versioned records in the lake: units, people, cycles, KPIs, objectives, key results, feeds.

    An error of form in any file stops the load with every error as file:line; the last good definitions stay.
    """
    settings = project.settings
    try:
        company = load_company(settings.company_dir)
        contracts = load_contracts(settings.company_dir / "feeds.yml")
        mapped = read_mapped_definitions(
            load_mappings(settings.company_dir), landing_dir=settings.landing, company=company
        )
    except LosError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    records = [*company.records, *mapped.records, *feed_records(contracts)]
    report = write_definitions(project.lake, records, clock=settings.clock())
    write_mapped_files(project.lake, mapped, clock=settings.clock())
    context.log.info(report.summary())
    for one in mapped.withheld:
        what = "a value of it is held back" if one.is_value else "it stays out"
        context.log.warning(
            f"{one.file}:{one.line}: {one.misfit.reason} in {one.subject or one.kind}, {what}: {one.misfit.message}"
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.records,
            "records_changed": report.changed,
            "records_deleted": report.deleted,
            "records_mapped": len(mapped.records),
            "records_quarantined": sum(file.quarantined for file in mapped.files),
            "load_id": report.load_id or "unchanged",
            "company_dir": dg.MetadataValue.path(settings.company_dir),
        }
    )


def feed(contract: FeedContract) -> dg.AssetsDefinition:
    """Make the asset of one feed contract."""
    offset = timedelta(days=max(contract.agreed_offset_days, 0) + 1)

    @dg.asset(
        key=event_feed_key(contract.id) if contract.kind == "events" else kpi_feed_key(contract.id),
        group_name=GROUP,
        deps=[okr_definitions],
        description=f"{contract.name}. {contract.description or ''}".strip(),
        kinds={*([contract.source.type] if contract.source.is_remote else []), contract.format, "parquet"},
        retry_policy=REMOTE_RETRIES if contract.source.is_remote else None,
        tags={"kind": contract.kind, "source_type": contract.source_type, "layout": contract.layout},
        metadata={
            "owner": contract.owner or "",
            "steward": contract.steward or "",
            "schedule": contract.schedule or "",
        },
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=offset + timedelta(days=1), warn_window=offset),
    )
    def rows_of_feed(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult[None]:
        settings = project.settings
        # Read again here: the file on disk may be newer than the code location.
        contracts = {entry.id: entry for entry in load_contracts(settings.company_dir / "feeds.yml")}
        if contract.id not in contracts:
            raise dg.Failure(f"feed {contract.id} is no longer in feeds.yml; do: reload the code location")
        lake = project.lake
        try:
            report = ingest_feed(
                contracts[contract.id],
                landing_dir=settings.landing,
                lake=lake,
                registry=registry_for(contracts[contract.id], lake),
                clock=settings.clock(),
                threads=settings.duckdb_threads,
                memory_limit=settings.duckdb_memory_limit,
            )
        except LosError as error:
            raise dg.Failure(description=str(error), allow_retries=error.retryable) from error
        for line in report.warnings():
            context.log.warning(line)
        context.log.info(report.summary())
        return dg.MaterializeResult(metadata=report.metadata())

    return rows_of_feed


def observations(feeds: Sequence[dg.AssetsDefinition], event_feeds: Sequence[str] = ()) -> dg.AssetsDefinition:
    """Make the asset that stands for the lake's observations, behind all feeds; ledger and quarantine go with it.

    Args:
        feeds: the assets of all feeds.
        event_feeds: ids of those that bring events.
    """

    @dg.asset(key=OBSERVATIONS, group_name=GROUP, deps=[okr_definitions, *feeds], kinds={"parquet"})
    def lake_observations(project: ProjectResource) -> dg.MaterializeResult[None]:
        """Observations of every feed in the lake, whole loads only; what crashed loads left is removed."""
        lake = project.lake
        with lake.exclusive():
            removed = lake.collect_orphans()
        # Feeds without KPIs count nothing here.
        totals = lake.totals(without=event_feeds)
        if totals.rows_accepted == 0:
            raise dg.Failure(
                f"the lake has no observation of any feed; looked in {project.settings.landing}; "
                "do: put the feeds' files there, or correct feeds.yml; each feed's step says what it expects",
                allow_retries=False,
            )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": totals.rows_accepted - totals.rows_collapsed,
                "rows_read": totals.rows_read,
                "rows_accepted": totals.rows_accepted,
                "rows_quarantined": totals.rows_quarantined,
                "loads": totals.loads,
                "orphans_removed": removed,
                "lake": dg.MetadataValue.path(lake.root),
            }
        )

    return lake_observations


def key_result_events(feeds: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Make the asset that stands for the lake's events, behind the feeds that bring them."""

    @dg.asset(key=EVENTS, group_name=GROUP, deps=[okr_definitions, *feeds], kinds={"parquet"})
    def lake_key_result_events(project: ProjectResource) -> dg.MaterializeResult[None]:
        """Releases and milestones of key results that feeds tell of, whole loads only; none is in order."""
        lake = project.lake
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": lake.count_rows("key_result_events"),
                "lake": dg.MetadataValue.path(lake.root),
            }
        )

    return lake_key_result_events


def definitions(settings: Settings) -> dg.Definitions:
    """The assets, one per feed in feeds.yml."""
    contracts = load_contracts(settings.company_dir / "feeds.yml")
    feeds = {contract.id: feed(contract) for contract in contracts}
    event_feeds = [contract.id for contract in contracts if contract.kind == "events"]
    behind = [observations([*feeds.values()], event_feeds), key_result_events([feeds[name] for name in event_feeds])]
    return dg.Definitions(assets=[okr_definitions, *feeds.values(), *behind])
