{{ config(materialized=kept_as("incremental"), on_schema_change="fail") }}

{%- do depends_on("int_key_result__news") -%}
with steps as (
    select
        steps.*,
        days.day
    from {{ ref("int_key_result_kpi__steps") }} as steps
    {{ days_from_until("steps.first_day", "steps.end_day") }}
),

placed as (
    select
        steps.day as as_of,
        links.key_result_id,
        links.kpi_id,
        links.link_type,
        intervals.key_result_key,
        links.kpi_key,
        intervals.cycle_id,
        intervals.objective_id,
        intervals.champion_id,
        links.kpi_owner_id,
        intervals.org_unit_id as key_result_org_unit_id,
        links.kpi_org_unit_id,
        steps.kpi_observation_key,
        links.unit,
        links.is_kpi_known,
        intervals.direction,
        intervals.locked_direction,
        intervals.baseline,
        intervals.target,
        intervals.locked_baseline,
        intervals.locked_target,
        intervals.status_rule_id,
        intervals.status_rule_version,
        intervals.status_family,
        intervals.on_track_limit,
        intervals.at_risk_limit,
        intervals.due_on,
        links.guardrail_min,
        links.guardrail_max,
        links.weight_share,
        links.is_weight_assumed,
        steps.kpi_value,
        steps.measured_value,
        steps.periods_met,
        steps.periods_met_locked,
        days.expected_progress,
        days.is_latest,
        forecasts.forecast_value,
        forecasts.forecast_low,
        forecasts.forecast_high,
        forecasts.probability_of_target,
        forecasts.forecast_null_reason,
        steps.period_start_on as kpi_period_start_on,
        steps.vintage_at as kpi_vintage_at,
        {{ days_between("steps.period_end_on", "steps.day") }} as data_age_days,
        case
            when links.calendar = 'working_days' and newest_days.next_working_day_on is not null
                then {{ add_days(
                    "newest_days.next_working_day_on", "ceil(coalesce(links.agreed_offset_days, 0))"
                ) }} <= steps.day
            else {{ is_stale("links.grain", "steps.period_end_on", "links.agreed_offset_days", "steps.day") }}
        end as is_stale,
        case
            when links.link_type = 'measures' and intervals.direction in ('stay_above', 'stay_below', 'stay_within')
                then case
                    when links.calendar = 'working_days'
                        then {{ working_days_due("due_days", "newest_days", "start_days") }}
                    else {{ periods_due(
                        "links.grain", "intervals.starts_on", "steps.day", "links.agreed_offset_days",
                        "steps.period_start_on"
                    ) }}
                end
        end as periods_due,
        {{ definition_null_reason(
            "intervals.direction", "intervals.baseline", "intervals.target", "intervals.lower_limit",
            "intervals.upper_limit"
        ) }} as definition_null_reason
    from steps
    inner join {{ ref("int_key_result_kpi__intervals") }} as links
        on steps.key_result_kpi_interval_key = links.key_result_kpi_interval_key
    inner join {{ ref("int_key_result__intervals") }} as intervals
        on links.key_result_interval_key = intervals.key_result_interval_key
    inner join {{ ref("int_key_result__days") }} as days
        on links.key_result_id = days.key_result_id and steps.day = days.day
    {% for calendar, day in [
        ("due_days", add_days("steps.day", "-1 * ceil(coalesce(links.agreed_offset_days, 0))")),
        ("newest_days", "steps.period_start_on"),
        ("start_days", "intervals.starts_on"),
    ] -%}
    left join {{ ref("dim_date") }} as {{ calendar }}
        on links.calendar = 'working_days' and {{ calendar }}.date_on = {{ day }}
    {% endfor -%}
    left join {{ ref("int_key_result_kpi__forecasts") }} as forecasts
        on
            steps.key_result_kpi_interval_key = forecasts.key_result_kpi_interval_key
            and steps.day >= forecasts.first_day
            and steps.day < forecasts.end_day
),

judged as (
    select
        *,
        case
            when link_type not in ('measures', 'guardrail') then 'not_measured_by_this_link'
            when not is_kpi_known then 'unknown_kpi'
            when link_type = 'guardrail' and guardrail_min is null and guardrail_max is null then 'no_limit'
            when link_type = 'measures' and direction = 'milestone' then 'not_measured_by_this_link'
            when link_type = 'measures' and definition_null_reason is not null then definition_null_reason
            when kpi_value is null then 'no_data'
            when is_stale then 'stale'
            when link_type = 'guardrail' then 'not_measured_by_this_link'
            when measured_value is null then 'no_data'
            when periods_due = 0 then 'no_due_period'
        end as progress_null_reason
    from placed
),

measured as (
    select
        *,
        case when progress_null_reason is null then {{ progress_raw(
            "direction", "measured_value", "baseline", "target", "periods_met", "periods_due"
        ) }} end as progress_raw,
        case when progress_null_reason is null then {{ progress_raw(
            "locked_direction", "measured_value", "locked_baseline", "locked_target", "periods_met_locked", "periods_due"
        ) }} end as attainment_vs_locked
    from judged
),

assessed as (
    select
        *,
        {{ clamped("progress_raw") }} as progress,
        case
            when link_type = 'guardrail' and progress_null_reason = 'not_measured_by_this_link'
                then {{ guardrail_status("kpi_value", "guardrail_min", "guardrail_max") }}
            else {{ status(
                "direction", "progress_raw", "expected_progress", "as_of >= due_on", "status_family", "on_track_limit",
                "at_risk_limit", "probability_of_target"
            ) }}
        end as status
    from measured
)

select
    {{ row_key(["as_of", "key_result_id", "kpi_id", "link_type"]) }} as key_result_kpi_day_key,
    as_of,
    key_result_id,
    kpi_id,
    link_type,
    key_result_key,
    kpi_key,
    cycle_id,
    objective_id,
    champion_id,
    kpi_owner_id,
    key_result_org_unit_id,
    kpi_org_unit_id,
    kpi_observation_key,
    unit,
    status,
    case when link_type = 'measures' then status_rule_id end as status_rule_id,
    {{ status_null_reason(
        "progress_null_reason", "direction", "progress_raw", "as_of >= due_on", "status_family", "probability_of_target"
    ) }} as null_reason,
    case
        when link_type <> 'measures' then 'not_forecast'
        else coalesce(progress_null_reason, forecast_null_reason)
    end as forecast_null_reason,
    kpi_value,
    measured_value,
    case when link_type = 'measures' then baseline end as baseline,
    case when link_type = 'measures' then target end as target,
    weight_share,
    weight_share * progress_raw as contribution,
    progress_raw,
    progress,
    case when link_type = 'measures' then expected_progress end as expected_progress,
    attainment_vs_locked,
    progress_raw as attainment_vs_current,
    {{ attainment_drift("progress_raw", "attainment_vs_locked") }} as attainment_drift,
    {% for figure in ["forecast_value", "forecast_low", "forecast_high", "probability_of_target"] -%}
    case when progress_null_reason is null then {{ figure }} end as {{ figure }},
    {% endfor -%}
    data_age_days,
    cast(periods_due as int) as periods_due,
    case when periods_due is not null then cast(periods_met as int) end as periods_met,
    case when link_type = 'measures' then status_rule_version end as status_rule_version,
    is_weight_assumed,
    is_latest,
    kpi_period_start_on,
    kpi_vintage_at
from assessed
