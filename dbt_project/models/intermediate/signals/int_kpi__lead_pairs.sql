{{ config(materialized=kept_as("ephemeral")) }}

-- Who is claimed to lead whom: a driver its KPI, the KPI of a `drives` link the one that measures the key result best.
with measured as (
    select
        record_key,
        kpi_id,
        row_number() over (partition by record_key order by coalesce(weight, 0) desc, position asc) as place
    from {{ ref("stg_lake__key_result_links") }}
    where link_type = 'measures'
)

select
    drivers.driver_kpi_id as leading_kpi_id,
    kpis.kpi_id
from {{ ref("stg_lake__kpi_drivers") }} as drivers
inner join {{ ref("int_kpi__versions") }} as kpis on drivers.record_key = kpis.record_key
inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
where drivers.driver_kpi_id <> kpis.kpi_id
union
select
    links.kpi_id as leading_kpi_id,
    measured.kpi_id
from {{ ref("stg_lake__key_result_links") }} as links
inner join {{ ref("int_key_result__versions") }} as key_results on links.record_key = key_results.record_key
inner join {{ ref("int_run__context") }} as run
    on key_results.valid_from <= run.as_of and key_results.valid_to > run.as_of
inner join measured on links.record_key = measured.record_key and measured.place = 1
where links.link_type = 'drives' and links.kpi_id <> measured.kpi_id
