"""Which KPIs are shared, and who their stewards are: what the rules on shared KPIs have in common."""

from __future__ import annotations

# Key results of two units read the KPI in one open cycle. Who delegated the stewardship is not asked meanwhile.
SHARED_KPIS = """
with shared as (
    select
        link.kpi_id,
        cycle.cycle_id,
        cycle.starts_on,
        string_agg(distinct objective.org_unit_id, ', ' order by objective.org_unit_id) as units
    from marts.bridge_key_result_kpi as link
    inner join marts.dim_key_result as key_result
        on key_result.key_result_id = link.key_result_id and key_result.is_current and key_result.state = 'committed'
    inner join marts.dim_objective as objective
        on objective.objective_id = key_result.objective_id and objective.is_current
    inner join marts.dim_cycle as cycle on cycle.cycle_id = key_result.cycle_id
    inner join audit.run as run
        on cycle.starts_on <= run.as_of and (cycle.ends_on >= run.as_of or cycle.closes_on > run.as_of)
    where link.is_current
    group by link.kpi_id, cycle.cycle_id, cycle.starts_on
    having count(distinct objective.org_unit_id) > 1
),
stewards as (
    select ownership.subject_id as kpi_id, ownership.person_id, ownership.owned_from, ownership.acknowledged_on
    from marts.dim_ownership as ownership
    left join marts.dim_ownership as stand_in
        on stand_in.subject_type = 'kpi' and stand_in.role = 'data_steward' and stand_in.is_current
        and stand_in.subject_id = ownership.subject_id
        and stand_in.delegated_from_id = ownership.person_id and stand_in.person_id <> ownership.person_id
    where ownership.subject_type = 'kpi' and ownership.role = 'data_steward' and ownership.is_current
        and ownership.person_id <> '(unowned)' and stand_in.person_id is null
)
"""
