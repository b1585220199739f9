{{ config(materialized="view") }}

-- The intervals of links, cut to the days that the build of fct_key_result_kpi computes.
select
    intervals.key_result_kpi_interval_key,
    intervals.key_result_id,
    intervals.kpi_id,
    intervals.link_type,
    intervals.grain,
    intervals.calendar,
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
    {% if keeps_increments() -%}
    greatest(intervals.first_day, touched.from_day) as first_day,
    {%- else -%}
    intervals.first_day,
    {%- endif %}
    intervals.end_day
from {{ ref("int_key_result_kpi__intervals") }} as intervals
{% if keeps_increments() -%}
inner join increments.touched as touched
    on
        intervals.key_result_id = touched.key_result_id
        and touched.model = 'fct_key_result_kpi'
        and intervals.end_day > touched.from_day
{%- endif %}
