"""dbt in Dagster: the models up to the marts before the audit, the reports after it."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from orchestration.audit.outcomes import facts_not_reconciled
from orchestration.dbt_process import DbtError
from orchestration.defs.partitions import ONE_DAY_A_RUN, as_of, business_days
from orchestration.defs.resources import DbtResource, ProjectResource
from orchestration.lake.store import Lake
from orchestration.settings import Settings
from orchestration.transformation import require_manifest, run_variables

WAREHOUSE_POOL = "warehouse"
REPORTS = "fqn:line_of_sight.reports"
REBUILD = "rebuild"
"""Tag of a run that has to build every model in full, with any value."""


class Translator(DagsterDbtTranslator):
    """Asset keys, groups and descriptions are those of the dbt project; several sources are one asset.

    dbt's tests are no asset checks: CI runs them, and the audit holds every published model to the same promises.
    """

    def __init__(self) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True, enable_asset_checks=False)
        )


def _build(
    context: dg.AssetExecutionContext, dbt: DbtResource, project: ProjectResource, *, rebuild: bool = False
) -> Iterator[dg.Output[None]]:
    """Build what Dagster selected, and hand on dbt's outputs with the row count of each table."""
    settings = project.settings
    project.lake  # noqa: B018 - makes every table readable
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    variables = run_variables(settings, as_of=as_of(context), run_id=context.run.run_id, rebuild=rebuild)
    try:
        outputs = list(dbt.build(context, variables))
    except DbtError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    counts = _row_counts(settings.warehouse_path)
    for output in outputs:
        key = context.asset_key_for_output(output.output_name)
        rows = counts.get(tuple(key.path))
        counted = {} if rows is None else {"dagster/row_count": dg.MetadataValue.int(rows)}
        yield dg.Output(None, output_name=output.output_name, metadata={**output.metadata, **counted})


def _must_rebuild(context: dg.AssetExecutionContext, lake: Lake) -> bool:
    """Whether no model may build on what stands in the warehouse: asked for, or it did not reconcile with the lake."""
    if REBUILD in context.run.tags:
        return True
    unreconciled = facts_not_reconciled(lake)
    if unreconciled:
        context.log.warning(f"built in full: {', '.join(unreconciled)} did not pass in the last audit")
    return bool(unreconciled)


def _row_counts(warehouse: Path) -> Mapping[tuple[str, ...], int]:
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        if not tables:
            return {}
        query = " union all ".join(
            f"select '{schema}' as s, '{table}' as t, count(*) as n from \"{schema}\".\"{table}\""
            for schema, table in tables
        )
        return {(schema, table): count for schema, table, count in connection.execute(query).fetchall()}


def _import_great_expectations() -> None:
    """Great Expectations takes seconds to import; the audit that follows needs it, and dbt runs in its own process."""
    try:
        import great_expectations  # noqa: F401
    except Exception:
        return


def definitions(settings: Settings) -> dg.Definitions:
    """The two halves of the dbt project."""
    manifest = require_manifest(settings)
    days = business_days(settings)
    translator = Translator()

    @dbt_assets(
        manifest=manifest,
        exclude=REPORTS,
        name="warehouse_models",
        partitions_def=days,
        backfill_policy=ONE_DAY_A_RUN,
        dagster_dbt_translator=translator,
        pool=WAREHOUSE_POOL,
    )
    def warehouse_models(
        context: dg.AssetExecutionContext, dbt: DbtResource, project: ProjectResource
    ) -> Iterator[dg.Output[None]]:
        threading.Thread(target=_import_great_expectations, daemon=True).start()
        yield from _build(context, dbt, project, rebuild=_must_rebuild(context, project.lake))

    @dbt_assets(
        manifest=manifest,
        select=REPORTS,
        name="report_models",
        partitions_def=days,
        backfill_policy=ONE_DAY_A_RUN,
        dagster_dbt_translator=translator,
        pool=WAREHOUSE_POOL,
    )
    def report_models(
        context: dg.AssetExecutionContext, dbt: DbtResource, project: ProjectResource
    ) -> Iterator[dg.Output[None]]:
        yield from _build(context, dbt, project)

    return dg.Definitions(assets=[warehouse_models, report_models])
