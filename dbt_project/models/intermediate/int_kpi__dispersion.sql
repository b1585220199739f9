{%- set window = forecast_window() | int -%}
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

numbered as (
    select
        observations.kpi_id,
        observations.value,
        observations.period_start_on,
        observations.place,
        observations.is_standing,
        observations.previous_value,
        measuring.grain,
        {{ period_number("measuring.grain", "observations.previous_period_start_on") }} as previous_number,
        {{ period_number("measuring.grain", "observations.period_start_on") }} as period_number
    from {{ ref("int_kpi_observation__current") }} as observations
    inner join measuring on observations.kpi_id = measuring.kpi_id
),

-- Only the period just before: across a gap nothing says how much was kept.
paired as (
    select
        *,
        case when previous_number = period_number - 1 then previous_value end as kept_value
    from numbered
),

-- The moments of a window are taken from a list: from a window itself they would depend, in the last digit, on what
-- else is computed with it, and a build of what is new would not come to what a build in full does.
series as (
    select
        kpi_id,
        {{ series_in_order("period_number", "place") }} as series_numbers,
        {{ series_in_order("value", "place") }} as series_values,
        {{ series_in_order("value + kept_value", "place") }} as series_sums,
        {{ series_in_order("value - kept_value", "place") }} as series_differences
    from paired
    group by kpi_id
),

newest as (
    select
        series.*,
        paired.value,
        paired.place,
        paired.grain,
        paired.period_start_on,
        paired.period_number,
        {{ series_part(
            "series.series_numbers", "greatest(paired.place - " ~ (window - 1) ~ ", 1)",
            "least(paired.place, " ~ window ~ ")"
        ) }} as newest_numbers
    from paired
    inner join series on paired.kpi_id = series.kpi_id
    where paired.is_standing
),

recent as (
    select
        *,
        {{ series_above("newest_numbers", "period_number - " ~ window) }} as recent_numbers
    from newest
),

counted as (
    select
        *,
        {{ series_length("recent_numbers") }} as history_count,
        {{ series_least("recent_numbers") }} as first_number
    from recent
),

windows as (
    select
        kpi_id,
        value,
        place,
        period_start_on,
        history_count,
        {{ weekday("period_start_on") }} as weekday,
        -- Days of which one weekday never comes, and longer periods, have no weekday effect.
        (
            grain = 'day' and history_count >= 7 and period_number - first_number + 1 = history_count
        ) as has_weekdays,
        {{ weekday(add_days("period_start_on", "1 - history_count")) }} as first_weekday,
        {{ series_part("series_values", "(place - history_count + 1)", "history_count") }} as recent_values,
        {{ series_part("series_sums", "(place - history_count + 1)", "history_count") }} as recent_sums,
        {{ series_part("series_differences", "(place - history_count + 1)", "history_count") }} as recent_differences
    from counted
),

-- The covariance of two is a quarter of the difference between the variances of their sum and of their difference.
seasonal as (
    select
        kpi_id,
        value,
        weekday,
        period_start_on,
        history_count,
        has_weekdays,
        {{ series_mean("recent_values") }} as level,
        {{ series_variance("recent_values") }} as raw_variance,
        {% for day in weekdays -%}
        {%- set first = "(1 + mod(" ~ day ~ " - first_weekday + 7, 7))" -%}
        case when has_weekdays then {{ series_mean(series_sevenths("recent_values", first)) }} end as mean_{{ day }},
        {% endfor -%}
        ({{ series_variance("recent_sums") }} - {{ series_variance("recent_differences") }}) / 4 as raw_covariance
    from windows
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
    cast(weekday as int) as weekday,
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
    period_start_on
from adjusted
