"""POL-03: KPIs per accountable owner and per report stay within budget.

A report is what one objective's readers look at: all KPIs that its committed key results of open cycles are linked to.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

KPIS_PER_OWNER = 10
KPIS_PER_REPORT = 12

COUNTED = """
with owned as (
    select ownership.person_id, count(*) as kpi_count
    from marts.dim_ownership as ownership
    inner join marts.dim_kpi as kpi
        on kpi.kpi_id = ownership.subject_id and kpi.is_current and kpi.lifecycle = 'active'
    where ownership.subject_type = 'kpi' and ownership.role = 'accountable_owner' and ownership.is_current
        and ownership.person_id <> '(unowned)'
    group by ownership.person_id
),
shown as (
    select key_result.objective_id, count(distinct link.kpi_id) as kpi_count
    from marts.dim_key_result as key_result
    inner join marts.bridge_key_result_kpi as link
        on link.key_result_id = key_result.key_result_id and link.is_current
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = key_result.cycle_id
    cross join audit.run as run
    where key_result.is_current and key_result.state = 'committed'
        and coalesce(dim_cycle.closes_on, dim_cycle.ends_on) >= run.as_of
    group by key_result.objective_id
)
"""

JUDGED = COUNTED + "select (select count(*) from owned) + (select count(*) from shown)"

VIOLATIONS = (
    COUNTED
    + f"""
select
    'person' as subject_type,
    owned.person_id as subject_id,
    'accountable for ' || owned.kpi_count || ' active KPIs, expected at most {KPIS_PER_OWNER}' as detail,
    person.source_file,
    person.source_row,
    person.load_id
from owned
left join marts.dim_person as person on person.person_id = owned.person_id and person.is_current
where owned.kpi_count > {KPIS_PER_OWNER}
union all
select
    'objective',
    shown.objective_id,
    'its report shows ' || shown.kpi_count || ' KPIs, expected at most {KPIS_PER_REPORT}',
    objective.source_file,
    objective.source_row,
    objective.load_id
from shown
left join marts.dim_objective as objective on objective.objective_id = shown.objective_id and objective.is_current
where shown.kpi_count > {KPIS_PER_REPORT}
"""
)

RULE = Rule(
    id="POL-03",
    slug="kpis_stay_within_budget",
    title="KPIs per accountable owner and per report stay within budget",
    why="Whoever answers for thirty numbers answers for none.",
    subject_type="person",
    severity="warn",
    owner_role="unit_head",
    remedy="Retire KPIs, or spread them over more owners.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
