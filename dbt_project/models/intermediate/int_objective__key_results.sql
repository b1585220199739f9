-- A key result counts from its first day, and after its due day with the figures of that day.
with key_results as (
    select key_results.*
    from {{ ref("int_key_result__versions") }} as key_results
    inner join {{ ref("int_run__context") }} as run
        on key_results.cycle_starts_on <= run.as_of and key_results.starts_on <= run.as_of
    where key_results.state = 'committed'
),

newest as (
    select
        key_result_id,
        as_of
    from {{ ref("fct_key_result_daily") }}
    where is_latest
),

placed as (
    select
        days.objective_id,
        days.day,
        key_results.key_result_id,
        key_results.weight,
        days.is_latest,
        case
            when days.is_latest then coalesce(newest.as_of, least(days.day, key_results.due_on))
            else least(days.day, key_results.due_on)
        end as figures_on
    from {{ ref("int_objective__days") }} as days
    inner join key_results
        on
            days.objective_id = key_results.objective_id
            and days.day >= key_results.starts_on
            and days.seen_on >= key_results.valid_from
            and days.seen_on < key_results.valid_to
    left join newest on key_results.key_result_id = newest.key_result_id
),

weighed as (
    select
        *,
        count(*) over (partition by objective_id, day) as key_result_count,
        -- A weight that nobody stated makes all of them equal: it must not count for nothing.
        case
            when min(coalesce(weight, 0)) over (partition by objective_id, day) < 0 then 0
            when count(weight) over (partition by objective_id, day) < count(*) over (partition by objective_id, day)
                then 0
            else sum(weight) over (
                partition by objective_id, day order by key_result_id
                rows between unbounded preceding and unbounded following
            )
        end as total_weight
    from placed
)

select
    weighed.objective_id,
    weighed.day,
    weighed.key_result_id,
    coalesce(daily.status, 'not_assessable') as status,
    case
        when weighed.total_weight > 0 then weighed.weight / weighed.total_weight
        else cast(1 as double) / weighed.key_result_count
    end as weight_share,
    daily.progress,
    weighed.key_result_count > 1 and not weighed.total_weight > 0 as is_weight_assumed,
    weighed.is_latest,
    weighed.figures_on
from weighed
left join {{ ref("fct_key_result_daily") }} as daily
    on weighed.key_result_id = daily.key_result_id and weighed.figures_on = daily.as_of
