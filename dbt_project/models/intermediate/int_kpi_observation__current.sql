-- Only what key results can use: observations of linked KPIs. Everything else would be carried for nothing.
with linked as (
    select distinct kpi_id from {{ ref("int_key_result__links") }}
)

select
    observations.kpi_observation_key,
    observations.kpi_id,
    observations.value,
    observations.period_start_on,
    observations.period_end_on,
    observations.vintage_at,
    lead(observations.period_end_on, 1, cast('9999-12-31' as date)) over (
        partition by observations.kpi_id order by observations.period_start_on
    ) as next_period_end_on
from {{ ref("int_kpi_observation__vintages") }} as observations
inner join linked on observations.kpi_id = linked.kpi_id
-- A period whose newest vintage is a tombstone has no value, as if it had never been sent.
where observations.is_current and observations.value is not null
