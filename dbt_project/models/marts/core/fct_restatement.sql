-- What changed after it was known, or became known too late. Vintages that repeat the value are no restatements.
with vintages as (
    select observations.*
    from {{ ref("fct_kpi_observation") }} as observations
),

judged as (
    select
        vintages.*,
        case
            when vintages.restates_vintage_at is not null and vintages.value is null
                then case when vintages.restates_value is not null then 'deleted' end
            when vintages.restates_vintage_at is not null
                then case
                    when vintages.value <> coalesce(vintages.restates_value, vintages.value + 1) then 'restated'
                end
            when
                vintages.data_latency_days > kpis.agreed_offset_days
                and vintages.period_end_on >= kpis.owed_from
                then 'late'
        end as kind
    from vintages
    inner join {{ ref("int_kpi__first_vintages") }} as kpis on vintages.kpi_id = kpis.kpi_id
),

changes as (
    select * from judged
    where kind is not null
),

-- Cycles may lie in each other, as quarters do in a year: the one that closed first was changed first.
closes as (
    select
        changes.kpi_observation_key,
        min(coalesce(cycles.closes_on, cycles.ends_on)) as closes_on
    from changes
    inner join {{ ref("dim_cycle") }} as cycles
        on changes.period_end_on >= cycles.starts_on and changes.period_end_on <= cycles.ends_on
    group by changes.kpi_observation_key
)

select
    changes.kpi_observation_key as restatement_key,
    changes.kpi_id,
    changes.kind,
    changes.unit,
    changes.source_feed,
    changes.source_file,
    changes.load_id,
    changes.restates_value as value_before,
    changes.value as value_after,
    newest.value as value_now,
    changes.data_latency_days as days_after_period,
    {{ days_between("closes.closes_on", "cast(changes.vintage_at as date)") }} as days_after_close,
    changes.source_row,
    coalesce(cast(changes.vintage_at as date) > closes.closes_on, false) as is_after_close,
    changes.period_start_on,
    changes.period_end_on,
    closes.closes_on as cycle_closes_on,
    changes.vintage_at,
    changes.restates_vintage_at,
    changes.loaded_at
from changes
left join {{ ref("fct_kpi_observation") }} as newest
    on
        changes.kpi_id = newest.kpi_id
        and changes.period_start_on = newest.period_start_on
        and newest.is_current
left join closes on changes.kpi_observation_key = closes.kpi_observation_key
