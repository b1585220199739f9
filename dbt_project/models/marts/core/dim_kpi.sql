with users as (
    select
        links.kpi_id,
        key_results.cycle_id,
        objectives.org_unit_id
    from {{ ref("int_key_result__versions") }} as key_results
    inner join {{ ref("int_run__context") }} as run
        on key_results.valid_from <= run.as_of and key_results.valid_to > run.as_of
    inner join {{ ref("stg_lake__key_result_links") }} as links on key_results.record_key = links.record_key
    inner join {{ ref("int_objective__versions") }} as objectives
        on
            key_results.objective_id = objectives.objective_id
            and run.as_of >= objectives.valid_from
            and run.as_of < objectives.valid_to
    inner join {{ ref("int_cycle__versions") }} as cycles
        on
            key_results.cycle_id = cycles.cycle_id
            and run.as_of >= cycles.valid_from
            and run.as_of < cycles.valid_to
    where key_results.state = 'committed' and cycles.ends_on >= run.as_of
),

units_by_cycle as (
    select
        kpi_id,
        cycle_id,
        count(distinct org_unit_id) as unit_count
    from users
    group by kpi_id, cycle_id
),

shared as (
    select distinct kpi_id
    from units_by_cycle
    where unit_count > 1
)

select
    kpis.kpi_key,
    kpis.kpi_id,
    coalesce(kpis.kpi_name, kpis.kpi_id) as kpi_name,
    kpis.description,
    kpis.formula,
    kpis.unit,
    coalesce(kpis.org_unit_id, '(unknown)') as org_unit_id,
    kpis.feed_id,
    kpis.direction,
    kpis.grain,
    kpis.calendar,
    kpis.aggregation,
    kpis.category,
    kpis.indicator,
    kpis.tier,
    kpis.decision_threshold,
    kpis.decision,
    kpis.decision_forum,
    kpis.constraint_reason,
    kpis.constraint_owner_id,
    kpis.cost_currency,
    kpis.cost_volume_kpi_id,
    kpis.lifecycle,
    sights.line_of_sight,
    kpis.valid_min,
    kpis.valid_max,
    kpis.target,
    kpis.lower_limit,
    kpis.upper_limit,
    kpis.constraint_min,
    kpis.constraint_max,
    kpis.cost_amount,
    kpis.agreed_offset_days,
    shared.kpi_id is not null as is_shared,
    kpis.valid_from,
    kpis.valid_to,
    kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of as is_current,
    kpis.record_key,
    kpis.load_id,
    kpis.source_file,
    kpis.source_row
from {{ ref("int_kpi__versions") }} as kpis
cross join {{ ref("int_run__context") }} as run
left join shared on kpis.kpi_id = shared.kpi_id
left join {{ ref("fct_kpi_line_of_sight") }} as sights on kpis.kpi_key = sights.kpi_key
union all
select
    '(unknown)' as kpi_key,
    '(unknown)' as kpi_id,
    '(unknown)' as kpi_name,
    {{ nulls(["string"] * 3) }},
    '(unknown)' as org_unit_id,
    {{ nulls(["string"] * 17 + ["double"] * 9) }},
    false as is_shared,
    {{ for_ever() }},
    {{ nulls(["string", "string", "string", "bigint"]) }}
