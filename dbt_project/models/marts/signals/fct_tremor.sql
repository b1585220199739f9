with tests as (
    select * from {{ ref("int_tremor__tests") }}
    where link_type is not null
),

moved as (
    select * from tests
    where found_index is not null
),

-- The KPI is back when a whole run keeps below half of what the tremor was.
recoveries as (
    select
        moved.tremor_key,
        min(points.period_index) as recovered_index,
        min(points.run_end_on) as recovered_on
    from moved
    inner join {{ ref("int_tremor__points") }} as points
        on moved.kpi_id = points.kpi_id and moved.found_index < points.period_index
    where
        (moved.side = 1 and points.high_run < moved.reference_level + moved.statistic / 2)
        or (moved.side = -1 and points.low_run > moved.reference_level - moved.statistic / 2)
    group by moved.tremor_key
),

-- Periods that the effect is measured over: to the day, the KPI's recovery or the end of the cycle, whatever is first;
-- of a KPI that did not move those of the window.
spans as (
    select
        tests.*,
        recoveries.recovered_on,
        case
            when tests.found_index is null then least(tests.last_index, tests.run_index)
            else least(
                coalesce(recoveries.recovered_index - 1, tests.run_index),
                tests.run_index,
                coalesce(tests.cycle_end_index, tests.run_index)
            )
        end as until_index
    from tests
    left join recoveries on tests.tremor_key = recoveries.tremor_key
),

effects as (
    select
        spans.tremor_key,
        count(*) as period_count,
        {{ sum_in_order("points.value_adjusted", "points.period_index") }} / count(*) as level,
        min(points.period_start_on) as starts_on,
        max(points.period_end_on) as ends_on,
        max(points.period_index) as newest_index
    from spans
    inner join {{ ref("int_tremor__points") }} as points
        on
            spans.kpi_id = points.kpi_id
            and spans.first_index <= points.period_index
            and spans.until_index >= points.period_index
    group by spans.tremor_key
),

releases as (
    select distinct
        kpi_id,
        key_result_id,
        first_index,
        last_index
    from tests
),

-- Another key result's release may have caused what this one is tested for, if it was out by then and is looked at.
rivals as (
    select distinct
        moved.tremor_key,
        releases.key_result_id
    from moved
    inner join releases
        on
            moved.kpi_id = releases.kpi_id
            and moved.key_result_id <> releases.key_result_id
            and moved.found_index + {{ tremor_run() }} > releases.first_index
            and moved.found_index <= releases.last_index
),

shared as (
    select
        tremor_key,
        {{ joined_texts("key_result_id", "', '") }} as shared_with
    from rivals
    group by tremor_key
),

costs as (
    select
        kpis.kpi_id,
        kpis.cost_amount,
        coalesce(kpis.cost_currency, companies.currency) as currency,
        kpis.cost_volume_kpi_id
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
    left join {{ ref("int_company__versions") }} as companies
        on run.as_of >= companies.valid_from and run.as_of < companies.valid_to
),

-- What passed since the event, and per period what passes, taken over the periods of the baseline as well.
volumes as (
    select
        spans.tremor_key,
        {{ sum_in_order(
            "case when volumes.period_start_on >= effects.starts_on then volumes.value end", "volumes.period_start_on"
        ) }} as volume,
        {{ sum_in_order("volumes.value", "volumes.period_start_on") }}
        / (effects.newest_index - spans.event_index + {{ tremor_baseline() }} + 1) as volume_per_period
    from spans
    inner join effects on spans.tremor_key = effects.tremor_key
    inner join costs on spans.kpi_id = costs.kpi_id
    inner join {{ ref("int_tremor__points") }} as first_points
        on
            spans.kpi_id = first_points.kpi_id
            and first_points.period_index = spans.event_index - {{ tremor_baseline() }}
    inner join {{ ref("int_kpi__points") }} as volumes
        on
            costs.cost_volume_kpi_id = volumes.kpi_id
            and first_points.period_start_on <= volumes.period_start_on
            and effects.ends_on >= volumes.period_end_on
    where spans.found_index is not null and spans.is_adverse
    group by spans.tremor_key, effects.newest_index, spans.event_index
),

joined as (
    select
        spans.*,
        effects.level,
        effects.period_count,
        effects.starts_on as effect_from_on,
        effects.ends_on as effect_until_on,
        shared.shared_with,
        costs.cost_amount,
        costs.currency,
        costs.cost_volume_kpi_id,
        effects.level - spans.reference_level as effect,
        spans.side * (effects.level - spans.reference_level) as adverse_effect,
        case
            when costs.cost_volume_kpi_id is null then cast(effects.period_count as double)
            else volumes.volume
        end as volume,
        case
            when costs.cost_volume_kpi_id is null then cast(1 as double)
            else volumes.volume_per_period
        end as volume_per_period,
        case
            when spans.recovered_on is not null then 0
            else greatest(spans.cycle_end_index - effects.newest_index, 0)
        end as remaining_periods
    from spans
    left join effects on spans.tremor_key = effects.tremor_key
    left join shared on spans.tremor_key = shared.tremor_key
    left join costs on spans.kpi_id = costs.kpi_id
    left join volumes on spans.tremor_key = volumes.tremor_key
),

priced as (
    select
        *,
        case
            when found_index is null then 'no_tremor'
            when not is_adverse then 'not_adverse'
            when cost_amount is null then 'uncosted'
            when volume is null then 'volume_unknown'
            when cost_volume_kpi_id is null then 'effect_x_periods'
            else 'effect_x_volume'
        end as cost_basis
    from joined
)

select
    priced.tremor_key,
    priced.key_result_event_key,
    priced.key_result_id,
    priced.kpi_id,
    priced.event_type,
    priced.link_type,
    priced.cycle_id,
    events.champion_id,
    priced.kpi_owner_id,
    events.org_unit_id as key_result_org_unit_id,
    priced.kpi_org_unit_id,
    case
        when priced.null_reason is not null then 'cannot_tell'
        when priced.found_index is null then 'none'
        when priced.shared_with is not null then 'shared'
        else 'single'
    end as attribution,
    priced.null_reason,
    priced.shared_with,
    priced.method,
    priced.unit,
    priced.cost_basis,
    priced.cost_volume_kpi_id,
    case when priced.cost_basis in ('effect_x_volume', 'effect_x_periods') then priced.currency end as currency,
    priced.reference_level as baseline_level,
    case when priced.null_reason is null or priced.null_reason = 'missing_data' then priced.level end as level_after,
    priced.effect,
    {{ effect_margin("priced.baseline_deviation", "priced.baseline_count", "priced.period_count") }} as effect_margin,
    priced.side * priced.statistic as statistic,
    priced.p_value,
    priced.minimum_effect,
    priced.cost_amount as cost_per_unit_amount,
    case when priced.cost_basis in ('effect_x_volume', 'effect_x_periods') then priced.volume end as volume_to_date,
    {% for column, volume in [
        ("cost_to_date_amount", "priced.volume"),
        ("remaining_cost_amount", "priced.volume_per_period * priced.remaining_periods"),
        ("projected_cost_amount", "(priced.volume + priced.volume_per_period * priced.remaining_periods)"),
    ] -%}
    case
        when priced.cost_basis in ('effect_x_volume', 'effect_x_periods')
            then greatest(priced.adverse_effect, 0) * {{ volume }} * priced.cost_amount
    end as {{ column }},
    {% endfor -%}
    cast(priced.lag_periods as bigint) as lag_periods,
    priced.history_count,
    cast(priced.period_count as int) as effect_period_count,
    priced.missing_count as missing_period_count,
    {{ days_between("priced.event_on", "priced.detected_on") }} as delay_days,
    priced.found_index is not null as is_tremor,
    case when priced.found_index is not null then priced.is_adverse end as is_adverse,
    case
        when priced.found_index is not null and priced.expected_sign is not null
            then priced.expected_sign = priced.side
    end as is_as_expected,
    priced.is_window_over,
    priced.event_on,
    priced.shift_starts_on,
    priced.detected_on,
    priced.effect_from_on,
    priced.effect_until_on,
    priced.recovered_on
from priced
inner join {{ ref("fct_key_result_event") }} as events on priced.key_result_event_key = events.key_result_event_key
