-- What a control chart stands on: the values that stood at known_at, of periods that were over at as_of.
with kpis as (
    select
        kpis.kpi_id,
        kpis.record_key
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
    where kpis.lifecycle in ('active', 'shadow')
),

segment_starts as (
    select
        kpi_id,
        cast('0001-01-01' as date) as rebased_on
    from kpis
    union
    select
        kpis.kpi_id,
        rebases.rebased_on
    from kpis
    inner join {{ ref("stg_lake__kpi_rebases") }} as rebases on kpis.record_key = rebases.record_key
),

segments as (
    select
        kpi_id,
        rebased_on,
        lead(rebased_on, 1, cast('9999-12-31' as date)) over (
            partition by kpi_id order by rebased_on
        ) as next_rebased_on
    from segment_starts
),

-- The period that holds the day of a rebase is the first one of the new segment.
points as (
    select
        observations.kpi_id,
        segments.rebased_on,
        observations.value,
        observations.period_start_on,
        observations.period_end_on
    from {{ ref("fct_kpi_observation") }} as observations
    inner join segments
        on
            observations.kpi_id = segments.kpi_id
            and observations.period_end_on >= segments.rebased_on
            and observations.period_end_on < segments.next_rebased_on
    inner join {{ ref("int_run__context") }} as run on observations.period_end_on <= run.as_of
    where observations.is_current and observations.value is not null
)

select
    kpi_id,
    rebased_on,
    value,
    value - lag(value) over (partition by kpi_id, rebased_on order by period_start_on) as change,
    period_start_on,
    period_end_on
from points
