with links as (
    select
        intervals.key_result_interval_key,
        intervals.key_result_id,
        links.kpi_id,
        links.link_type,
        links.weight,
        links.guardrail_min,
        links.guardrail_max,
        -- The same link twice in one version is one link, as first stated.
        row_number() over (
            partition by intervals.key_result_interval_key, links.kpi_id, links.link_type
            order by links.position
        ) as mention
    from {{ ref("int_key_result__intervals") }} as intervals
    inner join {{ ref("stg_lake__key_result_links") }} as links on intervals.record_key = links.record_key
),

weighed as (
    select
        *,
        sum(case when link_type = 'measures' then coalesce(weight, 0) end) over (
            partition by key_result_interval_key order by kpi_id
            rows between unbounded preceding and unbounded following
        ) as total_weight,
        count(case when link_type = 'measures' then 1 end) over (
            partition by key_result_interval_key
        ) as measures_count,
        row_number() over (
            partition by key_result_interval_key
            order by
                case link_type when 'measures' then 1 when 'guardrail' then 2 when 'impacts' then 3 else 4 end,
                coalesce(weight, 0) desc, kpi_id
        ) as importance
    from links
    where mention = 1
)

select
    key_result_interval_key,
    key_result_id,
    kpi_id,
    link_type,
    guardrail_min,
    guardrail_max,
    case
        when link_type <> 'measures' then null
        when total_weight > 0 then coalesce(weight, 0) / total_weight
        else cast(1 as double) / measures_count
    end as weight_share,
    link_type = 'measures' and measures_count > 1 and not total_weight > 0 as is_weight_assumed,
    importance = 1 as is_main
from weighed
