{{ config(materialized=kept_as("incremental"), on_schema_change="fail") }}

{#- Of several reasons, the first of these is the key result's. -#}
{%- set reasons = [
    "unknown_kpi", "no_target", "no_baseline", "no_limit", "degenerate_range", "no_data", "stale", "no_due_period",
    "not_measured_by_this_link", "unknown_status_rule",
] -%}

{%- do depends_on("int_key_result__news", "int_key_result__inputs") -%}
with main_links as (
    select
        key_result_interval_key,
        max(case when is_main then kpi_id end) as main_kpi_id,
        max(case when is_main then link_type end) as main_kpi_link_type,
        count(*) as kpi_count,
        count(case when link_type = 'measures' then 1 end) as measures_at_most
    from {{ ref("int_key_result__links") }}
    group by key_result_interval_key
),

measures as (
    select
        links.*,
        coalesce(main_links.measures_at_most, 3) as measures_at_most
    from {{ ref("fct_key_result_kpi") }} as links
    inner join {{ ref("int_key_result__days") }} as days
        on links.key_result_id = days.key_result_id and links.as_of = days.day
    left join main_links on days.key_result_interval_key = main_links.key_result_interval_key
    where links.link_type = 'measures'
),

links as (
    select
        as_of,
        key_result_id,
        -- A key result with one unknown part is unknown, never the mean of the rest.
        case
            when count(progress_raw) = count(*)
                then {{ sum_of_few_in_order("contribution", "kpi_id", "measures_at_most") }}
        end as progress_raw,
        case
            when count(attainment_vs_locked) = count(*)
                then {{ sum_of_few_in_order(
                    "weight_share * attainment_vs_locked", "kpi_id", "measures_at_most"
                ) }}
        end as attainment_vs_locked,
        case when count(*) = 1 then max(measured_value) end as measured_value,
        count(*) as measures_count,
        -- Of several links the forecast is that of their weighted sum, as if what moves them were independent.
        case
            when count(forecast_value) = count(*)
                then {{ sum_of_few_in_order(
                    "weight_share * (forecast_value - baseline) / (target - baseline)", "kpi_id", "measures_at_most"
                ) }}
        end as forecast_progress,
        {{ sum_of_few_in_order(
            "power(weight_share * (forecast_high - forecast_low) / (target - baseline), 2)", "kpi_id", "measures_at_most"
        ) }} / power(2 * {{ interval_factor() }}, 2) as forecast_variance,
        case when count(*) = 1 then max(forecast_value) end as forecast_value,
        max(forecast_null_reason) as forecast_null_reason,
        max(data_age_days) as data_age_days,
        max(case when is_weight_assumed then 1 else 0 end) as is_weight_assumed,
        case
            {% for reason in reasons -%}
            when count(case when null_reason = '{{ reason }}' then 1 end) > 0 then '{{ reason }}'
            {% endfor -%}
        end as null_reason
    from measures
    group by as_of, key_result_id
),

milestones as (
    select
        days.key_result_id,
        days.day,
        {{ sum_in_order("coalesce(milestones.weight, 0)", "milestones.position") }} as weight,
        {{ sum_in_order(
            "case when milestones.completed_on <= days.day then coalesce(milestones.weight, 0) else 0 end",
            "milestones.position"
        ) }} as weight_done,
        count(*) as milestone_count,
        count(case when milestones.completed_on <= days.day then 1 end) as milestones_done
    from {{ ref("int_key_result__days") }} as days
    inner join {{ ref("int_key_result__intervals") }} as intervals
        on days.key_result_interval_key = intervals.key_result_interval_key
    inner join {{ ref("int_key_result__milestones") }} as milestones
        on intervals.record_key = milestones.record_key
    where intervals.direction = 'milestone'
    group by days.key_result_id, days.day
),

rolled_up as (
    select
        days.day as as_of,
        days.key_result_id,
        intervals.key_result_key,
        intervals.cycle_id,
        intervals.objective_id,
        intervals.champion_id,
        intervals.org_unit_id,
        intervals.direction,
        intervals.due_on,
        intervals.status_rule_id,
        intervals.status_rule_version,
        intervals.status_family,
        intervals.on_track_limit,
        intervals.at_risk_limit,
        main_links.main_kpi_id,
        main_links.main_kpi_link_type,
        coalesce(main_links.kpi_count, 0) as kpi_count,
        coalesce(links.measures_count, 0) as measures_count,
        case when intervals.direction <> 'milestone' then links.measured_value end as measured_value,
        case
            when intervals.direction <> 'milestone' then links.progress_raw
            when milestones.weight > 0 then milestones.weight_done / milestones.weight
            else cast(milestones.milestones_done as double) / nullif(milestones.milestone_count, 0)
        end as progress_raw,
        case
            when intervals.direction <> 'milestone' then links.attainment_vs_locked
            when milestones.weight > 0 then milestones.weight_done / milestones.weight
            else cast(milestones.milestones_done as double) / nullif(milestones.milestone_count, 0)
        end as attainment_vs_locked,
        case
            when intervals.direction = 'milestone' and milestones.milestone_count is null then 'no_milestones'
            when intervals.direction <> 'milestone' and links.measures_count is null then 'no_kpi'
            when intervals.direction <> 'milestone' then links.null_reason
        end as progress_null_reason,
        links.forecast_progress,
        links.forecast_value,
        case
            when links.forecast_progress is null then null
            when links.forecast_variance > 0
                then {{ normal_cdf("((links.forecast_progress - 1) / sqrt(links.forecast_variance))") }}
            when round(links.forecast_progress, 9) >= 1 then cast(1 as double)
            else cast(0 as double)
        end as probability_of_target,
        case
            when intervals.direction = 'milestone' then 'not_forecast'
            when links.measures_count is null then 'no_kpi'
            else links.forecast_null_reason
        end as forecast_null_reason,
        reported.reported_status,
        reported.reported_by_id,
        reported.confidence as reported_confidence,
        reported.reported_progress,
        reported.check_in_age_days,
        reported.reported_on,
        days.expected_progress,
        links.data_age_days,
        coalesce(links.is_weight_assumed, 0) = 1
        or coalesce(intervals.direction = 'milestone' and not milestones.weight > 0, false) as is_weight_assumed,
        days.is_latest
    from {{ ref("int_key_result__days") }} as days
    inner join {{ ref("int_key_result__intervals") }} as intervals
        on days.key_result_interval_key = intervals.key_result_interval_key
    left join links on days.key_result_id = links.key_result_id and days.day = links.as_of
    left join main_links on days.key_result_interval_key = main_links.key_result_interval_key
    left join milestones on days.key_result_id = milestones.key_result_id and days.day = milestones.day
    left join {{ ref("int_key_result__reported") }} as reported
        on days.key_result_id = reported.key_result_id and days.day = reported.day
),

assessed as (
    select
        *,
        {{ status(
            "direction", "progress_raw", "expected_progress", "as_of >= due_on", "status_family", "on_track_limit",
            "at_risk_limit", "probability_of_target"
        ) }} as status
    from rolled_up
)

select
    {{ row_key(["as_of", "key_result_id"]) }} as key_result_day_key,
    as_of,
    key_result_id,
    key_result_key,
    cycle_id,
    objective_id,
    champion_id,
    org_unit_id,
    main_kpi_id,
    main_kpi_link_type,
    status,
    reported_status,
    reported_by_id,
    status_rule_id,
    {{ status_null_reason(
        "progress_null_reason", "direction", "progress_raw", "as_of >= due_on", "status_family", "probability_of_target"
    ) }} as null_reason,
    forecast_null_reason,
    measured_value,
    progress_raw,
    {{ clamped("progress_raw") }} as progress,
    expected_progress,
    attainment_vs_locked,
    progress_raw as attainment_vs_current,
    {{ attainment_drift("progress_raw", "attainment_vs_locked") }} as attainment_drift,
    forecast_value,
    forecast_progress,
    probability_of_target,
    {{ status_divergence("reported_status", "status") }} as divergence,
    reported_progress,
    reported_confidence,
    check_in_age_days,
    cast(kpi_count as int) as kpi_count,
    cast(measures_count as int) as measures_count,
    data_age_days,
    status_rule_version,
    is_weight_assumed,
    is_latest,
    reported_on
from assessed
