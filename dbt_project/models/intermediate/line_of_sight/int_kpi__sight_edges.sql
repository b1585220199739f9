-- A driver leads to the KPI that it moves, a KPI to the key results that are linked to it and to its own constraint.
with cycles as (
    select
        cycles.cycle_id,
        cycles.starts_on,
        {{ add_days("cycles.ends_on", 1) }} as ends_before
    from {{ ref("int_cycle__versions") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
),

edges as (
    select
        drivers.driver_kpi_id as kpi_id,
        'kpi' as target_type,
        kpis.kpi_id as target_id,
        coalesce(kpis.kpi_name, kpis.kpi_id) as target_name,
        'drives' as edge_type,
        kpis.valid_from as from_on,
        kpis.valid_to as until_on
    from {{ ref("stg_lake__kpi_drivers") }} as drivers
    inner join {{ ref("int_kpi__versions") }} as kpis on drivers.record_key = kpis.record_key
    where kpis.lifecycle = 'active' and drivers.driver_kpi_id <> kpis.kpi_id
    union
    select
        links.kpi_id,
        'key_result' as target_type,
        key_results.key_result_id as target_id,
        'KR ' || coalesce(key_results.title, key_results.key_result_id) as target_name,
        links.link_type as edge_type,
        greatest(key_results.valid_from, cycles.starts_on) as from_on,
        least(key_results.valid_to, cycles.ends_before) as until_on
    from {{ ref("stg_lake__key_result_links") }} as links
    inner join {{ ref("int_key_result__versions") }} as key_results on links.record_key = key_results.record_key
    inner join cycles on key_results.cycle_id = cycles.cycle_id
    where key_results.state = 'committed'
    union
    select
        kpi_id,
        'constraint' as target_type,
        kpi_id as target_id,
        'constraint ' || coalesce(
            constraint_reason,
            coalesce('at least ' || {{ number_text("constraint_min") }}, '')
            || case when constraint_min is not null and constraint_max is not null then ', ' else '' end
            || coalesce('at most ' || {{ number_text("constraint_max") }}, '')
        ) as target_name,
        'keeps' as edge_type,
        valid_from as from_on,
        valid_to as until_on
    from {{ ref("int_kpi__versions") }}
    where lifecycle = 'active' and (constraint_min is not null or constraint_max is not null)
)

select
    kpi_id,
    target_type,
    target_id,
    target_name,
    edge_type,
    case edge_type
        when 'measures' then 1 when 'drives' then 2 when 'guardrail' then 3 when 'impacts' then 4 else 5
    end as preference,
    from_on,
    until_on
from edges
where from_on < until_on
