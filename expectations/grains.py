"""What one row of every published model is, as the columns that identify it; and the version keys that must resolve."""

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
        Grain("marts.bridge_kpi_driver", ("kpi_id", "driver_kpi_id", "valid_from")),
        Grain("marts.bridge_kpi_driver", ("kpi_id", "driver_kpi_id"), where="is_current"),
        Grain("marts.fct_kpi_line_of_sight", ("kpi_id",)),
        Grain("marts.fct_kpi_observation", ("kpi_id", "period_start_on", "vintage_at")),
        Grain("marts.fct_kpi_control_chart", ("kpi_id", "period_start_on")),
        Grain("marts.fct_kpi_control_chart", ("kpi_id",), where="is_latest"),
        Grain("marts.fct_restatement", ("kpi_id", "period_start_on", "vintage_at")),
        Grain("marts.fct_key_result_kpi", ("key_result_id", "kpi_id", "link_type", "as_of")),
        Grain("marts.fct_key_result_daily", ("key_result_id", "as_of")),
        Grain("marts.fct_objective_daily", ("objective_id", "as_of")),
        Grain("marts.fct_goal_change", ("subject_type", "subject_id", "field", "kind", "changed_at", "effective_on")),
        Grain("marts.fct_ownership_gap", ("cycle_id", "subject_type", "subject_id", "role", "from_on")),
        Grain("marts.fct_planning_rigor", ("cycle_id", "org_unit_id")),
        Grain("marts.fct_status_override", ("check_in_id",)),
        Grain("marts.fct_kpi_provenance", ("kpi_id", "cycle_id")),
        Grain("marts.fct_watermelon", ("org_unit_id", "as_of")),
        Grain("marts.fct_feed_load", ("load_id",)),
        Grain("marts.fct_plan_feasibility", ("key_result_id", "kpi_id", "link_type")),
        Grain("marts.fct_plan_readiness", ("key_result_id", "criterion")),
        Grain("marts.fct_plan_verdict", ("subject_type", "subject_id", "cycle_id")),
        Grain("marts.fct_shared_kpi", ("kpi_id", "cycle_id")),
        Grain("marts.fct_capacity", ("org_unit_id", "cycle_id")),
        Grain("marts.fct_dependency", ("dependency_id",)),
        Grain("marts.fct_objective_kpi_class", ("objective_id",)),
        Grain("marts.fct_cycle_score", ("cycle_id", "key_result_id")),
        Grain("marts.fct_key_result_event", ("key_result_id", "event_type", "event_id")),
        Grain("marts.fct_tremor", ("key_result_event_key", "kpi_id")),
        Grain("marts.fct_silo_conflict", ("key_result_id", "kpi_id", "opened_on")),
        Grain("marts.fct_kpi_portfolio", ("kpi_id", "cycle_id")),
    ),
    "reports": (
        Grain("reports.rpt_okr_scorecard", ("key_result_id",)),
        Grain("reports.rpt_key_result_kpi", ("key_result_id", "kpi_id", "link_type")),
        Grain("reports.rpt_objective_scorecard", ("objective_id",)),
        Grain("reports.rpt_owner_calibration", ("champion_id",)),
        Grain("reports.rpt_watermelon", ("org_unit_id", "cycle_id")),
        Grain("reports.rpt_status_rule_comparison", ("key_result_id", "status_rule_id", "status_rule_version")),
        Grain(
            "reports.rpt_goalpost_ledger", ("subject_type", "subject_id", "field", "kind", "changed_at", "effective_on")
        ),
        Grain("reports.rpt_kpi_control_chart", ("kpi_id", "period_start_on")),
        Grain("reports.rpt_integrity_failures", ("rule_id", "subject_type", "subject_id")),
        Grain("reports.rpt_plan_readiness", ("key_result_id", "criterion")),
        Grain("reports.rpt_shared_kpi", ("kpi_id", "cycle_id")),
        Grain("reports.rpt_capacity", ("org_unit_id", "cycle_id")),
        Grain("reports.rpt_cycle_score", ("cycle_id", "key_result_id")),
        Grain("reports.rpt_integrity_history", ("dimension", "dimension_id")),
        Grain("reports.rpt_escalation", ("escalation_id", "opened_on")),
        Grain("reports.rpt_escalation", ("escalation_id",), where="is_open"),
        Grain("reports.rpt_escalation_level", ("escalation_id", "opened_on", "level")),
        Grain("reports.rpt_silo_conflict", ("key_result_id", "kpi_id", "opened_on")),
        Grain("reports.rpt_silo_conflict_placebo", ("silo_conflict_key", "bin")),
        Grain("reports.rpt_silo_friction", ("cycle_id", "org_unit_id", "other_org_unit_id")),
        Grain("reports.rpt_suggested_link", ("key_result_id", "kpi_id")),
        Grain("reports.rpt_noise_candidate", ("kpi_id",)),
    ),
}


@dataclass(frozen=True)
class Reference:
    """A column of a model whose every value stands in the column of the same name of another."""

    table: str
    column: str
    to: str


REFERENCES: dict[Stage, tuple[Reference, ...]] = {
    "marts": (
        Reference("marts.fct_key_result_daily", "key_result_key", "marts.dim_key_result"),
        Reference("marts.fct_key_result_kpi", "key_result_key", "marts.dim_key_result"),
        Reference("marts.fct_key_result_kpi", "kpi_key", "marts.dim_kpi"),
        Reference("marts.fct_objective_daily", "objective_key", "marts.dim_objective"),
        Reference("marts.fct_key_result_event", "key_result_key", "marts.dim_key_result"),
        Reference("marts.fct_tremor", "key_result_event_key", "marts.fct_key_result_event"),
        Reference("marts.fct_silo_conflict", "tremor_key", "marts.fct_tremor"),
        Reference("marts.fct_kpi_portfolio", "kpi_key", "marts.dim_kpi"),
    ),
    "reports": (
        Reference("reports.rpt_okr_scorecard", "objective_id", "reports.rpt_objective_scorecard"),
        Reference("reports.rpt_key_result_kpi", "key_result_id", "reports.rpt_okr_scorecard"),
        Reference("reports.rpt_status_rule_comparison", "key_result_id", "reports.rpt_okr_scorecard"),
        Reference("reports.rpt_silo_conflict_placebo", "silo_conflict_key", "reports.rpt_silo_conflict"),
    ),
}


def violations_sql(stage: Stage) -> str:
    """Return the query for shared identities, version keys that lead nowhere, and models without a declared grain."""
    branches = [_duplicates_sql(grain) for grain in GRAINS[stage]]
    branches += [_dangling_sql(reference) for reference in REFERENCES[stage]]
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


def _dangling_sql(reference: Reference) -> str:
    table, key, to = reference.table, reference.column, reference.to
    return (
        f"select 'table', '{table}', dangling || ' rows have a {key} that {to} does not hold', null, null, null "
        f"from (select count(*) as dangling from {table} as facts where not exists "
        f"(select 1 from {to} as held where held.{key} = facts.{key})) as counted where dangling > 0"
    )


def _undeclared_sql(schema: Stage, tables: Sequence[str]) -> str:
    known = ", ".join(f"'{table.split('.')[1]}'" for table in tables)
    return (
        f"select 'table', '{schema}.' || table_name, 'no grain is declared for it in expectations/grains.py', "
        "null, null, null from information_schema.tables "
        f"where table_catalog = current_database() and table_schema = '{schema}' and table_name not in ({known})"
    )
