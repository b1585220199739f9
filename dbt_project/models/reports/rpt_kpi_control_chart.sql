{#- What a chart needs: two years, and of long periods at least the newest 24. The limits rest on the whole segment. -#}
with newest as (
    select
        kpi_id,
        period_start_on as newest_on
    from {{ ref("fct_kpi_control_chart") }}
    where is_latest
),

audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

kpis as (
    select
        kpis.*,
        run.as_of,
        coalesce(timeline.owner_id, '(unowned)') as owner_id,
        newest.newest_on,
        case
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else withheld.withheld_reason
        end as withheld_reason
    from {{ ref("dim_kpi") }} as kpis
    inner join newest on kpis.kpi_id = newest.kpi_id
    cross join {{ ref("int_run__context") }} as run
    cross join audits
    left join {{ ref("int_kpi__timeline") }} as timeline
        on kpis.kpi_id = timeline.kpi_id and run.as_of >= timeline.from_on and run.as_of < timeline.until_on
    left join {{ ref("int_kpi__withheld") }} as withheld on kpis.kpi_id = withheld.kpi_id
    where kpis.is_current
)

select
    charts.kpi_control_chart_key,
    kpis.as_of,
    charts.kpi_id,
    kpis.kpi_name,
    kpis.org_unit_id as kpi_org_unit_id,
    coalesce(units.org_unit_name, kpis.org_unit_id) as kpi_org_unit_name,
    kpis.owner_id as kpi_owner_id,
    coalesce(owners.person_name, kpis.owner_id) as kpi_owner_name,
    charts.unit,
    kpis.direction,
    kpis.grain,
    {% for text in ["special_cause", "variation", "assurance", "null_reason", "assurance_null_reason"] -%}
    case when kpis.withheld_reason is null then charts.{{ text }} end as {{ text }},
    {% endfor -%}
    kpis.withheld_reason,
    {% for figure in [
        "value", "moving_range", "centre", "average_moving_range", "lower_process_limit", "upper_process_limit",
    ] -%}
    case when kpis.withheld_reason is null then charts.{{ figure }} end as {{ figure }},
    {% endfor -%}
    {% for figure in ["target", "lower_limit", "upper_limit"] -%}
    case when kpis.withheld_reason is null then kpis.{{ figure }} end as {{ figure }},
    {% endfor -%}
    charts.segment_number,
    charts.segment_point_count,
    {% for flag in [
        "is_outside_limits", "is_in_trend", "is_in_two_of_three", "is_in_shift", "has_trial_limits",
    ] -%}
    case when kpis.withheld_reason is null then charts.{{ flag }} end as {{ flag }},
    {% endfor -%}
    charts.is_latest,
    kpis.withheld_reason is not null as is_withheld,
    charts.period_start_on,
    charts.period_end_on,
    charts.segment_starts_on
from {{ ref("fct_kpi_control_chart") }} as charts
inner join kpis on charts.kpi_id = kpis.kpi_id
left join {{ ref("dim_org_unit") }} as units on kpis.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as owners on kpis.owner_id = owners.person_id and owners.is_current
where
    charts.period_start_on > {{ add_months("kpis.newest_on", -24) }}
    or charts.period_start_on > {{ periods_before("kpis.grain", "kpis.newest_on", 24) }}
