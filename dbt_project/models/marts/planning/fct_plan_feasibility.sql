with plans as (
    select
        links.key_result_id,
        links.kpi_id,
        links.kpi_name,
        links.grain,
        links.calendar,
        links.judged_on,
        links.link_type,
        links.cycle_id,
        key_results.type,
        key_results.direction,
        key_results.unit,
        key_results.measured_as,
        key_results.baseline,
        key_results.target,
        coalesce(key_results.lower_limit, case when key_results.direction = 'stay_above' then key_results.target end)
            as lower_limit,
        coalesce(key_results.upper_limit, case when key_results.direction = 'stay_below' then key_results.target end)
            as upper_limit,
        {{ wanted_sign("key_results.direction") }} as wanted_sign,
        key_results.direction in ('stay_above', 'stay_below', 'stay_within') as is_level_kept,
        case
            when links.calendar = 'working_days' then due_days.working_day_number
            else {{ period_number(
                "links.grain", add_days("links.judged_on", "1 - links.agreed_offset_days")
            ) }} - 1
        end as due_number,
        greatest(
            case
                when links.calendar = 'working_days'
                    then
                        last_days.working_day_number - start_days.working_day_number
                        + case when start_days.is_working_day then 1 else 0 end
                else
                    {{ period_number("links.grain", "key_results.due_on") }}
                    - {{ period_number("links.grain", add_days("key_results.starts_on", -1)) }}
            end,
            1
        ) as horizon_periods,
        greatest(coalesce(key_results.trailing_periods, 1), 1) as trailing_periods
    from {{ ref("int_plan__links") }} as links
    inner join {{ ref("int_plan__key_results") }} as key_results on links.key_result_id = key_results.key_result_id
    {% for days, day in [
        ("due_days", add_days("links.judged_on", "-1 * links.agreed_offset_days")),
        ("start_days", "key_results.starts_on"),
        ("last_days", "key_results.due_on"),
    ] -%}
    left join {{ ref("dim_date") }} as {{ days }}
        on links.calendar = 'working_days' and {{ days }}.date_on = {{ day }}
    {% endfor -%}
    where links.is_proof and links.is_kpi_known
),

windows as (
    select
        *,
        case
            when is_level_kept or measured_as in ('mean_to_date', 'sum_to_date') then horizon_periods
            when measured_as = 'trailing_mean' then trailing_periods
            else 1
        end as measured_periods
    from plans
),

-- For a level to keep, what is measured is the share of periods that met it.
series as (
    select
        windows.key_result_id,
        windows.kpi_id,
        windows.link_type,
        known.place,
        known.value,
        known.is_punctual,
        known.period_end_on,
        windows.due_number,
        case
            when windows.is_level_kept
                then case
                    when {{ meets_limits(
                        "windows.direction", "known.value", "windows.lower_limit", "windows.upper_limit", "windows.target"
                    ) }} then cast(1 as double)
                    else cast(0 as double)
                end
            else known.value
        end as measured,
        case
            when windows.calendar = 'working_days' then days.working_day_number
            else {{ period_number("windows.grain", "known.period_start_on") }}
        end as period_number
    from windows
    inner join {{ ref("int_plan__values") }} as known
        on windows.kpi_id = known.kpi_id and windows.judged_on = known.judged_on
    left join {{ ref("dim_date") }} as days
        on windows.calendar = 'working_days' and known.period_start_on = days.date_on
),

running as (
    select
        *,
        sum(measured) over (
            partition by key_result_id, kpi_id, link_type order by place
            rows between unbounded preceding and current row
        ) as total,
        abs(value - lag(value) over (partition by key_result_id, kpi_id, link_type order by place)) as moving_range
    from series
),

history as (
    select
        key_result_id,
        kpi_id,
        link_type,
        count(*) as observation_count,
        count(distinct case
            when is_punctual and period_number > due_number - {{ fresh_periods() }} and period_number <= due_number
                then period_number
        end) as punctual_count,
        min(value) as lowest,
        max(value) as highest,
        {{ sum_in_order("value", "place") }} / count(*) as mean,
        {{ sum_in_order("moving_range", "place") }} / nullif(count(moving_range), 0) as average_moving_range,
        max(period_end_on) as newest_period_end_on
    from running
    group by key_result_id, kpi_id, link_type
),

-- Every stretch of the past as long as the horizon: what the measure did from the end before it to its end. A sum and
-- a share start at nothing, as they do in the cycle.
moves as (
    select
        windows.key_result_id,
        windows.kpi_id,
        ends.period_end_on,
        case
            when windows.is_level_kept
                then (ends.total - coalesce(before_ends.total, 0)) / windows.measured_periods
            when windows.measured_as = 'sum_to_date'
                then windows.wanted_sign * (ends.total - coalesce(before_ends.total, 0))
            else
                windows.wanted_sign * (
                    (ends.total - coalesce(before_ends.total, 0))
                    - (starts.total - coalesce(before_starts.total, 0))
                ) / windows.measured_periods
        end as move
    from windows
    inner join running as ends
        on
            windows.key_result_id = ends.key_result_id
            and windows.kpi_id = ends.kpi_id
            and windows.link_type = ends.link_type
            and ends.place >= windows.measured_periods + case
                when windows.is_level_kept or windows.measured_as = 'sum_to_date' then 0 else windows.horizon_periods
            end
    {% for point, places in [
        ("before_ends", "windows.measured_periods"),
        ("starts", "windows.horizon_periods"),
        ("before_starts", "(windows.horizon_periods + windows.measured_periods)"),
    ] -%}
    left join running as {{ point }}
        on
            ends.key_result_id = {{ point }}.key_result_id
            and ends.kpi_id = {{ point }}.kpi_id
            and ends.link_type = {{ point }}.link_type
            and ends.place - {{ places }} = {{ point }}.place
    {% endfor -%}
    where windows.link_type = 'measures'
),

ranked as (
    select
        *,
        row_number() over (partition by key_result_id, kpi_id order by move desc, period_end_on asc) as place_of_move
    from moves
    where move is not null
),

compared as (
    select
        windows.*,
        history.observation_count,
        history.punctual_count,
        history.lowest,
        history.highest,
        history.mean,
        history.average_moving_range,
        history.newest_period_end_on,
        best.move as best_move,
        best.period_end_on as best_move_ended_on,
        case
            when windows.link_type <> 'measures' then 'not_measured_by_this_kpi'
            when windows.direction = 'milestone' then 'a_milestone'
            when windows.type = 'baseline' then 'baseline_only'
            when
                windows.is_level_kept
                and coalesce(windows.lower_limit, windows.upper_limit) is null then 'no_limit'
            when not windows.is_level_kept and windows.target is null then 'no_target'
            when not windows.is_level_kept and windows.baseline is null then 'no_baseline'
            when
                not windows.is_level_kept
                and windows.wanted_sign * (windows.target - windows.baseline) <= 0 then 'degenerate_range'
            when best.move is null then 'too_little_history'
            when best.move <= 0 then 'never_moved_this_way'
        end as null_reason,
        case
            when windows.link_type <> 'measures' then 'not_measured_by_this_kpi'
            when windows.direction = 'milestone' then 'a_milestone'
            when windows.measured_as = 'sum_to_date' and not windows.is_level_kept then 'a_sum'
            when
                windows.is_level_kept
                and (
                    (windows.direction <> 'stay_below' and windows.lower_limit is null)
                    or (windows.direction <> 'stay_above' and windows.upper_limit is null)
                ) then 'no_limit'
            when not windows.is_level_kept and windows.target is null then 'no_target'
            when coalesce(history.observation_count, 0) < {{ fewest_points() }} then 'too_few_points'
            when not history.average_moving_range > 0 then 'no_variation'
        end as capability_null_reason,
        case
            when windows.is_level_kept then cast(1 as double)
            else windows.wanted_sign * (windows.target - windows.baseline)
        end as required_move,
        -- A sum starts at nothing, wherever single values lie.
        case when windows.measured_as = 'sum_to_date' then 0 else history.lowest end as lowest_baseline,
        case
            when windows.measured_as = 'sum_to_date' then greatest(coalesce(best.move, 0), 0)
            else history.highest
        end as highest_baseline
    from windows
    left join history
        on
            windows.key_result_id = history.key_result_id
            and windows.kpi_id = history.kpi_id
            and windows.link_type = history.link_type
    left join ranked as best
        on windows.key_result_id = best.key_result_id and windows.kpi_id = best.kpi_id and best.place_of_move = 1
)

select
    {{ row_key(["key_result_id", "kpi_id", "link_type"]) }} as plan_feasibility_key,
    key_result_id,
    kpi_id,
    link_type,
    cycle_id,
    kpi_name,
    unit,
    case when is_level_kept then 'share' else unit end as move_unit,
    measured_as,
    null_reason,
    cast(coalesce(observation_count, 0) as int) as observation_count,
    cast(coalesce(punctual_count, 0) as int) as punctual_count,
    coalesce(punctual_count, 0) / cast({{ fresh_periods() }} as double) as fresh_share,
    cast(horizon_periods as int) as horizon_periods,
    baseline,
    lowest_baseline,
    highest_baseline,
    case
        when
            coalesce(null_reason, 'too_little_history') in ('too_little_history', 'never_moved_this_way')
            then required_move
    end as required_move,
    case when null_reason is null or null_reason = 'never_moved_this_way' then best_move end as best_move,
    case when null_reason is null then required_move / best_move end as feasibility_ratio,
    capability_null_reason,
    -- How far the process is from what is asked of it, in units of 3 sigma: from 1 on chance alone does not miss it.
    case
        when capability_null_reason is null
            then case
                when direction = 'stay_within' then least(mean - lower_limit, upper_limit - mean)
                when direction = 'stay_above' then mean - lower_limit
                when direction = 'stay_below' then upper_limit - mean
                else wanted_sign * (mean - target)
            end / ({{ limit_factor() }} * average_moving_range)
    end as process_capability,
    case
        when link_type <> 'measures' then null
        when null_reason is null then round(required_move / best_move, 9) <= 1
        when null_reason = 'never_moved_this_way' then false
    end as is_done_before,
    judged_on,
    newest_period_end_on,
    case when null_reason is null or null_reason = 'never_moved_this_way' then best_move_ended_on end
        as best_move_ended_on
from compared
