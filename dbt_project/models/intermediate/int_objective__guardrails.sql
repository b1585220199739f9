with links as (
    select
        key_results.objective_id,
        key_results.day,
        links.kpi_id,
        links.kpi_owner_id,
        links.kpi_org_unit_id,
        links.status,
        -- Guarded by several key results with limits of their own, a KPI is as bad as its worst.
        row_number() over (
            partition by key_results.objective_id, key_results.day, links.kpi_id
            order by {{ status_severity("links.status") }} desc, key_results.key_result_id asc
        ) as badness
    from {{ ref("int_objective__key_results") }} as key_results
    inner join {{ ref("fct_key_result_kpi") }} as links
        on key_results.key_result_id = links.key_result_id and key_results.figures_on = links.as_of
    where links.link_type = 'guardrail'
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
