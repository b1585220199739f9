with watched as (
    select
        key_results.objective_id,
        key_results.day,
        key_results.key_result_id,
        links.kpi_id,
        links.kpi_owner_id,
        links.kpi_org_unit_id,
        links.status
    from {{ ref("int_objective__key_results") }} as key_results
    inner join {{ ref("fct_key_result_kpi") }} as links
        on key_results.key_result_id = links.key_result_id and key_results.figures_on = links.as_of
    where links.link_type = 'guardrail'
    union all
    -- The harm that a green key result does to another unit counts as a broken guardrail, whatever the limit says.
    select
        key_results.objective_id,
        key_results.day,
        key_results.key_result_id,
        conflicts.kpi_id,
        conflicts.kpi_owner_id,
        conflicts.kpi_org_unit_id,
        'off_track' as status
    from {{ ref("int_objective__key_results") }} as key_results
    inner join {{ ref("fct_silo_conflict") }} as conflicts
        on
            key_results.key_result_id = conflicts.key_result_id
            and key_results.day >= conflicts.opened_on
            and key_results.day < coalesce(conflicts.resolved_on, cast('9999-12-31' as date))
    union all
    -- Whether it does harm cannot be told where values are missing: silence is never green.
    select
        key_results.objective_id,
        key_results.day,
        key_results.key_result_id,
        tremors.kpi_id,
        tremors.kpi_owner_id,
        tremors.kpi_org_unit_id,
        'not_assessable' as status
    from {{ ref("int_objective__key_results") }} as key_results
    inner join {{ ref("fct_tremor") }} as tremors
        on key_results.key_result_id = tremors.key_result_id and key_results.day >= tremors.event_on
    where tremors.null_reason = 'missing_data' and tremors.link_type in ('impacts', 'guardrail')
),

links as (
    select
        *,
        -- Guarded by several key results with limits of their own, a KPI is as bad as its worst.
        row_number() over (
            partition by objective_id, day, kpi_id
            order by {{ status_severity("status") }} desc, key_result_id asc
        ) as badness
    from watched
)

select
    objective_id,
    day,
    kpi_id,
    status,
    kpi_owner_id,
    kpi_org_unit_id,
    row_number() over (
        partition by objective_id, day
        order by {{ status_severity("status") }} desc, kpi_id asc
    ) as place
from links
where badness = 1
