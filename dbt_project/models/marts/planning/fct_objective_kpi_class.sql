{%- set classes = ["health", "efficiency", "risk"] -%}

with objectives as (
    select distinct
        objective_id,
        cycle_id,
        org_unit_id
    from {{ ref("int_plan__key_results") }}
),

linked as (
    select distinct
        key_results.objective_id,
        links.kpi_id,
        links.kpi_category
    from {{ ref("int_plan__key_results") }} as key_results
    inner join {{ ref("int_plan__links") }} as links on key_results.key_result_id = links.key_result_id
    where links.is_kpi_known
),

counted as (
    select
        objective_id,
        count(*) as kpi_count,
        {% for class in classes -%}
        count(case when kpi_category = '{{ class }}' then 1 end) as {{ class }}_count,
        {% endfor -%}
        count(case when kpi_category = 'outcome' then 1 end) as outcome_count
    from linked
    group by objective_id
)

select
    objectives.objective_id as objective_kpi_class_key,
    objectives.objective_id,
    objectives.cycle_id,
    objectives.org_unit_id,
    nullif(
        trim(
            case when coalesce(counted.health_count, 0) = 0 then 'health ' else '' end
            || case when coalesce(counted.efficiency_count, 0) = 0 then 'efficiency ' else '' end
            || case when coalesce(counted.risk_count, 0) = 0 then 'risk' else '' end
        ),
        ''
    ) as missing_classes,
    cast(coalesce(counted.kpi_count, 0) as int) as kpi_count,
    {% for class in classes + ["outcome"] -%}
    cast(coalesce(counted.{{ class }}_count, 0) as int) as {{ class }}_count,
    {% endfor -%}
    {% for class in classes -%}
    coalesce(counted.{{ class }}_count, 0) > 0{{ " and " if not loop.last }}
    {% endfor %} as is_covered
from objectives
left join counted on objectives.objective_id = counted.objective_id
