{%- set weekdays = range(7) -%}

-- A forecast changes only when a period ends, as the steps do, and on the due day, which knows the facts.
with links as (
    select
        links.key_result_kpi_interval_key,
        links.key_result_id,
        links.kpi_id,
        links.link_type,
        links.grain,
        links.is_kpi_known,
        links.measured_as,
        links.trailing_periods,
        intervals.direction,
        intervals.baseline,
        intervals.target,
        intervals.due_on,
        {{ definition_null_reason(
            "intervals.direction", "intervals.baseline", "intervals.target", "intervals.lower_limit",
            "intervals.upper_limit"
        ) }} as definition_null_reason,
        {{ period_number("links.grain", add_days("intervals.starts_on", -1)) }} + 1 as first_number,
        {{ period_number("links.grain", add_days("intervals.due_on", 1)) }} - 1 as last_number,
        -- The trailing mean of the due day takes the periods after this one.
        {{ periods_before(
            "links.grain", period_start("links.grain", add_days("intervals.due_on", 1)), "(links.trailing_periods + 1)"
        ) }} as dropped_on
    from {{ ref("int_key_result_kpi__intervals") }} as links
    inner join {{ ref("int_key_result__intervals") }} as intervals
        on links.key_result_interval_key = intervals.key_result_interval_key
    where links.link_type = 'measures'
),

stepped as (
    select
        links.*,
        steps.kpi_value,
        steps.measured_value,
        steps.periods_to_date,
        steps.period_start_on,
        steps.first_day,
        steps.end_day,
        dispersion.history_count,
        dispersion.level,
        dispersion.variance,
        dispersion.autocorrelation,
        dispersion.deviation,
        dispersion.weekday,
        {% for day in weekdays -%}
        dispersion.effect_{{ day }},
        {% endfor -%}
        {{ period_number("links.grain", "steps.period_start_on") }} as newest_number
    from {{ ref("int_key_result_kpi__steps") }} as steps
    inner join links on steps.key_result_kpi_interval_key = links.key_result_kpi_interval_key
    left join {{ ref("int_kpi__dispersion") }} as dispersion
        on links.kpi_id = dispersion.kpi_id and steps.period_start_on = dispersion.period_start_on
),

-- Of a trailing mean, the periods that the mean of the due day still takes.
kept as (
    select
        stepped.key_result_kpi_interval_key,
        stepped.first_day,
        count(*) as kept_count,
        {{ sum_in_order("observations.value", "observations.period_start_on") }} as kept_sum
    from stepped
    inner join {{ ref("int_kpi_observation__current") }} as observations
        on
            stepped.kpi_id = observations.kpi_id
            and stepped.dropped_on < observations.period_start_on
            and stepped.period_start_on >= observations.period_start_on
    where
        stepped.measured_as = 'trailing_mean'
        and stepped.newest_number > stepped.last_number - stepped.trailing_periods
    group by stepped.key_result_kpi_interval_key, stepped.first_day
),

-- Which periods to come the final figure is made of, and how many known ones stay in it.
ahead as (
    select
        stepped.*,
        greatest(
            stepped.newest_number,
            case stepped.measured_as
                when 'latest' then stepped.last_number - 1
                when 'trailing_mean' then stepped.last_number - stepped.trailing_periods
                else stepped.first_number - 1
            end
        ) as known_number,
        case stepped.measured_as
            when 'mean_to_date' then coalesce(stepped.periods_to_date, 0)
            when 'trailing_mean' then coalesce(kept.kept_count, 0)
            else 0
        end as kept_count,
        case stepped.measured_as
            when 'sum_to_date' then coalesce(stepped.measured_value, 0)
            when 'mean_to_date'
                then coalesce(stepped.measured_value, 0) * coalesce(stepped.periods_to_date, 0)
            when 'trailing_mean' then coalesce(kept.kept_sum, 0)
            else 0
        end as kept_sum
    from stepped
    left join kept
        on
            stepped.key_result_kpi_interval_key = kept.key_result_kpi_interval_key
            and stepped.first_day = kept.first_day
),

counted as (
    select
        *,
        last_number - known_number as ahead_count,
        known_number + 1 - newest_number as ahead_offset,
        mod(weekday + known_number + 1 - newest_number, 7) as ahead_weekday
    from ahead
),

summed as (
    select
        *,
        {{ decayed_sum("autocorrelation", "ahead_offset", "ahead_count") }} as decay,
        {{ sum_variance("variance", "autocorrelation", "ahead_count") }} as raw_sum_variance,
        variance * (1 + autocorrelation) / (1 - autocorrelation) / history_count as level_variance,
        (
            0
            {% for day in weekdays -%}
            + effect_{{ day }} * (
                floor(ahead_count / 7.0)
                + case when mod({{ day }} - ahead_weekday + 7, 7) < mod(ahead_count, 7) then 1 else 0 end
            )
            {% endfor -%}
        ) as weekday_sum
    from counted
    where ahead_count > 0
),

predicted as (
    select
        *,
        kept_sum + ahead_count * level + weekday_sum + deviation * decay as predicted_sum,
        greatest(raw_sum_variance - variance * decay * decay, 0)
        + {{ level_factor() }} * ahead_count * ahead_count * level_variance as predicted_variance,
        case measured_as
            when 'mean_to_date' then kept_count + ahead_count
            when 'trailing_mean' then kept_count + ahead_count
            else 1
        end as divisor
    from summed
),

forecast as (
    select
        key_result_kpi_interval_key,
        first_day,
        predicted_sum / divisor as forecast_value,
        sqrt(predicted_variance) / divisor as forecast_deviation
    from predicted
    where first_day < due_on and history_count >= {{ fewest_history() }}
),

-- The due day has a row of its own; so do the days on which nothing is to come.
parts as (
    select
        counted.*,
        forecast.forecast_value as expected_value,
        forecast.forecast_deviation,
        coalesce(counted.ahead_count <= 0, false) as is_settled,
        counted.first_day as from_on,
        least(counted.end_day, counted.due_on) as until_on
    from counted
    left join forecast
        on
            counted.key_result_kpi_interval_key = forecast.key_result_kpi_interval_key
            and counted.first_day = forecast.first_day
    where counted.first_day < counted.due_on
    union all
    select
        counted.*,
        cast(null as double) as expected_value,
        cast(null as double) as forecast_deviation,
        true as is_settled,
        greatest(counted.first_day, counted.due_on) as from_on,
        counted.end_day as until_on
    from counted
    where counted.end_day > counted.due_on
),

judged as (
    select
        *,
        case
            when not is_kpi_known then 'unknown_kpi'
            when direction not in ('increase', 'decrease') then 'not_forecast'
            when definition_null_reason is not null then definition_null_reason
            when kpi_value is null then 'no_data'
            when is_settled and measured_value is null then 'no_data'
            when not is_settled and history_count < {{ fewest_history() }} then 'too_little_history'
        end as forecast_null_reason,
        case when is_settled then measured_value else expected_value end as final_value,
        case when is_settled then cast(0 as double) else forecast_deviation end as final_deviation,
        -- The side of the baseline decides, as it does for progress: a target below it is reached from above.
        case when target > baseline then 1 else -1 end as sign
    from parts
)

select
    {{ row_key(["key_result_kpi_interval_key", "from_on"]) }} as key_result_kpi_forecast_key,
    key_result_kpi_interval_key,
    key_result_id,
    kpi_id,
    link_type,
    forecast_null_reason,
    case when forecast_null_reason is null then final_value end as forecast_value,
    case
        when forecast_null_reason is null then final_value - {{ interval_factor() }} * final_deviation
    end as forecast_low,
    case
        when forecast_null_reason is null then final_value + {{ interval_factor() }} * final_deviation
    end as forecast_high,
    case
        when forecast_null_reason is not null then null
        when final_deviation > 0 then {{ normal_cdf("(sign * (final_value - target) / final_deviation)") }}
        when sign * (final_value - target) >= 0 then cast(1 as double)
        else cast(0 as double)
    end as probability_of_target,
    is_settled,
    from_on as first_day,
    until_on as end_day
from judged
