select
    {{ row_key([
        "links.key_result_id", "links.kpi_id", "links.link_type",
        "greatest(intervals.first_day, coalesce(timeline.from_on, intervals.first_day))",
    ]) }} as key_result_kpi_interval_key,
    links.key_result_interval_key,
    links.key_result_id,
    links.kpi_id,
    links.link_type,
    coalesce(timeline.kpi_key, '(unknown)') as kpi_key,
    timeline.kpi_key is not null as is_kpi_known,
    coalesce(timeline.unit, intervals.unit) as unit,
    coalesce(timeline.grain, 'day') as grain,
    coalesce(timeline.calendar, 'every_day') as calendar,
    coalesce(timeline.agreed_offset_days, 0) as agreed_offset_days,
    coalesce(timeline.owner_id, '(unowned)') as kpi_owner_id,
    coalesce(timeline.org_unit_id, '(unknown)') as kpi_org_unit_id,
    links.guardrail_min,
    links.guardrail_max,
    links.weight_share,
    links.is_weight_assumed,
    intervals.direction,
    intervals.measured_as,
    intervals.trailing_periods,
    intervals.target,
    intervals.lower_limit,
    intervals.upper_limit,
    intervals.locked_direction,
    intervals.locked_target,
    intervals.locked_lower_limit,
    intervals.locked_upper_limit,
    intervals.starts_on,
    greatest(intervals.first_day, coalesce(timeline.from_on, intervals.first_day)) as first_day,
    least(intervals.end_day, coalesce(timeline.until_on, intervals.end_day)) as end_day
from {{ ref("int_key_result__links") }} as links
inner join {{ ref("int_key_result__intervals") }} as intervals
    on links.key_result_interval_key = intervals.key_result_interval_key
left join {{ ref("int_kpi__timeline") }} as timeline
    on
        links.kpi_id = timeline.kpi_id
        and intervals.first_day < timeline.until_on
        and intervals.end_day > timeline.from_on
