{%- set so_far -%} over (partition by kpi_id order by period_start_on) {%- endset -%}
{%- set recent -%}
over (
            partition by kpi_id order by period_number range between {{ forecast_window() | int - 1 }} preceding and current row
        )
{%- endset -%}
{%- set weekdays = range(7) -%}

-- Only KPIs that measure something: nobody asks for the end of the others.
with measuring as (
    select
        kpi_id,
        max(grain) as grain
    from {{ ref("int_key_result_kpi__intervals") }}
    where link_type = 'measures'
    group by kpi_id
),

values_in_order as (
    select
        observations.kpi_id,
        observations.value,
        observations.period_start_on,
        lead(observations.period_start_on, 1, cast('9999-12-31' as date)) over (
            partition by observations.kpi_id order by observations.period_start_on
        ) as next_period_start_on,
        {{ period_number("measuring.grain", "observations.period_start_on") }} as period_number,
        {{ period_number("'week'", "observations.period_start_on") }} as week_number,
        {{ days_between("cast('1900-01-01' as date)", "observations.period_start_on") }} as day_number
    from {{ ref("int_kpi_observation__current") }} as observations
    inner join measuring on observations.kpi_id = measuring.kpi_id
),

-- 1 January 1900 was a Monday: weekday 0.
placed as (
    select
        *,
        day_number - 7 * week_number as weekday,
        -- Only the period just before: across a gap nothing says how much was kept.
        case
            when lag(period_number) over (partition by kpi_id order by period_number) = period_number - 1
                then lag(value) over (partition by kpi_id order by period_number)
        end as previous_value
    from values_in_order
),

moments as (
    select
        kpi_id,
        value,
        weekday,
        period_start_on,
        next_period_start_on,
        count(*) {{ so_far }} as count_to_date,
        sum(value) {{ so_far }} as sum_to_date,
        count(*) {{ recent }} as history_count,
        avg(value) {{ recent }} as level,
        var_pop(value) {{ recent }} as raw_variance,
        covar_pop(value, previous_value) {{ recent }} as raw_covariance,
        min(day_number) {{ recent }} as first_day_number,
        {% for day in weekdays -%}
        avg(case when weekday = {{ day }} then value end) {{ recent }} as mean_{{ day }},
        {% endfor -%}
        day_number
    from placed
),

-- Days of which one weekday never comes, and longer periods, have no weekday effect.
seasonal as (
    select
        moments.*,
        (
            day_number - first_day_number + 1 = history_count
            {% for day in weekdays -%}
            and mean_{{ day }} is not null
            {% endfor -%}
        ) as has_weekdays
    from moments
),

effects as (
    select
        {% for day in weekdays -%}
        case when has_weekdays then mean_{{ day }} - level else 0 end as effect_{{ day }},
        {% endfor -%}
        seasonal.*
    from seasonal
),

-- What the weekdays explain of variance and covariance, of which the believed part is taken out.
explained as (
    select
        effects.*,
        (2 * {{ weekday_trust() }} - {{ weekday_trust() }} * {{ weekday_trust() }}) * (
            0
            {% for day in weekdays -%}
            + effect_{{ day }} * effect_{{ day }}
            {% endfor -%}
        ) / 7 as weekday_variance,
        (2 * {{ weekday_trust() }} - {{ weekday_trust() }} * {{ weekday_trust() }}) * (
            0
            {% for day in weekdays -%}
            + effect_{{ day }} * effect_{{ (day + 1) % 7 }}
            {% endfor -%}
        ) / 7 as weekday_covariance
    from effects
),

adjusted as (
    select
        explained.*,
        greatest(raw_variance - weekday_variance, 0) as variance,
        coalesce(raw_covariance, 0) - weekday_covariance as covariance
    from explained
)

select
    kpi_id,
    cast(history_count as int) as history_count,
    cast(count_to_date as int) as count_to_date,
    cast(weekday as int) as weekday,
    sum_to_date,
    level,
    variance,
    case
        when variance > 0 then least(greatest(covariance / variance, 0), {{ greatest_autocorrelation() }})
        else 0
    end as autocorrelation,
    value - level - {{ weekday_trust() }} * (
        case weekday
            {% for day in weekdays -%}
            when {{ day }} then effect_{{ day }}
            {% endfor -%}
        end
    ) as deviation,
    {% for day in weekdays -%}
    {{ weekday_trust() }} * effect_{{ day }} as effect_{{ day }},
    {% endfor -%}
    period_start_on,
    next_period_start_on
from adjusted
