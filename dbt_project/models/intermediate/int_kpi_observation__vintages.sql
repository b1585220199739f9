{{ config(materialized="view") }}

-- A view: fct_kpi_observation stores all of it, int_kpi_observation__current the part that key results use.
with known as (
    select
        observations.*,
        -- A vintage that was loaded again, to repair its file, is the newer load's row.
        row_number() over (
            partition by observations.kpi_id, observations.period_start_on, observations.vintage_at
            order by observations.loaded_at desc, observations.load_id desc, observations.source_row desc
        ) as load_newness
    from {{ ref("stg_lake__observations") }} as observations
    where observations.vintage_at <= (select run.known_at from {{ ref("int_run__context") }} as run)
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
    lag(known.value) over (
        partition by known.kpi_id, known.period_start_on order by known.vintage_at
    ) as restates_value,
    known.source_row,
    row_number() over (
        partition by known.kpi_id, known.period_start_on order by known.vintage_at desc
    ) = 1 as is_current,
    known.period_start_on,
    {{ period_end("grains.grain", "known.period_start_on") }} as period_end_on,
    known.vintage_at,
    known.available_at,
    known.loaded_at
from known
left join grains on known.kpi_id = grains.kpi_id
where known.load_newness = 1
