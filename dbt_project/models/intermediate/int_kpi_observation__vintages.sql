{{ config(materialized="view") }}

-- A tombstone (obs_status M, no value) is a vintage like any other: as the newest one it is current, and says that the
-- period has no value. Whoever wants values takes those that are current and not null.
-- A view: fct_kpi_observation stores all of it, int_kpi_observation__current the part that key results use.
with known as (
    select
        *,
        lag(value) over (
            partition by kpi_id, period_start_on order by vintage_at, loaded_at, load_id, source_row
        ) as restates_value,
        lag(vintage_at) over (
            partition by kpi_id, period_start_on order by vintage_at, loaded_at, load_id, source_row
        ) as restates_vintage_at,
        lead(vintage_at) over (
            partition by kpi_id, period_start_on order by vintage_at, loaded_at, load_id, source_row
        ) as next_vintage_at
    from {{ ref("stg_lake__observations") }}
    where vintage_at <= (select run.known_at from {{ ref("int_run__context") }} as run)
),

grains as (
    select
        kpis.kpi_id,
        kpis.grain
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
)

select
    {{ row_key(["known.kpi_id", "known.period_start_on", "known.vintage_at"]) }} as kpi_observation_key,
    known.kpi_id,
    known.unit,
    known.obs_status,
    known.source_type,
    known.source_feed,
    known.source_file,
    known.load_id,
    known.value,
    known.restates_value,
    known.source_row,
    known.next_vintage_at is null as is_current,
    known.period_start_on,
    {{ period_end("grains.grain", "known.period_start_on") }} as period_end_on,
    known.vintage_at,
    known.restates_vintage_at,
    known.available_at,
    known.loaded_at
from known
left join grains on known.kpi_id = grains.kpi_id
-- A vintage that was loaded again, to repair its file, is the newer load's row.
where known.next_vintage_at is null or known.next_vintage_at > known.vintage_at
