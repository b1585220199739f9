{#- Below so many, a mean says more about chance than about a person. -#}
{%- set few = 10 -%}

with check_ins as (
    select
        overrides.*,
        lines.is_withheld,
        -- How it ended, once it has: who said how sure they were can be held to that alone.
        case
            when lines.as_of < lines.due_on or lines.status in ('not_assessable', 'withheld') then null
            when lines.status = 'achieved' then cast(1 as double)
            else cast(0 as double)
        end as outcome
    from {{ ref("fct_status_override") }} as overrides
    inner join {{ ref("rpt_okr_scorecard") }} as lines on overrides.key_result_id = lines.key_result_id
),

champions as (
    select
        champion_id,
        count(*) as check_in_count,
        count(case when is_withheld then 1 end) as withheld_count,
        count(distinct cycle_id) as cycle_count,
        count(case when not is_withheld then divergence end) as compared_count,
        count(case when not is_withheld and divergence > 0 then 1 end) as optimistic_count,
        count(case when not is_withheld and divergence < 0 then 1 end) as pessimistic_count,
        avg(case when not is_withheld then cast(divergence as double) end) as mean_divergence,
        count(confidence * outcome) as forecast_count,
        {{ sum_in_order("case when outcome is not null then confidence end", "check_in_id") }}
        / nullif(count(confidence * outcome), 0) as mean_confidence,
        avg(case when confidence is not null then outcome end) as achieved_share,
        {{ sum_in_order("(confidence - outcome) * (confidence - outcome)", "check_in_id") }}
        / nullif(count(confidence * outcome), 0) as brier_score,
        max(reported_on) as newest_on
    from check_ins
    group by champion_id
)

select
    champions.champion_id,
    coalesce(people.person_name, champions.champion_id) as champion_name,
    cast(champions.check_in_count as int) as check_in_count,
    cast(champions.withheld_count as int) as withheld_count,
    cast(champions.cycle_count as int) as cycle_count,
    cast(champions.compared_count as int) as compared_count,
    cast(champions.optimistic_count as int) as optimistic_count,
    cast(champions.pessimistic_count as int) as pessimistic_count,
    champions.mean_divergence,
    cast(champions.forecast_count as int) as forecast_count,
    champions.mean_confidence,
    champions.achieved_share,
    champions.brier_score,
    champions.compared_count < {{ few }} as is_few_compared,
    champions.forecast_count < {{ few }} as is_few_forecasts,
    champions.newest_on
from champions
left join {{ ref("dim_person") }} as people on champions.champion_id = people.person_id and people.is_current
