-- Looked at once a week, at the end of each Sunday, and on the as_of date: every KPI on every day would be seven times
-- the work, and say nothing more about who is green while the enterprise is red.
with bounds as (
    select
        run.as_of,
        min(cycles.starts_on) as first_on
    from {{ ref("int_run__context") }} as run
    inner join {{ ref("int_cycle__versions") }} as cycles on run.as_of >= cycles.starts_on
    group by run.as_of
),

assessed_days as (
    select
        days.day,
        days.day = bounds.as_of as is_latest
    from bounds
    {{ days_from_until("bounds.first_on", add_days("bounds.as_of", 1)) }}
    where {{ days_between("cast('0001-01-01' as date)", "days.day") }} % 7 = 6 or days.day = bounds.as_of
),

bucketed as (
    select
        observations.kpi_id,
        observations.value,
        observations.period_end_on,
        least(
            {{ add_days(
                "observations.period_end_on",
                "6 - " ~ days_between("cast('0001-01-01' as date)", "observations.period_end_on") ~ " % 7",
            ) }},
            bounds.as_of
        ) as seen_on
    from {{ ref("fct_kpi_observation") }} as observations
    inner join bounds on observations.period_end_on <= bounds.as_of
    where observations.is_current and observations.value is not null
),

newest as (
    select
        kpi_id,
        seen_on,
        max(period_end_on) as period_end_on,
        max_by(value, period_end_on) as value
    from bucketed
    group by kpi_id, seen_on
),

standing as (
    select
        *,
        lead(seen_on, 1, cast('9999-12-31' as date)) over (partition by kpi_id order by seen_on) as next_seen_on
    from newest
),

placed as (
    select
        kpis.kpi_id,
        assessed_days.day,
        kpis.kpi_key,
        kpis.org_unit_id,
        kpis.direction,
        kpis.target,
        kpis.lower_limit,
        kpis.upper_limit,
        standing.value,
        standing.period_end_on,
        assessed_days.is_latest,
        coalesce(
            {{ is_stale("kpis.grain", "standing.period_end_on", "kpis.agreed_offset_days", "assessed_days.day") }},
            false
        ) as is_stale
    from {{ ref("int_kpi__versions") }} as kpis
    inner join assessed_days on kpis.valid_from <= assessed_days.day and kpis.valid_to > assessed_days.day
    left join standing
        on
            kpis.kpi_id = standing.kpi_id
            and assessed_days.day >= standing.seen_on
            and assessed_days.day < standing.next_seen_on
    where kpis.lifecycle = 'active'
)

select
    kpi_id,
    day,
    kpi_key,
    coalesce(org_unit_id, '(unknown)') as org_unit_id,
    case
        when is_stale then 'not_assessable'
        else {{ kpi_status("direction", "value", "target", "lower_limit", "upper_limit") }}
    end as status,
    case
        when {{ kpi_null_reason("direction", "target", "lower_limit", "upper_limit") }} is not null
            then {{ kpi_null_reason("direction", "target", "lower_limit", "upper_limit") }}
        when value is null then 'no_data'
        when is_stale then 'stale'
    end as null_reason,
    value,
    is_latest,
    period_end_on
from placed
