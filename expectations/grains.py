"""What one row of every published model is, as the columns that identify it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.rule import Stage


@dataclass(frozen=True)
class Grain:
    """The columns that no two rows of a model share, or no two rows of those that `where` selects."""

    table: str
    columns: tuple[str, ...]
    where: str | None = None


GRAINS: dict[Stage, tuple[Grain, ...]] = {
    "marts": (
        Grain("marts.dim_date", ("date_on",)),
        Grain("marts.dim_cycle", ("cycle_id",)),
        Grain("marts.dim_person", ("person_id", "valid_from")),
        Grain("marts.dim_person", ("person_id",), where="is_current"),
        Grain("marts.dim_org_unit", ("org_unit_id", "valid_from")),
        Grain("marts.dim_org_unit", ("org_unit_id",), where="is_current"),
        Grain("marts.dim_kpi", ("kpi_id", "valid_from")),
        Grain("marts.dim_kpi", ("kpi_id",), where="is_current"),
        Grain("marts.dim_objective", ("objective_id", "valid_from")),
        Grain("marts.dim_objective", ("objective_id",), where="is_current"),
        Grain("marts.dim_key_result", ("key_result_id", "valid_from")),
        Grain("marts.dim_key_result", ("key_result_id",), where="is_current"),
        Grain("marts.dim_ownership", ("subject_type", "subject_id", "role", "person_id", "owned_from")),
        Grain("marts.bridge_key_result_kpi", ("key_result_id", "kpi_id", "link_type", "valid_from")),
        Grain("marts.bridge_key_result_kpi", ("key_result_id", "kpi_id", "link_type"), where="is_current"),
        Grain("marts.fct_kpi_observation", ("kpi_id", "period_start_on", "vintage_at")),
        Grain("marts.fct_restatement", ("kpi_id", "period_start_on", "vintage_at")),
        Grain("marts.fct_key_result_kpi", ("key_result_id", "kpi_id", "link_type", "as_of")),
        Grain("marts.fct_key_result_daily", ("key_result_id", "as_of")),
        Grain("marts.fct_objective_daily", ("objective_id", "as_of")),
        Grain("marts.fct_status_override", ("check_in_id",)),
        Grain("marts.fct_kpi_provenance", ("kpi_id", "cycle_id")),
        Grain("marts.fct_watermelon", ("org_unit_id", "as_of")),
        Grain("marts.fct_feed_load", ("load_id",)),
    ),
    "reports": (
        Grain("reports.rpt_okr_scorecard", ("key_result_id",)),
        Grain("reports.rpt_key_result_kpi", ("key_result_id", "kpi_id", "link_type")),
        Grain("reports.rpt_objective_scorecard", ("objective_id",)),
        Grain("reports.rpt_owner_calibration", ("champion_id",)),
        Grain("reports.rpt_watermelon", ("org_unit_id", "cycle_id")),
        Grain("reports.rpt_status_rule_comparison", ("key_result_id", "status_rule_id", "status_rule_version")),
        Grain("reports.rpt_integrity_failures", ("rule_id", "subject_type", "subject_id")),
    ),
}


def violations_sql(stage: Stage) -> str:
    """Return the query for rows that share what should identify them, and for models of the layer without a grain."""
    branches = [_duplicates_sql(grain) for grain in GRAINS[stage]]
    branches.append(_undeclared_sql(stage, sorted({grain.table for grain in GRAINS[stage]})))
    return "\nunion all\n".join(branches)


def judged_sql(stage: Stage) -> str:
    """Return the query for the number of rows whose identity is proved."""
    tables = sorted({grain.table for grain in GRAINS[stage]})
    return "select " + " + ".join(f"(select count(*) from {table})" for table in tables)


def _duplicates_sql(grain: Grain) -> str:
    keys = ", ".join(grain.columns)
    named = " || ', ' || ".join(f"coalesce({column}::varchar, 'null')" for column in grain.columns)
    where = f" where {grain.where}" if grain.where else ""
    among = f" among those that say {grain.where}" if grain.where else ""
    return (
        f"select 'table' as subject_type, '{grain.table}' as subject_id, "
        f"copies || ' rows{among} share {keys} = ' || shared as detail, "
        "cast(null as varchar) as source_file, cast(null as bigint) as source_row, cast(null as varchar) as load_id "
        f"from (select {named} as shared, count(*) as copies from {grain.table}{where} "
        f"group by {keys} having count(*) > 1) as doubled"
    )


def _undeclared_sql(schema: Stage, tables: Sequence[str]) -> str:
    known = ", ".join(f"'{table.split('.')[1]}'" for table in tables)
    return (
        f"select 'table', '{schema}.' || table_name, 'no grain is declared for it in expectations/grains.py', "
        "null, null, null from information_schema.tables "
        f"where table_catalog = current_database() and table_schema = '{schema}' and table_name not in ({known})"
    )
