{#- Days that a trailing mean or a forecast of a daily KPI looks back, and as many again. -#}
{%- set near = 2 * (forecast_window() | int + 1) %}

-- Only what the days that are computed can use; all else would be carried for nothing. Besides the periods of those
-- days that is the one which stands when they start, as many before that as a trailing mean or a forecast takes, and
-- what adds up from the key result's start.
with needed as (
    select
        kpi_id,
        min(from_day) as first_day,
        min(
            case
                when
                    link_type = 'measures'
                    and (
                        measured_as in ('sum_to_date', 'mean_to_date')
                        or direction in ('stay_above', 'stay_below', 'stay_within')
                    )
                    then starts_on
                else from_day
            end
        ) as looks_back_to,
        max(
            case
                when link_type <> 'measures' then 0
                when measured_as = 'trailing_mean'
                    then greatest(coalesce(trailing_periods, 0), {{ forecast_window() }} + 1)
                else {{ forecast_window() }} + 1
            end
            * case grain when 'day' then 1 when 'week' then 7 when 'month' then 31 else 92 end
        ) as reach_days
    from {{ ref("int_key_result_kpi__spans") }}
    group by kpi_id
),

-- Of a long history few days are asked for: KPIs with short periods are looked up in those, which an engine finds
-- without reading the rest. What goes on after the business date stands on no day.
horizon as (
    select
        run.as_of,
        least({{ add_days("min(needed.first_day)", -1 * near) }}, min(needed.looks_back_to)) as from_on
    from needed
    cross join {{ ref("int_run__context") }} as run
    where needed.reach_days <= {{ near }}
    group by run.as_of
),

recent_days as (
    select days.day
    from horizon
    {{ days_from_until("horizon.from_on", add_days("horizon.as_of", 1)) }}
),

-- A period whose newest vintage is a tombstone has no value, as if it had never been sent.
recent_bounds as (
    select
        needed.kpi_id,
        needed.first_day,
        least(
            {{ add_days("max(observations.period_start_on)", "-1 * needed.reach_days") }}, needed.looks_back_to
        ) as from_on
    from {{ ref("fct_kpi_observation") }} as observations
    inner join recent_days on observations.period_start_on = recent_days.day
    inner join needed on observations.kpi_id = needed.kpi_id and observations.period_end_on <= needed.first_day
    where observations.is_current and observations.value is not null and needed.reach_days <= {{ near }}
    group by needed.kpi_id, needed.first_day, needed.looks_back_to, needed.reach_days
),

found as (
    select recent_bounds.*
    from recent_bounds
    inner join horizon on recent_bounds.from_on >= horizon.from_on
),

-- All others in all that there is.
others as (
    select needed.*
    from needed
    left join found on needed.kpi_id = found.kpi_id
    where found.kpi_id is null
),

bounds as (
    select
        others.kpi_id,
        others.first_day,
        -- Without a period that stands, there is none before first_day to leave out.
        case
            when count(observations.kpi_id) = 0 then cast('0001-01-01' as date)
            else least(
                {{ add_days("max(observations.period_start_on)", "-1 * others.reach_days") }}, others.looks_back_to
            )
        end as from_on
    from others
    left join {{ ref("fct_kpi_observation") }} as observations
        on
            others.kpi_id = observations.kpi_id
            and others.first_day >= observations.period_end_on
            and observations.is_current
            and observations.value is not null
    group by others.kpi_id, others.first_day, others.looks_back_to, others.reach_days
),

used as (
    select
        observations.*,
        found.first_day
    from {{ ref("fct_kpi_observation") }} as observations
    inner join recent_days on observations.period_start_on = recent_days.day
    inner join found on observations.kpi_id = found.kpi_id and observations.period_start_on >= found.from_on
    where observations.is_current and observations.value is not null
    union all
    select
        observations.*,
        bounds.first_day
    from {{ ref("fct_kpi_observation") }} as observations
    inner join bounds on observations.kpi_id = bounds.kpi_id and observations.period_start_on >= bounds.from_on
    where observations.is_current and observations.value is not null
),

in_order as (
    select
        kpi_observation_key,
        kpi_id,
        value,
        period_start_on,
        period_end_on,
        vintage_at,
        first_day,
        lead(period_end_on, 1, cast('9999-12-31' as date)) over (
            partition by kpi_id order by period_start_on
        ) as next_period_end_on,
        lag(period_start_on) over (partition by kpi_id order by period_start_on) as previous_period_start_on,
        lag(value) over (partition by kpi_id order by period_start_on) as previous_value,
        row_number() over (partition by kpi_id order by period_start_on) as place
    from used
)

select
    kpi_observation_key,
    kpi_id,
    value,
    previous_value,
    cast(place as int) as place,
    period_start_on,
    period_end_on,
    previous_period_start_on,
    vintage_at,
    next_period_end_on,
    next_period_end_on > first_day as is_standing
from in_order
