{%- set so_far -%}
over (
            partition by limited.key_result_kpi_interval_key order by limited.period_start_on
            rows between unbounded preceding and current row
        )
{%- endset -%}

-- What is known of a link changes only when a period ends, so that this grows with observations and not with days.
with intervals as (
    select * from {{ ref("int_key_result_kpi__spans") }}
),

observations as (
    select * from {{ ref("int_kpi_observation__current") }}
),

-- From the value that stands when the interval starts to the last one in it.
standing as (
    select
        intervals.key_result_kpi_interval_key,
        intervals.kpi_id,
        intervals.link_type,
        intervals.measured_as,
        case
            when intervals.measured_as = 'trailing_mean' then {{ add_days(
                periods_before("intervals.grain", "observations.period_start_on", "intervals.trailing_periods"), 1
            ) }}
        end as trails_from,
        intervals.from_day,
        intervals.end_day,
        observations.kpi_observation_key,
        observations.value,
        observations.place,
        observations.period_start_on,
        observations.period_end_on,
        observations.next_period_end_on,
        observations.vintage_at
    from intervals
    inner join observations
        on
            intervals.kpi_id = observations.kpi_id
            and intervals.end_day > observations.period_end_on
            and intervals.from_day < observations.next_period_end_on
    where observations.is_standing
),

-- Figures that add up over the key result's time need all of it, whatever version the interval belongs to.
openings as (
    select
        intervals.key_result_kpi_interval_key,
        intervals.kpi_id,
        min(observations.place) as first_place
    from intervals
    inner join observations
        on intervals.kpi_id = observations.kpi_id and intervals.starts_on <= observations.period_start_on
    where intervals.link_type = 'measures' and intervals.measured_as in ('sum_to_date', 'mean_to_date')
    group by intervals.key_result_kpi_interval_key, intervals.kpi_id
),

adding_up as (
    select distinct kpi_id from openings
),

series as (
    select
        observations.kpi_id,
        {{ series_in_order("observations.value", "observations.place") }} as series_values
    from observations
    inner join adding_up on observations.kpi_id = adding_up.kpi_id
    group by observations.kpi_id
),

-- Sums in a stated order: one over a window depends, in the last digit, on what else the window is computed with. Long
-- ones are those of a list, which costs an eighth of sorting.
added_up as (
    select
        standing.key_result_kpi_interval_key,
        standing.period_start_on,
        {{ series_sum(series_part(
            "series.series_values", "openings.first_place", "(standing.place - openings.first_place + 1)"
        )) }} as sum_to_date,
        standing.place - openings.first_place + 1 as periods_to_date
    from standing
    inner join openings
        on
            standing.key_result_kpi_interval_key = openings.key_result_kpi_interval_key
            and standing.place >= openings.first_place
    inner join series on standing.kpi_id = series.kpi_id
    union all
    select
        standing.key_result_kpi_interval_key,
        standing.period_start_on,
        {{ sum_in_order("observations.value", "observations.period_start_on") }} as sum_to_date,
        count(*) as periods_to_date
    from standing
    inner join observations
        on
            standing.kpi_id = observations.kpi_id
            and standing.trails_from <= observations.period_start_on
            and standing.period_start_on >= observations.period_start_on
    where standing.link_type = 'measures' and standing.trails_from is not null
    group by standing.key_result_kpi_interval_key, standing.period_start_on
),

limited as (
    select
        intervals.key_result_kpi_interval_key,
        observations.period_start_on,
        -- A value of a day that owes none is neither met nor missed.
        coalesce(calendar.is_working_day, true) as is_owed,
        {{ meets_limits(
            "intervals.direction", "observations.value", "intervals.lower_limit", "intervals.upper_limit",
            "intervals.target"
        ) }} as is_met,
        {{ meets_limits(
            "intervals.locked_direction", "observations.value", "intervals.locked_lower_limit",
            "intervals.locked_upper_limit", "intervals.locked_target"
        ) }} as is_met_locked
    from intervals
    inner join observations
        on
            intervals.kpi_id = observations.kpi_id
            and intervals.end_day > observations.period_end_on
            and intervals.starts_on <= observations.period_start_on
    left join {{ ref("dim_date") }} as calendar
        on intervals.calendar = 'working_days' and observations.period_start_on = calendar.date_on
    where
        intervals.link_type = 'measures'
        and intervals.direction in ('stay_above', 'stay_below', 'stay_within')
),

counted as (
    select
        limited.key_result_kpi_interval_key,
        limited.period_start_on,
        count(case when limited.is_owed and limited.is_met then 1 end) {{ so_far }} as periods_met,
        count(case when limited.is_owed and limited.is_met_locked then 1 end) {{ so_far }} as periods_met_locked
    from limited
),

with_data as (
    select
        standing.key_result_kpi_interval_key,
        standing.kpi_observation_key,
        standing.value as kpi_value,
        case
            when standing.link_type <> 'measures' then null
            when standing.measured_as = 'sum_to_date' then added_up.sum_to_date
            when standing.measured_as in ('mean_to_date', 'trailing_mean')
                then added_up.sum_to_date / added_up.periods_to_date
            else standing.value
        end as measured_value,
        added_up.periods_to_date,
        coalesce(counted.periods_met, 0) as periods_met,
        coalesce(counted.periods_met_locked, 0) as periods_met_locked,
        standing.period_start_on,
        standing.period_end_on,
        standing.vintage_at,
        greatest(standing.from_day, standing.period_end_on) as first_day,
        least(standing.end_day, standing.next_period_end_on) as end_day
    from standing
    left join added_up
        on
            standing.key_result_kpi_interval_key = added_up.key_result_kpi_interval_key
            and standing.period_start_on = added_up.period_start_on
    left join counted
        on
            standing.key_result_kpi_interval_key = counted.key_result_kpi_interval_key
            and standing.period_start_on = counted.period_start_on
),

first_data as (
    select
        key_result_kpi_interval_key,
        min(first_day) as first_day
    from with_data
    group by key_result_kpi_interval_key
),

without_data as (
    select
        intervals.key_result_kpi_interval_key,
        intervals.from_day as first_day,
        coalesce(first_data.first_day, intervals.end_day) as end_day
    from intervals
    left join first_data on intervals.key_result_kpi_interval_key = first_data.key_result_kpi_interval_key
    where first_data.first_day is null or first_data.first_day > intervals.from_day
)

select
    key_result_kpi_interval_key,
    kpi_observation_key,
    kpi_value,
    measured_value,
    periods_to_date,
    periods_met,
    periods_met_locked,
    period_start_on,
    period_end_on,
    vintage_at,
    first_day,
    end_day
from with_data
union all
select
    key_result_kpi_interval_key,
    cast(null as {{ dbt.type_string() }}) as kpi_observation_key,
    cast(null as double) as kpi_value,
    cast(null as double) as measured_value,
    cast(null as bigint) as periods_to_date,
    0 as periods_met,
    0 as periods_met_locked,
    cast(null as date) as period_start_on,
    cast(null as date) as period_end_on,
    cast(null as timestamp) as vintage_at,
    first_day,
    end_day
from without_data
