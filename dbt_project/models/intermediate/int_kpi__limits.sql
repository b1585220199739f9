with units as (
    select
        kpi_id,
        rebased_on,
        {{ sum_unit("value") }} as value_unit,
        {{ sum_unit("change") }} as change_unit
    from {{ ref("int_kpi__points") }}
    group by kpi_id, rebased_on
),

averages as (
    select
        points.kpi_id,
        points.rebased_on,
        count(*) as point_count,
        {{ exact_sum("points.value", "units.value_unit") }} / count(*) as centre,
        {{ exact_sum("abs(points.change)", "units.change_unit") }} / nullif(count(points.change), 0)
            as average_moving_range,
        max(units.change_unit) as change_unit,
        min(points.period_start_on) as starts_on,
        max(points.period_start_on) as ends_on
    from {{ ref("int_kpi__points") }} as points
    inner join units on points.kpi_id = units.kpi_id and points.rebased_on = units.rebased_on
    group by points.kpi_id, points.rebased_on
),

screening as (
    select
        *,
        {{ chart_tolerance("centre", "average_moving_range") }} as tolerance
    from averages
),

ranges as (
    select
        points.kpi_id,
        points.rebased_on,
        abs(points.change) as moving_range,
        screening.change_unit,
        {{ is_range_kept(
            "abs(points.change)", "screening.average_moving_range", "screening.tolerance"
        ) }} as is_kept
    from {{ ref("int_kpi__points") }} as points
    inner join screening on points.kpi_id = screening.kpi_id and points.rebased_on = screening.rebased_on
),

screened as (
    select
        kpi_id,
        rebased_on,
        {{ exact_sum("case when is_kept then moving_range end", "change_unit") }}
        / nullif(count(case when is_kept then moving_range end), 0) as average_moving_range
    from ranges
    group by kpi_id, rebased_on
),

segments as (
    select
        screening.kpi_id,
        screening.rebased_on,
        screening.point_count,
        screening.centre,
        screened.average_moving_range,
        screening.starts_on,
        screening.ends_on,
        row_number() over (partition by screening.kpi_id order by screening.starts_on) as segment_number,
        row_number() over (partition by screening.kpi_id order by screening.starts_on desc) = 1 as is_newest,
        screening.point_count >= {{ fewest_points() }} as has_limits
    from screening
    inner join screened on screening.kpi_id = screened.kpi_id and screening.rebased_on = screened.rebased_on
)

select
    kpi_id,
    rebased_on,
    cast(segment_number as int) as segment_number,
    cast(point_count as int) as point_count,
    centre,
    average_moving_range,
    case when has_limits then {{ limit_factor() }} * average_moving_range end as limit_distance,
    {{ chart_tolerance("centre", "average_moving_range") }} as tolerance,
    case when has_limits then point_count < {{ fewest_firm_points() }} end as has_trial_limits,
    is_newest,
    starts_on,
    ends_on
from segments
