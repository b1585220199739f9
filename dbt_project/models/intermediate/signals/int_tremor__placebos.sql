{{ config(materialized=kept_as("ephemeral")) }}

-- How far each KPI moved after every date that a placebo event can stand on, per lag that a link asks for: up from the
-- baseline (rise), and down from it (fall).
with lags as (
    select distinct
        kpi_id,
        lag_periods
    from {{ ref("int_tremor__pairs") }}
    where lag_periods > 0
)

select
    kpi_id,
    0 as lag_periods,
    period_index,
    peak_level - baseline as rise,
    baseline - trough_level as fall
from {{ ref("int_tremor__points") }}
where peak_level is not null and baseline is not null
union all
select
    dates.kpi_id,
    lags.lag_periods,
    dates.period_index,
    windows.peak_level - dates.baseline as rise,
    dates.baseline - windows.trough_level as fall
from lags
inner join {{ ref("int_tremor__points") }} as dates on lags.kpi_id = dates.kpi_id
inner join {{ ref("int_tremor__points") }} as windows
    on dates.kpi_id = windows.kpi_id and dates.period_index + lags.lag_periods = windows.period_index
where windows.peak_level is not null and dates.baseline is not null
