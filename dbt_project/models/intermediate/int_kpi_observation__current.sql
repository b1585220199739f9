-- Only what the due days of key results can use; all else would be carried for nothing. Besides the periods of
-- the links' own time that is the one which stands when it starts, and before that one as many as a trailing mean or a
-- forecast takes.
with needed as (
    select
        kpi_id,
        min(first_day) as first_day,
        min(starts_on) as starts_on,
        max(
            case
                when link_type <> 'measures' then 0
                when measured_as = 'trailing_mean'
                    then greatest(coalesce(trailing_periods, 0), {{ forecast_window() }} + 1)
                else {{ forecast_window() }} + 1
            end
            * case grain when 'day' then 1 when 'week' then 7 when 'month' then 31 else 92 end
        ) as reach_days
    from {{ ref("int_key_result_kpi__intervals") }}
    group by kpi_id
),

-- A period whose newest vintage is a tombstone has no value, as if it had never been sent.
standing as (
    select
        observations.kpi_id,
        max(observations.period_start_on) as period_start_on
    from {{ ref("fct_kpi_observation") }} as observations
    inner join needed on observations.kpi_id = needed.kpi_id
    where observations.is_current and observations.value is not null and observations.period_end_on <= needed.first_day
    group by observations.kpi_id
),

bounds as (
    select
        needed.kpi_id,
        -- Without a period that stands, there is none before first_day to leave out.
        case
            when standing.period_start_on is null then cast('0001-01-01' as date)
            else {{ add_days("least(standing.period_start_on, needed.starts_on)", "-1 * needed.reach_days") }}
        end as from_on
    from needed
    left join standing on needed.kpi_id = standing.kpi_id
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
from {{ ref("fct_kpi_observation") }} as observations
inner join bounds on observations.kpi_id = bounds.kpi_id and observations.period_start_on >= bounds.from_on
where observations.is_current and observations.value is not null
