{#- Of the newest cycle that has started: what to do about it is decided now. Nothing without an audit. -#}
with ranked as (
    select
        portfolio.*,
        cycles.cycle_name,
        row_number() over (
            partition by portfolio.kpi_id order by cycles.starts_on desc, portfolio.cycle_id asc
        ) as newness
    from {{ ref("fct_kpi_portfolio") }} as portfolio
    cross join {{ ref("int_audit__context") }}
    inner join {{ ref("dim_cycle") }} as cycles on portfolio.cycle_id = cycles.cycle_id
)

select
    ranked.kpi_id,
    coalesce(kpis.kpi_name, ranked.kpi_id) as kpi_name,
    ranked.cycle_id,
    ranked.cycle_name,
    ranked.kpi_owner_id,
    coalesce(owners.person_name, ranked.kpi_owner_id) as kpi_owner_name,
    ranked.kpi_org_unit_id,
    coalesce(units.org_unit_name, ranked.kpi_org_unit_id) as kpi_org_unit_name,
    ranked.lifecycle,
    ranked.sunset_state,
    ranked.sunset_reason,
    ranked.duplicate_reason,
    ranked.duplicate_kpi_ids,
    case
        when ranked.sunset_state = 'candidate' then 'Move it to lifecycle shadow, or give it what it lacks.'
        when
            ranked.sunset_state = 'retire'
            then 'Retire it: it was in the shadow for a whole cycle and nobody missed it.'
        when ranked.sunset_state = 'restore' then 'Make it active again: it serves a goal.'
        when ranked.sunset_state = 'shadow' then 'Wait for the end of its cycle in the shadow.'
        else 'Keep one of them, or name them apart.'
    end as proposal,
    ranked.decision_yield,
    ranked.alert_precision,
    ranked.decision_count,
    ranked.review_count,
    ranked.owner_kpi_count,
    ranked.as_of,
    sights.lost_on,
    ranked.shadow_from_on
from ranked
left join {{ ref("dim_kpi") }} as kpis on ranked.kpi_id = kpis.kpi_id and kpis.is_current
left join {{ ref("dim_person") }} as owners on ranked.kpi_owner_id = owners.person_id and owners.is_current
left join {{ ref("dim_org_unit") }} as units on ranked.kpi_org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("fct_kpi_line_of_sight") }} as sights on ranked.kpi_id = sights.kpi_id
where
    ranked.newness = 1
    and (
        ranked.sunset_state in ('candidate', 'shadow', 'retire', 'restore')
        or (ranked.duplicate_reason is not null and ranked.sunset_state = 'keep')
    )
