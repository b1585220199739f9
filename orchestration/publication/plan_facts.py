"""What the planning page tells of one cycle, read from the planning marts of a warehouse, published or a draft's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from orchestration.publication.tables import Row, rows_of

MODELS = (
    "fct_plan_verdict", "fct_plan_readiness", "fct_plan_feasibility", "fct_shared_kpi", "fct_capacity",
    "fct_dependency", "fct_objective_kpi_class",
)  # fmt: skip
_OF_KPI_VALUES = ("baseline_in_range", "done_before")

_NAMES = """
with people as (
    select person_id, any_value(person_name) as name from marts.dim_person where is_current group by person_id
),
units as (
    select org_unit_id, any_value(org_unit_name) as name, any_value(head_person_id) as head_id
    from marts.dim_org_unit where is_current group by org_unit_id
),
goals as (
    select key_result_id, any_value(title) as title from marts.dim_key_result where is_current group by key_result_id
)
"""
_CYCLE = """
select
    cycle_id, cycle_name, starts_on, ends_on, readiness_due_on, coalesce(locks_on, starts_on) as locks_on, closes_on,
    (select as_of from intermediate.int_run__context) as as_of
from marts.dim_cycle
where cycle_id = $cycle
"""
_VERDICTS = f"""{_NAMES}
select
    verdict.*,
    coalesce(goals.title, units.name, verdict.subject_id) as subject_name,
    coalesce(own.name, verdict.org_unit_id) as org_unit_name
from marts.fct_plan_verdict as verdict
left join goals on verdict.subject_type = 'key_result' and goals.key_result_id = verdict.subject_id
left join units on verdict.subject_type = 'unit' and units.org_unit_id = verdict.subject_id
left join units as own on own.org_unit_id = verdict.org_unit_id
where verdict.cycle_id = $cycle
order by case verdict.verdict when 'not_a_plan' then 1 when 'baseline_only' then 2 else 3 end, subject_name
"""
_TO_DO = f"""{_NAMES}
select
    criteria.* replace (case when list_contains($hidden, criteria.key_result_id)
        and criteria.criterion in {_OF_KPI_VALUES} then 'withheld' else criteria.evidence end as evidence),
    coalesce(goals.title, criteria.key_result_id) as key_result_title,
    coalesce(people.name, criteria.owner_id) as owner_name
from marts.fct_plan_readiness as criteria
left join goals on goals.key_result_id = criteria.key_result_id
left join people on people.person_id = criteria.owner_id
where criteria.cycle_id = $cycle and not criteria.is_met
order by case criteria.needed_for when 'any_plan' then 1 when 'target' then 2 else 3 end, owner_name, key_result_title
"""
_UNITS = f"""{_NAMES},
promised as (
    select provider_org_unit_id as org_unit_id, count(*) as promised, count(confirmed_on) as confirmed,
        count(delivered_on) as delivered, count(*) filter (where state = 'overdue') as overdue
    from marts.fct_dependency where cycle_id = $cycle group by all
)
select
    coalesce(verdict.subject_id, promised.org_unit_id) as org_unit_id,
    coalesce(units.name, verdict.subject_id, promised.org_unit_id) as org_unit_name,
    coalesce(people.name, units.head_id, '(unowned)') as head_name,
    verdict.verdict as plan_verdict, capacity.verdict as capacity_verdict, capacity.null_reason,
    capacity.capacity, capacity.business_as_usual, capacity.demand, capacity.load_share, capacity.measure,
    capacity.cut_first, verdict.key_result_count, verdict.ready_count,
    coalesce(promised.promised, 0) as promised, coalesce(promised.confirmed, 0) as confirmed,
    coalesce(promised.delivered, 0) as delivered, coalesce(promised.overdue, 0) as overdue
from (select * from marts.fct_plan_verdict where subject_type = 'unit' and cycle_id = $cycle) as verdict
full join promised on promised.org_unit_id = verdict.subject_id
left join marts.fct_capacity as capacity
    on capacity.org_unit_id = verdict.subject_id and capacity.cycle_id = verdict.cycle_id
left join units on units.org_unit_id = coalesce(verdict.subject_id, promised.org_unit_id)
left join people on people.person_id = units.head_id
order by capacity.load_share desc nulls last, org_unit_name
"""
_SHARED = f"""{_NAMES}
select shared.*, coalesce(people.name, shared.data_steward_id) as data_steward_name
from marts.fct_shared_kpi as shared
left join people on people.person_id = shared.data_steward_id
where shared.cycle_id = $cycle
order by shared.is_acknowledged_in_time, shared.is_steward_independent, shared.kpi_name
"""
_FEASIBILITY = f"""{_NAMES}
select figures.*, coalesce(goals.title, figures.key_result_id) as key_result_title
from marts.fct_plan_feasibility as figures
left join goals on goals.key_result_id = figures.key_result_id
where figures.cycle_id = $cycle and figures.link_type = 'measures'
    and not list_contains($hidden, figures.key_result_id)
order by figures.is_done_before nulls first, figures.feasibility_ratio desc nulls last, key_result_title
"""
_DEPENDENCIES = f"""{_NAMES}
select
    dependency.*,
    coalesce(goals.title, dependency.key_result_id) as key_result_title,
    coalesce(provider.name, dependency.provider_org_unit_id) as provider_name,
    coalesce(people.name, dependency.provider_head_id) as provider_head_name
from marts.fct_dependency as dependency
left join goals on goals.key_result_id = dependency.key_result_id
left join units as provider on provider.org_unit_id = dependency.provider_org_unit_id
left join people on people.person_id = dependency.provider_head_id
where dependency.cycle_id = $cycle
order by dependency.needed_by, dependency.dependency_id
"""
_CLASSES = f"""{_NAMES}
select classes.*, coalesce(units.name, classes.org_unit_id) as org_unit_name
from marts.fct_objective_kpi_class as classes
left join units on units.org_unit_id = classes.org_unit_id
where classes.cycle_id = $cycle and not classes.is_covered
order by classes.objective_id
"""


@dataclass(frozen=True)
class PlanFacts:
    """The plan of one cycle.

    Attributes:
        cycle: Its row: id, name and days.
        key_results: Verdicts, the worst first.
        to_do: Criteria that are not met, those that stop most first.
        units: Units with load and promises, the fullest first.
        shared: KPIs that several units read.
        feasibility: What is asked against the best ever done.
        dependencies: What key results need of other units.
        uncovered: Objectives without a KPI of health, efficiency or risk.
    """

    cycle: Row
    key_results: Sequence[Row]
    to_do: Sequence[Row]
    units: Sequence[Row]
    shared: Sequence[Row]
    feasibility: Sequence[Row]
    dependencies: Sequence[Row]
    uncovered: Sequence[Row]

    @property
    def as_of(self) -> date:
        """Business date of the verdicts."""
        day: date = self.cycle["as_of"]
        return day

    def count(self, verdict: str) -> int:
        """Return how many key results have a verdict."""
        return sum(row["verdict"] == verdict for row in self.key_results)

    @property
    def overloaded(self) -> list[Row]:
        """Units whose load exceeds their capacity."""
        return [row for row in self.units if row["capacity_verdict"] == "exceeds"]

    @property
    def is_ready(self) -> bool:
        """Whether every key result may be committed as it is, and every unit can carry what it is asked for."""
        return self.count("ready") == len(self.key_results) and not self.overloaded


def has_plan(connection: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether the warehouse has the planning marts: one that was built before they were does not."""
    found = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'marts' and list_contains(?, table_name)",
        [list(MODELS)],
    ).fetchone()
    return found is not None and found[0] == len(MODELS)


def read_plan(connection: duckdb.DuckDBPyConnection, cycle: str, *, hidden: Collection[str] = ()) -> PlanFacts | None:
    """Read the plan of a cycle; None when the warehouse does not know the cycle.

    Args:
        connection: To a warehouse with the planning marts.
        cycle: Id of the cycle.
        hidden: Key results whose figures may not be shown; what is said of owners and feeds stays.
    """
    asked: Mapping[str, Any] = {"cycle": cycle, "hidden": sorted(hidden)}
    cycles = rows_of(connection, _CYCLE, asked)
    if not cycles:
        return None
    verdicts = rows_of(connection, _VERDICTS, asked)
    return PlanFacts(
        cycle=cycles[0],
        key_results=[row for row in verdicts if row["subject_type"] == "key_result"],
        to_do=rows_of(connection, _TO_DO, asked),
        units=rows_of(connection, _UNITS, asked),
        shared=rows_of(connection, _SHARED, asked),
        feasibility=rows_of(connection, _FEASIBILITY, asked),
        dependencies=rows_of(connection, _DEPENDENCIES, asked),
        uncovered=rows_of(connection, _CLASSES, asked),
    )


def planned_cycles(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the cycles that have key results and are not over on the warehouse's business date, the nearest first."""
    rows = connection.execute(
        """
        select cycle_id
        from marts.dim_cycle
        where ends_on >= (select as_of from intermediate.int_run__context)
            and cycle_id in (select cycle_id from marts.fct_plan_verdict where subject_type = 'key_result')
        order by starts_on, cycle_id
        """
    ).fetchall()
    return [cycle for (cycle,) in rows]
