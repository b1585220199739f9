with audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

placed as (
    select
        facts.*,
        cycles.cycle_id,
        cycles.cycle_name,
        row_number() over (
            partition by facts.org_unit_id, cycles.cycle_id
            order by facts.as_of desc
        ) as newness
    from {{ ref("fct_watermelon") }} as facts
    inner join {{ ref("dim_cycle") }} as cycles on facts.as_of >= cycles.starts_on and facts.as_of <= cycles.ends_on
),

rates as (
    select
        org_unit_id,
        cycle_id,
        count(*) as day_count,
        count(is_watermelon) as assessed_day_count,
        count(case when is_local_green and is_enterprise_red is not null then 1 end) as local_green_day_count,
        count(case when is_watermelon then 1 end) as watermelon_day_count
    from placed
    group by org_unit_id, cycle_id
),

withheld_kpis as (
    select
        kpis.org_unit_id,
        {{ joined_texts("kpis.kpi_id", "', '") }} as kpi_ids
    from {{ ref("int_kpi__withheld") }} as withheld
    inner join {{ ref("dim_kpi") }} as kpis on withheld.kpi_id = kpis.kpi_id and kpis.is_current
    group by kpis.org_unit_id
),

withheld_objectives as (
    select
        org_unit_id,
        cycle_id,
        {{ joined_texts("objective_id", "', '") }} as objective_ids
    from {{ ref("rpt_objective_scorecard") }}
    where is_part_withheld
    group by org_unit_id, cycle_id
),

explained as (
    select
        placed.*,
        rates.day_count,
        rates.assessed_day_count,
        rates.local_green_day_count,
        rates.watermelon_day_count,
        case
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else {{ joined_reasons(
                "'KPIs withheld: ' || withheld_kpis.kpi_ids",
                "'enterprise objectives withheld in part: ' || withheld_objectives.objective_ids"
            ) }}
        end as withheld_reason
    from placed
    cross join audits
    inner join rates on placed.org_unit_id = rates.org_unit_id and placed.cycle_id = rates.cycle_id
    left join withheld_kpis on placed.org_unit_id = withheld_kpis.org_unit_id
    left join withheld_objectives
        on placed.enterprise_id = withheld_objectives.org_unit_id and placed.cycle_id = withheld_objectives.cycle_id
    where placed.newness = 1
)

select
    {{ row_key(["explained.org_unit_id", "explained.cycle_id"]) }} as org_unit_cycle_key,
    explained.org_unit_id,
    explained.cycle_id,
    coalesce(units.org_unit_name, explained.org_unit_id) as org_unit_name,
    explained.cycle_name,
    explained.enterprise_id,
    {% for text in ["enterprise_status", "null_reason"] -%}
    case when explained.withheld_reason is null then explained.{{ text }} end as {{ text }},
    {% endfor -%}
    explained.withheld_reason,
    {% for figure in [
        "kpi_count", "green_kpi_count", "not_assessable_kpi_count", "day_count", "assessed_day_count",
        "local_green_day_count", "watermelon_day_count",
    ] -%}
    case when explained.withheld_reason is null then cast(explained.{{ figure }} as int) end as {{ figure }},
    {% endfor -%}
    case
        when explained.withheld_reason is null
            then cast(explained.watermelon_day_count as double) / nullif(explained.local_green_day_count, 0)
    end as watermelon_share,
    {% for flag in ["is_local_green", "is_enterprise_red", "is_watermelon"] -%}
    case when explained.withheld_reason is null then explained.{{ flag }} end as {{ flag }},
    {% endfor -%}
    explained.withheld_reason is not null as is_withheld,
    explained.as_of
from explained
left join {{ ref("dim_org_unit") }} as units on explained.org_unit_id = units.org_unit_id and units.is_current
