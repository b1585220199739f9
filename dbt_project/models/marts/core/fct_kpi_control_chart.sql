{%- set order -%} partition by kpi_id, rebased_on order by period_start_on {%- endset -%}
{%- set longest = run_length() | int -%}

with compared as (
    select
        points.kpi_id,
        points.rebased_on,
        points.value,
        points.change,
        points.period_start_on,
        points.period_end_on,
        limits.segment_number,
        limits.point_count,
        limits.centre,
        limits.average_moving_range,
        limits.limit_distance,
        limits.tolerance,
        limits.has_trial_limits,
        limits.starts_on,
        limits.is_newest and points.period_start_on = limits.ends_on as is_latest,
        {{ side_of("points.value - limits.centre", "limits.tolerance") }} as side,
        {{ side_of("points.change", "limits.tolerance") }} as step,
        -- A value exactly on a limit is inside it.
        abs(points.value - limits.centre) > limits.limit_distance + limits.tolerance as is_outside_limits,
        abs(points.value - limits.centre) > 2 * limits.limit_distance / 3 + limits.tolerance
        and abs(points.value - limits.centre) <= limits.limit_distance + limits.tolerance as is_near_limits
    from {{ ref("int_kpi__points") }} as points
    inner join {{ ref("int_kpi__limits") }} as limits
        on points.kpi_id = limits.kpi_id and points.rebased_on = limits.rebased_on
),

-- Which points complete a pattern with those before them. A trend of n points has n - 1 steps.
completed as (
    select
        *,
        abs(sum(side) over ({{ order }} rows between {{ longest - 1 }} preceding and current row))
        = {{ longest }} as ends_shift,
        abs(sum(step) over ({{ order }} rows between {{ longest - 2 }} preceding and current row))
        = {{ longest - 1 }} as ends_trend,
        abs(sum(side) over ({{ order }} rows between 2 preceding and current row)) = 3
        and sum(case when is_near_limits then 1 else 0 end) over (
            {{ order }} rows between 2 preceding and current row
        ) >= 2 as ends_two_of_three
    from compared
),

-- A point belongs to a pattern that it, or a point soon after it, completes.
belonging as (
    select
        *,
        max(case when ends_shift then 1 else 0 end) over (
            {{ order }} rows between current row and {{ longest - 1 }} following
        ) = 1 as is_in_shift,
        max(case when ends_trend then 1 else 0 end) over (
            {{ order }} rows between current row and {{ longest - 1 }} following
        ) = 1 as is_in_trend,
        is_near_limits
        and max(case when ends_two_of_three then 1 else 0 end) over (
            {{ order }} rows between current row and 2 following
        ) = 1 as is_in_two_of_three
    from completed
),

marked as (
    select
        *,
        limit_distance is not null as has_limits,
        case
            when limit_distance is null then null
            when is_outside_limits then 'outside_limits'
            when is_in_trend then 'trend'
            when is_in_two_of_three then 'two_of_three'
            when is_in_shift then 'shift'
        end as special_cause
    from belonging
),

judged as (
    select
        marked.*,
        kpis.kpi_key,
        kpis.unit,
        case when marked.has_limits then {{ variation(
            "marked.special_cause", "kpis.direction", "marked.side", "marked.value", "marked.centre", "kpis.lower_limit",
            "kpis.upper_limit"
        ) }} end as variation,
        {{ assurance(
            "kpis.direction", "kpis.target", "kpis.lower_limit", "kpis.upper_limit",
            "(marked.centre - marked.limit_distance)", "(marked.centre + marked.limit_distance)", "marked.tolerance"
        ) }} as assurance,
        kpis.direction
    from marked
    inner join {{ ref("dim_kpi") }} as kpis on marked.kpi_id = kpis.kpi_id and kpis.is_current
)

select
    {{ row_key(["kpi_id", "period_start_on"]) }} as kpi_control_chart_key,
    kpi_id,
    kpi_key,
    unit,
    special_cause,
    variation,
    case when has_limits then assurance end as assurance,
    case
        when not has_limits then 'too_few_points'
        when variation is null and direction = 'band' then 'no_band'
        when variation is null then 'no_direction'
    end as null_reason,
    case
        when not has_limits then 'too_few_points'
        when direction is null then 'no_direction'
        when assurance is null then 'no_target'
    end as assurance_null_reason,
    value,
    abs(change) as moving_range,
    centre,
    average_moving_range,
    centre - limit_distance as lower_process_limit,
    centre + limit_distance as upper_process_limit,
    segment_number,
    point_count as segment_point_count,
    is_outside_limits,
    {% for pattern in ["is_in_trend", "is_in_two_of_three", "is_in_shift"] -%}
    case when has_limits then {{ pattern }} end as {{ pattern }},
    {% endfor -%}
    has_trial_limits,
    is_latest,
    period_start_on,
    period_end_on,
    starts_on as segment_starts_on
from judged
