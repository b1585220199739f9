with kpis as (
    select
        org_unit_id,
        day,
        count(*) as kpi_count,
        count(case when status = 'on_track' then 1 end) as green_kpi_count,
        count(case when status = 'not_assessable' then 1 end) as not_assessable_kpi_count
    from {{ ref("int_kpi__assessments") }}
    group by org_unit_id, day
),

assessed_days as (
    select distinct
        day,
        is_latest
    from {{ ref("int_kpi__assessments") }}
),

enterprises as (
    select
        org_unit_id,
        as_of as day,
        count(*) as objective_count,
        max({{ status_severity("status") }}) as severity,
        count(case when status = 'not_assessable' then 1 end) as not_assessable_count
    from {{ ref("fct_objective_daily") }}
    group by org_unit_id, as_of
),

placed as (
    select
        assessed_days.day,
        assessed_days.is_latest,
        units.org_unit_id,
        units.org_unit_key,
        units.enterprise_id,
        coalesce(kpis.kpi_count, 0) as kpi_count,
        coalesce(kpis.green_kpi_count, 0) as green_kpi_count,
        coalesce(kpis.not_assessable_kpi_count, 0) as not_assessable_kpi_count,
        coalesce(enterprises.objective_count, 0) as enterprise_objective_count,
        enterprises.severity,
        coalesce(enterprises.not_assessable_count, 0) as not_assessable_count
    from assessed_days
    inner join {{ ref("dim_org_unit") }} as units
        on
            assessed_days.day >= units.valid_from
            and assessed_days.day < units.valid_to
            -- The enterprise cannot be green at its own expense.
            and units.org_unit_id <> units.enterprise_id
    left join kpis on units.org_unit_id = kpis.org_unit_id and assessed_days.day = kpis.day
    left join enterprises on units.enterprise_id = enterprises.org_unit_id and assessed_days.day = enterprises.day
),

judged as (
    select
        *,
        case
            when kpi_count > green_kpi_count + not_assessable_kpi_count then false
            when kpi_count > 0 and not_assessable_kpi_count = 0 then true
        end as is_local_green,
        case
            when severity = {{ status_severity("'off_track'") }} then true
            when enterprise_objective_count > 0 and not_assessable_count = 0 then false
        end as is_enterprise_red
    from placed
)

select
    {{ row_key(["day", "org_unit_id"]) }} as org_unit_day_key,
    day as as_of,
    org_unit_id,
    org_unit_key,
    enterprise_id,
    case when enterprise_objective_count > 0 then {{ status_of_severity("severity") }} end as enterprise_status,
    case
        when is_local_green = false or is_enterprise_red = false then null
        when kpi_count = 0 then 'no_kpis'
        when is_local_green is null then 'kpi_not_assessable'
        when enterprise_objective_count = 0 then 'no_enterprise_objective'
        when is_enterprise_red is null then 'enterprise_not_assessable'
    end as null_reason,
    cast(kpi_count as int) as kpi_count,
    cast(green_kpi_count as int) as green_kpi_count,
    cast(not_assessable_kpi_count as int) as not_assessable_kpi_count,
    cast(enterprise_objective_count as int) as enterprise_objective_count,
    is_local_green,
    is_enterprise_red,
    -- False as soon as one side is known not to hold; unknown, never false, as long as it hangs on an unknown one.
    is_local_green and is_enterprise_red as is_watermelon,
    is_latest
from judged
