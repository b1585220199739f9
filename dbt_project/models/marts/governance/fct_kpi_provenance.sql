{#- Share of hand-made observations that a KPI bears when neither it nor the company states a limit. -#}
{%- set default_limit = 0.2 -%}

with companies as (
    select companies.max_manual_share
    from {{ ref("int_company__versions") }} as companies
    inner join {{ ref("int_run__context") }} as run
        on companies.valid_from <= run.as_of and companies.valid_to > run.as_of
),

kpis as (
    select
        kpis.kpi_id,
        kpis.max_manual_share
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
),

cycles as (
    select
        cycles.cycle_id,
        cycles.starts_on,
        least(cycles.ends_on, run.as_of) as last_on
    from {{ ref("dim_cycle") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.starts_on <= run.as_of
),

counted as (
    select
        observations.kpi_id,
        cycles.cycle_id,
        count(*) as observation_count,
        count(case when observations.source_type = 'manual' then 1 end) as manual_count,
        count(case when observations.source_type = 'spreadsheet' then 1 end) as spreadsheet_count,
        count(case when observations.source_type is null then 1 end) as unknown_source_count
    from {{ ref("fct_kpi_observation") }} as observations
    inner join cycles
        on observations.period_end_on >= cycles.starts_on and observations.period_end_on <= cycles.last_on
    where observations.is_current and observations.value is not null
    group by observations.kpi_id, cycles.cycle_id
)

select
    {{ row_key(["counted.kpi_id", "counted.cycle_id"]) }} as kpi_cycle_key,
    counted.kpi_id,
    counted.cycle_id,
    -- What nobody knows the source of was not read from a system, as far as anybody knows.
    cast(counted.manual_count + counted.spreadsheet_count + counted.unknown_source_count as double)
    / counted.observation_count as manual_share,
    coalesce(kpis.max_manual_share, companies.max_manual_share, {{ default_limit }}) as manual_share_limit,
    cast(counted.observation_count as int) as observation_count,
    cast(counted.manual_count as int) as manual_count,
    cast(counted.spreadsheet_count as int) as spreadsheet_count,
    cast(counted.unknown_source_count as int) as unknown_source_count
from counted
left join kpis on counted.kpi_id = kpis.kpi_id
left join companies on 1 = 1
