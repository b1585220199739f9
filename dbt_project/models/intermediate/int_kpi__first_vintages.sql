-- What was owed before the first delivery is history that came with it, and not late.
with offsets as (
    select
        kpis.kpi_id,
        cast(ceil(coalesce(kpis.agreed_offset_days, 0)) as integer) as agreed_offset_days
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
),

first_vintages as (
    select
        kpi_id,
        min(vintage_at) as first_vintage_at
    from {{ ref("fct_kpi_observation") }}
    group by kpi_id
)

select
    first_vintages.kpi_id,
    coalesce(offsets.agreed_offset_days, 0) as agreed_offset_days,
    {{ add_days("cast(first_vintages.first_vintage_at as date)", "-1 * coalesce(offsets.agreed_offset_days, 0)") }}
        as owed_from,
    first_vintages.first_vintage_at
from first_vintages
left join offsets on first_vintages.kpi_id = offsets.kpi_id
