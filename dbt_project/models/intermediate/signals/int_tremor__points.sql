{#- Frames of the periods of one KPI; whether one has a gap is told by the numbers at its ends. -#}
{%- set by_period = "partition by kpi_id order by period_index" -%}
{%- set run = tremor_run() | int -%}
{%- set window = tremor_window() | int -%}
{%- set baseline = tremor_baseline() | int -%}
{%- set spare = baseline - (fewest_of_baseline() | int) -%}

with needed as (
    select kpi_id
    from {{ ref("int_tremor__pairs") }}
    union
    select kpi_id
    from {{ ref("int_kpi__lead_pairs") }}
    union
    select leading_kpi_id as kpi_id
    from {{ ref("int_kpi__lead_pairs") }}
),

kpis as (
    select
        kpis.kpi_id,
        kpis.grain,
        kpis.calendar
    from needed
    inner join {{ ref("int_kpi__versions") }} as kpis on needed.kpi_id = kpis.kpi_id
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
),

numbered as (
    select
        points.kpi_id,
        kpis.grain,
        points.value,
        points.period_start_on,
        points.period_end_on,
        case
            when kpis.calendar = 'working_days' then days.working_day_number
            else {{ period_number("kpis.grain", "points.period_start_on") }}
        end as period_index,
        {{ days_between("cast('1900-01-01' as date)", "points.period_start_on") }} as day_number
    from {{ ref("int_kpi__points") }} as points
    inner join kpis on points.kpi_id = kpis.kpi_id
    left join {{ ref("dim_date") }} as days
        on kpis.calendar = 'working_days' and points.period_start_on = days.date_on
    -- A value of a day off belongs to no period of a KPI of working days.
    where kpis.calendar <> 'working_days' or days.is_working_day
),

units as (
    select
        kpi_id,
        {{ sum_unit("value") }} as sum_unit
    from numbered
    where grain = 'day'
    group by kpi_id
),

-- Deviations from the mean of the own week: a shift or a drift moves them little.
weeks as (
    select
        numbered.kpi_id,
        cast(floor(numbered.day_number / 7.0) as int) as week_number,
        {{ exact_sum("numbered.value", "units.sum_unit") }} / count(*) as week_mean,
        count(*) as day_count,
        max(units.sum_unit) as sum_unit
    from numbered
    inner join units on numbered.kpi_id = units.kpi_id
    where numbered.grain = 'day'
    group by numbered.kpi_id, cast(floor(numbered.day_number / 7.0) as int)
),

whole_weeks as (
    select
        *,
        max(day_count) over (partition by kpi_id) as most_days
    from weeks
),

weekdays as (
    select
        numbered.kpi_id,
        numbered.day_number % 7 as weekday,
        {{ exact_sum("numbered.value - whole_weeks.week_mean", "whole_weeks.sum_unit") }}
        / (count(*) + {{ weekday_doubt() }}) as effect
    from numbered
    inner join whole_weeks
        on
            numbered.kpi_id = whole_weeks.kpi_id
            and cast(floor(numbered.day_number / 7.0) as int) = whole_weeks.week_number
    where numbered.grain = 'day' and whole_weeks.day_count = whole_weeks.most_days
    group by numbered.kpi_id, numbered.day_number % 7
),

adjusted as (
    select
        numbered.kpi_id,
        cast(numbered.period_index as int) as period_index,
        numbered.value,
        numbered.value - coalesce(weekdays.effect, 0) as value_adjusted,
        numbered.period_start_on,
        numbered.period_end_on
    from numbered
    left join weekdays on numbered.kpi_id = weekdays.kpi_id and numbered.day_number % 7 = weekdays.weekday
),

framed as (
    select
        *,
        value_adjusted - lag(value_adjusted) over ({{ by_period }}) as change,
        case
            when
                period_index - lag(period_index, {{ baseline }}) over ({{ by_period }}) <= {{ baseline + spare }}
                then avg(value_adjusted) over (
                    {{ by_period }} rows between {{ baseline }} preceding and 1 preceding
                )
        end as baseline,
        lead(period_index, {{ run - 1 }}) over ({{ by_period }}) = period_index + {{ run - 1 }} as is_run_whole,
        {% for name, aggregate in [("low_run", "min"), ("high_run", "max"), ("mean_run", "avg")] -%}
        {{ aggregate }}(value_adjusted) over (
            {{ by_period }} rows between current row and {{ run - 1 }} following
        ) as {{ name }},
        {% endfor -%}
        lead(period_end_on, {{ run - 1 }}) over ({{ by_period }}) as run_end_on,
        lead(period_index, 2) over ({{ by_period }}) = period_index + 2 as is_three_whole,
        avg(value_adjusted) over ({{ by_period }} rows between current row and 2 following) as mean_of_three,
        lead(period_end_on, 2) over ({{ by_period }}) as three_end_on,
        lead(period_index, {{ window - 1 }}) over ({{ by_period }})
        = period_index + {{ window - 1 }} as is_window_whole
    from adjusted
)

select
    kpi_id,
    period_index,
    value,
    value_adjusted,
    change,
    baseline,
    case when is_run_whole then low_run end as low_run,
    case when is_run_whole then high_run end as high_run,
    case when is_run_whole then mean_run end as mean_run,
    case when is_run_whole then run_end_on end as run_end_on,
    case when is_three_whole then mean_of_three end as mean_of_three,
    case when is_three_whole then three_end_on end as three_end_on,
    case
        when is_window_whole
            then max(low_run) over ({{ by_period }} rows between current row and {{ window - run }} following)
    end as peak_level,
    case
        when is_window_whole
            then min(high_run) over ({{ by_period }} rows between current row and {{ window - run }} following)
    end as trough_level,
    period_start_on,
    period_end_on
from framed
