{%- set run = tremor_run() | int -%}
{%- set window = tremor_window() | int -%}

with pairs as (
    select * from {{ ref("int_tremor__pairs") }}
),

placebos as (
    select * from {{ ref("int_tremor__placebos") }}
),

near as (
    select
        pairs.tremor_key,
        count(
            case
                when
                    points.period_index >= pairs.event_index - {{ tremor_baseline() }}
                    and points.period_index < pairs.event_index then 1
            end
        ) as baseline_count,
        {{ sum_in_order(
            "case when points.period_index >= pairs.event_index - " ~ tremor_baseline()
            ~ " and points.period_index < pairs.event_index then points.value_adjusted end", "points.period_index"
        ) }} as baseline_sum,
        {{ aggregate_in_order(
            "stddev_samp",
            "case when points.period_index >= pairs.event_index - " ~ tremor_baseline()
            ~ " and points.period_index < pairs.event_index then points.value_adjusted end",
            "points.period_index"
        ) }} as baseline_deviation,
        count(
            case
                when
                    points.period_index >= pairs.first_index
                    and points.period_index <= least(pairs.last_index, pairs.due_index) then 1
            end
        ) as present_count,
        max(
            case
                when
                    points.period_index >= pairs.first_index and points.period_index <= pairs.last_index - {{ run - 1 }}
                    then points.low_run
            end
        ) as peak_level,
        min(
            case
                when
                    points.period_index >= pairs.first_index and points.period_index <= pairs.last_index - {{ run - 1 }}
                    then points.high_run
            end
        ) as trough_level
    from pairs
    inner join {{ ref("int_tremor__points") }} as points
        on
            pairs.kpi_id = points.kpi_id
            and points.period_index >= pairs.event_index - {{ tremor_baseline() }}
            and pairs.last_index >= points.period_index
    group by pairs.tremor_key
),

seen as (
    select
        pairs.*,
        coalesce(near.present_count, 0) as present_count,
        greatest(least(pairs.last_index, pairs.due_index) - pairs.first_index + 1, 0) as due_count,
        case
            when near.baseline_count >= {{ fewest_of_baseline() }} then near.baseline_sum / near.baseline_count
        end as baseline,
        near.baseline_count,
        near.baseline_deviation,
        near.peak_level,
        near.trough_level
    from pairs
    left join near on pairs.tremor_key = near.tremor_key
),

units as (
    select
        kpi_id,
        lag_periods,
        {{ sum_unit("rise") }} as rise_unit,
        {{ sum_unit("fall") }} as fall_unit
    from placebos
    group by kpi_id, lag_periods
),

-- Of the many placebo dates, what does not depend on the order in which they are added up.
moments as (
    select
        seen.tremor_key,
        count(placebos.period_index) as placebo_count,
        count(case when placebos.rise >= seen.peak_level - seen.baseline then 1 end) as rise_count,
        count(case when placebos.fall >= seen.baseline - seen.trough_level then 1 end) as fall_count,
        {{ exact_sum("placebos.rise", "units.rise_unit") }} as rise_sum,
        {{ exact_sum_of_squares("placebos.rise", "units.rise_unit") }} as rise_sum_of_squares,
        {{ exact_sum("placebos.fall", "units.fall_unit") }} as fall_sum,
        {{ exact_sum_of_squares("placebos.fall", "units.fall_unit") }} as fall_sum_of_squares
    from seen
    inner join placebos on {{ placebos_of("seen", "placebos") }}
    inner join units on placebos.kpi_id = units.kpi_id and placebos.lag_periods = units.lag_periods
    group by seen.tremor_key
),

compared as (
    select
        *,
        rise_sum / placebo_count as rise_mean,
        {{ deviation_of_sums("rise_sum", "rise_sum_of_squares", "placebo_count") }} as rise_deviation,
        fall_sum / placebo_count as fall_mean,
        {{ deviation_of_sums("fall_sum", "fall_sum_of_squares", "placebo_count") }} as fall_deviation
    from moments
),

limits as (
    select
        seen.tremor_key,
        count(*) as period_count,
        {{ sum_in_order("points.value_adjusted", "points.period_index") }} / count(*) as centre,
        {{ aggregate_in_order("avg", "abs(points.change)", "points.period_index") }} as average_moving_range
    from seen
    inner join {{ ref("int_tremor__points") }} as points
        on seen.kpi_id = points.kpi_id and seen.event_index > points.period_index
    left join compared on seen.tremor_key = compared.tremor_key
    where coalesce(compared.placebo_count, 0) < {{ fewest_placebos() }}
    group by seen.tremor_key
),

chosen as (
    select
        seen.*,
        case
            when compared.placebo_count >= {{ fewest_placebos() }} and seen.baseline is not null then 'placebo'
            when limits.period_count >= {{ fewest_periods_of_limits() }} then 'xmr_mean_of_3'
        end as method,
        coalesce(compared.placebo_count, 0) as placebo_count,
        compared.rise_count,
        compared.rise_mean,
        compared.rise_deviation,
        compared.fall_count,
        compared.fall_mean,
        compared.fall_deviation,
        limits.period_count,
        limits.centre,
        {{ limit_factor() }} * limits.average_moving_range / sqrt(3) as limit_distance
    from seen
    left join compared on seen.tremor_key = compared.tremor_key
    left join limits on seen.tremor_key = limits.tremor_key
),

-- Each pair twice, once for each way the KPI may have moved, in figures that grow with the movement.
sides as (
    {% for side, sign, level, name in [("rise", 1, "peak_level", "rise"), ("fall", -1, "trough_level", "fall")] -%}
    select
        tremor_key,
        kpi_id,
        lag_periods,
        event_index,
        first_index,
        last_index,
        minimum_effect,
        method,
        {{ sign }} as side,
        case method when 'placebo' then baseline when 'xmr_mean_of_3' then centre end as reference_level,
        {{ sign }} * ({{ level }} - baseline) as statistic,
        {{ name }}_count as at_least_count,
        placebo_count,
        {{ name }}_mean as placebo_mean,
        {{ name }}_deviation as placebo_deviation,
        limit_distance,
        {{ level }} as level,
        case
            when direction = 'decrease' then {{ sign }} = 1
            when direction = 'increase' then {{ sign }} = -1
            -- Of a band, leaving it is adverse: further away from it than before, or, inside, any movement.
            when
                {{ distance_to_band(level, "lower_limit", "upper_limit") }}
                < {{ distance_to_band("coalesce(baseline, centre)", "lower_limit", "upper_limit") }} then false
            else true
        end as is_adverse,
        -- A band has two ends to leave by: chance has two as well.
        case when direction = 'band' then 2 else 1 end as ends
    from chosen
    {{ "union all" if not loop.last }}
    {% endfor %}
),

assessed as (
    select
        *,
        case
            when method <> 'placebo' or statistic is null then null
            when abs(statistic) <= {{ tremor_tolerance("level", "reference_level") }} then cast(1 as double)
            else least(1, ends * {{ placebo_p_value(
                "statistic", "at_least_count", "placebo_count", "placebo_mean", "placebo_deviation"
            ) }})
        end as p_value
    from sides
),

-- Only where the whole window is beyond chance, its runs are looked at one by one, to find the first one that is.
runs as (
    select
        assessed.tremor_key,
        assessed.side,
        points.period_index,
        assessed.side
        * (case when assessed.side = 1 then points.low_run else points.high_run end - assessed.reference_level)
            as statistic,
        assessed.side * (points.mean_run - assessed.reference_level) as movement,
        points.period_start_on as starts_on,
        points.run_end_on as ends_on
    from assessed
    inner join {{ ref("int_tremor__points") }} as points
        on
            assessed.kpi_id = points.kpi_id
            and assessed.first_index <= points.period_index
            and points.period_index <= assessed.last_index - {{ run - 1 }}
    where assessed.p_value <= {{ tremor_alpha() }} and points.low_run is not null
),

run_tests as (
    select
        runs.tremor_key,
        runs.side,
        runs.period_index,
        max(runs.movement) as movement,
        max(runs.starts_on) as starts_on,
        max(runs.ends_on) as ends_on,
        max(assessed.minimum_effect) as minimum_effect,
        max(assessed.ends) as ends,
        max(runs.statistic) as statistic,
        max(assessed.placebo_count) as placebo_count,
        max(assessed.placebo_mean) as placebo_mean,
        max(assessed.placebo_deviation) as placebo_deviation,
        count(case when case when runs.side = 1 then placebos.rise else placebos.fall end >= runs.statistic then 1 end)
            as at_least_count
    from runs
    inner join assessed on runs.tremor_key = assessed.tremor_key and runs.side = assessed.side
    inner join placebos on {{ placebos_of("assessed", "placebos") }}
    group by runs.tremor_key, runs.side, runs.period_index
),

threes as (
    select
        assessed.tremor_key,
        assessed.side,
        points.period_index,
        assessed.side * (points.mean_of_three - assessed.reference_level) as movement,
        assessed.limit_distance,
        assessed.minimum_effect,
        assessed.level,
        assessed.reference_level,
        points.period_start_on as starts_on,
        points.three_end_on as ends_on
    from assessed
    inner join {{ ref("int_tremor__points") }} as points
        on
            assessed.kpi_id = points.kpi_id
            and assessed.first_index <= points.period_index
            and points.period_index <= assessed.last_index - 2
    where assessed.method = 'xmr_mean_of_3' and points.mean_of_three is not null
),

found as (
    select
        tremor_key,
        side,
        period_index,
        starts_on,
        ends_on
    from run_tests
    where
        least(1, ends * {{ placebo_p_value(
            "statistic", "at_least_count", "placebo_count", "placebo_mean", "placebo_deviation"
        ) }}) <= {{ tremor_alpha() }}
        and movement >= coalesce(abs(minimum_effect), 0)
    union all
    select
        tremor_key,
        side,
        period_index,
        starts_on,
        ends_on
    from threes
    where
        movement > limit_distance + {{ tremor_tolerance("movement", "reference_level") }}
        and movement >= coalesce(abs(minimum_effect), 0)
),

first_found as (
    select
        *,
        row_number() over (partition by tremor_key, side order by period_index) as place
    from found
),

farthest as (
    select
        tremor_key,
        side,
        max(movement) as movement
    from threes
    group by tremor_key, side
),

-- One side is told: the adverse one when both moved, else the one that moved, else the less likely one.
ranked as (
    select
        assessed.*,
        coalesce(farthest.movement, assessed.statistic) as told_statistic,
        first_found.period_index as found_index,
        first_found.starts_on as shift_starts_on,
        first_found.ends_on as detected_on,
        row_number() over (
            partition by assessed.tremor_key
            order by
                case
                    when first_found.period_index is not null and assessed.is_adverse then 1
                    when first_found.period_index is not null then 2
                    else 3
                end,
                coalesce(assessed.p_value, 1),
                case when assessed.is_adverse then 1 else 2 end,
                assessed.side desc
        ) as place
    from assessed
    left join farthest on assessed.tremor_key = farthest.tremor_key and assessed.side = farthest.side
    left join first_found
        on
            assessed.tremor_key = first_found.tremor_key
            and assessed.side = first_found.side
            and first_found.place = 1
)

select
    chosen.tremor_key,
    chosen.key_result_event_key,
    chosen.key_result_id,
    chosen.event_type,
    chosen.event_on,
    chosen.cycle_id,
    chosen.kpi_id,
    chosen.link_type,
    chosen.relation,
    chosen.kpi_org_unit_id,
    chosen.kpi_owner_id,
    chosen.unit,
    chosen.direction,
    chosen.method,
    case
        when ranked.found_index is not null then null
        when chosen.present_count < chosen.due_count then 'missing_data'
        when chosen.method is null then 'too_little_history'
        when ranked.told_statistic is null then 'too_early'
    end as null_reason,
    chosen.lag_periods,
    chosen.minimum_effect,
    chosen.expected_sign,
    ranked.reference_level,
    chosen.baseline_count,
    round(chosen.baseline_deviation, 12) as baseline_deviation,
    ranked.side,
    ranked.is_adverse,
    case when chosen.method is not null then ranked.told_statistic end as statistic,
    -- Rounded: the last digits of a sum depend on the order in which an engine adds up.
    round(ranked.p_value, 6) as p_value,
    cast(case chosen.method when 'placebo' then chosen.placebo_count else chosen.period_count end as int)
        as history_count,
    cast(chosen.placebo_count as int) as placebo_count,
    chosen.event_index,
    chosen.first_index,
    chosen.last_index,
    chosen.run_index,
    chosen.cycle_end_index,
    cast(ranked.found_index as int) as found_index,
    cast(chosen.due_count - chosen.present_count as int) as missing_count,
    chosen.due_index >= chosen.last_index as is_window_over,
    ranked.shift_starts_on,
    ranked.detected_on
from chosen
inner join ranked on chosen.tremor_key = ranked.tremor_key and ranked.place = 1
