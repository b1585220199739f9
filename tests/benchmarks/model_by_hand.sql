-- The three facts of the benchmark's lake in as little DuckDB as yields the same rows: what one would write for exactly
-- this lake and never again. Every definition has one version, so that locked and current are the same; every KPI is
-- daily and due after two days; nobody declares checkpoints; every key result runs for the quarter.
create macro clamped(share) as case when share is not null then least(greatest(share, 0.0), 1.0) end;
create macro status_of(direction, share, expected) as case
    when share is null or expected is null then 'not_assessable'
    when round(share, 9) >= 1 and direction <> 'stay_above' then 'achieved'
    when round(expected - clamped(share), 9) <= 0.1 then 'on_track'
    when round(expected - clamped(share), 9) <= 0.25 then 'at_risk'
    else 'off_track'
end;

create macro normal_tail(x) as exp(-0.5 * x * x) * 0.3989422804014327 / (1 + 0.2316419 * x) * (
    0.319381530 + 1 / (1 + 0.2316419 * x) * (
        -0.356563782 + 1 / (1 + 0.2316419 * x) * (
            1.781477937 + 1 / (1 + 0.2316419 * x) * (-1.821255978 + 1 / (1 + 0.2316419 * x) * 1.330274429)
        )
    )
);
create macro normal_cdf(z) as case when z < 0 then normal_tail(-z) else 1 - normal_tail(z) end;

-- Of so many days ahead, those on the weekday that the newest day came so many days after.
create macro days_of_weekday(days_before, days_between, days_ahead) as
    days_ahead // 7 + ((7000 - days_before - days_between) % 7 < days_ahead % 7)::int;

create view observations as
select * from read_parquet('{lake}/observations/**/*.parquet', union_by_name = true, hive_partitioning = false)
where load_id in (select load_id from read_parquet('{lake}/loads/*.parquet'));

create temp table repeated as
select kpi_id, period_start_on from observations group by all having count(*) > 1;

create table fct_kpi_observation as
with vintages as (
    select *, null::double as restates_value, null::timestamp as restates_vintage_at, true as is_current
    from observations anti join repeated using (kpi_id, period_start_on)
    union all by name
    select
        * exclude (next_vintage_at),
        next_vintage_at is null as is_current
    from (
        select
            *,
            lag(value) over vintages as restates_value,
            lag(vintage_at) over vintages as restates_vintage_at,
            lead(vintage_at) over vintages as next_vintage_at
        from observations semi join repeated using (kpi_id, period_start_on)
        window vintages as (
            partition by kpi_id, period_start_on order by vintage_at, loaded_at, load_id, source_row
        )
    )
    where next_vintage_at is null or next_vintage_at > vintage_at
)
select
    kpi_id || '|' || period_start_on || '|' || vintage_at as kpi_observation_key,
    kpi_id, unit, obs_status, source_type, source_feed, source_file, load_id, value, restates_value,
    (vintage_at::date - period_start_on)::int as data_latency_days,
    source_row, is_current, period_start_on, period_start_on as period_end_on, vintage_at, restates_vintage_at,
    available_at, loaded_at
from vintages;

create temp table key_results as
select
    key_results.*,
    objectives.org_unit_id,
    cycles.starts_on as first_on,
    cycles.ends_on as last_on
from read_parquet('{lake}/definitions/key_results/**/*.parquet', union_by_name = true) as key_results
inner join read_parquet('{lake}/definitions/objectives/**/*.parquet', union_by_name = true) as objectives
    using (objective_id)
inner join read_parquet('{lake}/definitions/cycles/**/*.parquet', union_by_name = true) as cycles
    on key_results.cycle_id = cycles.cycle_id;

create temp table links as
select
    links.key_result_id, links.kpi_id, links.link_type, links.guardrail_min, links.weight,
    case when links.link_type = 'measures' then links.weight / sum(links.weight) over (
        partition by links.key_result_id, links.link_type
    ) end as weight_share,
    kpis.unit, kpis.org_unit_id as kpi_org_unit_id, owners.person_id as kpi_owner_id
from (
    select * from read_parquet('{lake}/definitions/key_result_links/**/*.parquet', union_by_name = true)
    qualify row_number() over (partition by key_result_id, kpi_id, link_type order by position) = 1
) as links
inner join read_parquet('{lake}/definitions/kpis/**/*.parquet', union_by_name = true) as kpis using (kpi_id)
inner join read_parquet('{lake}/definitions/kpi_owners/**/*.parquet', union_by_name = true) as owners
    on links.kpi_id = owners.kpi_id and owners.role = 'accountable_owner';

-- A few weeks before the quarter hold the value that stands when it starts.
create temp table standing as
select
    *,
    sum(value) filter (where period_start_on >= date '2026-10-01') over so_far as sum_to_date,
    avg(value) filter (where period_start_on >= date '2026-10-01') over so_far as mean_to_date,
    count(value) filter (where period_start_on >= date '2026-10-01') over so_far as count_to_date,
    avg(value) over (
        partition by kpi_id order by period_start_on range between interval 6 days preceding and current row
    ) as trailing_mean
from (
    select kpi_id, period_start_on, value, kpi_observation_key, vintage_at
    from fct_kpi_observation
    where is_current and value is not null and period_start_on >= date '2026-09-01'
    and kpi_id in (select kpi_id from links)
)
window so_far as (partition by kpi_id order by period_start_on);

create temp table kept as
select
    links.key_result_id, links.kpi_id, standing.period_start_on,
    count(case when standing.value >= key_results.lower_limit then 1 end) over (
        partition by links.key_result_id, links.kpi_id order by standing.period_start_on
    ) as periods_met
from links
inner join key_results using (key_result_id)
inner join standing on links.kpi_id = standing.kpi_id and standing.period_start_on >= key_results.first_on
where links.link_type = 'measures' and key_results.direction = 'stay_above';

-- Of eight weeks of days without a gap the mean of each weekday is that of its newest day.
create temp table dispersion as
with history as (
    select
        kpi_id, value, period_start_on,
        (period_start_on - date '1900-01-01')::int as day_number
    from fct_kpi_observation
    where is_current and value is not null and period_start_on >= date '2026-07-15'
    and kpi_id in (select kpi_id from links where link_type = 'measures')
),

same_weekday as (
    select
        *,
        case when lag(day_number) over so_far = day_number - 1 then lag(value) over so_far end as previous_value,
        avg(value) over (
            partition by kpi_id, day_number % 7 order by day_number range between 55 preceding and current row
        ) as mean_0
    from history
    window so_far as (partition by kpi_id order by day_number)
),

moments as (
    select
        *,
        count(*) over recent as history_count,
        avg(value) over recent as level,
        var_pop(value) over recent as raw_variance,
        covar_pop(value, previous_value) over recent as raw_covariance,
        day_number - min(day_number) over recent + 1 = history_count and history_count >= 7 as has_weekdays,
        lag(mean_0, 1) over so_far as mean_1,
        lag(mean_0, 2) over so_far as mean_2,
        lag(mean_0, 3) over so_far as mean_3,
        lag(mean_0, 4) over so_far as mean_4,
        lag(mean_0, 5) over so_far as mean_5,
        lag(mean_0, 6) over so_far as mean_6
    from same_weekday
    window
        so_far as (partition by kpi_id order by day_number),
        recent as (partition by kpi_id order by day_number range between 55 preceding and current row)
),

effects as (
    select
        *,
        case when has_weekdays then mean_0 - level else 0 end as effect_0,
        case when has_weekdays then mean_1 - level else 0 end as effect_1,
        case when has_weekdays then mean_2 - level else 0 end as effect_2,
        case when has_weekdays then mean_3 - level else 0 end as effect_3,
        case when has_weekdays then mean_4 - level else 0 end as effect_4,
        case when has_weekdays then mean_5 - level else 0 end as effect_5,
        case when has_weekdays then mean_6 - level else 0 end as effect_6
    from moments
),

adjusted as (
    select
        *,
        greatest(raw_variance - 0.75 / 7 * (
            effect_0 * effect_0 + effect_1 * effect_1 + effect_2 * effect_2 + effect_3 * effect_3
            + effect_4 * effect_4 + effect_5 * effect_5 + effect_6 * effect_6
        ), 0) as variance,
        coalesce(raw_covariance, 0)
        - 0.75 / 7 * (
            effect_0 * effect_1 + effect_1 * effect_2 + effect_2 * effect_3 + effect_3 * effect_4
            + effect_4 * effect_5 + effect_5 * effect_6 + effect_6 * effect_0
        ) as covariance
    from effects
)

select
    kpi_id, period_start_on, day_number, history_count, level, variance,
    0.5 * effect_0 as effect_0, 0.5 * effect_1 as effect_1, 0.5 * effect_2 as effect_2, 0.5 * effect_3 as effect_3,
    0.5 * effect_4 as effect_4, 0.5 * effect_5 as effect_5, 0.5 * effect_6 as effect_6,
    value - level - 0.5 * effect_0 as deviation,
    case when variance > 0 then least(greatest(covariance / variance, 0), 0.95) else 0 end as phi
from adjusted
where period_start_on >= date '2026-09-01';

create temp table forecasts as
with stepped as (
    select
        links.key_result_id, links.kpi_id, key_results.measured_as, key_results.target, standing.sum_to_date,
        standing.mean_to_date, standing.count_to_date,
        dispersion.* exclude (kpi_id),
        (key_results.last_on - date '1900-01-01')::int as last_number,
        greatest(dispersion.day_number, case coalesce(key_results.measured_as, 'latest')
            when 'latest' then last_number - 1
            when 'trailing_mean' then last_number - key_results.trailing_periods
            else (key_results.first_on - date '1900-01-01')::int - 1
        end) as known_number,
        last_number - known_number as days_ahead,
        known_number + 1 - dispersion.day_number as days_between
    from links
    inner join key_results using (key_result_id)
    inner join standing on links.kpi_id = standing.kpi_id
    inner join dispersion
        on standing.kpi_id = dispersion.kpi_id and standing.period_start_on = dispersion.period_start_on
    where links.link_type = 'measures' and key_results.direction in ('increase', 'decrease')
),

summed as (
    select
        *,
        power(phi, days_between) * (1 - power(phi, days_ahead)) / (1 - phi) as decay,
        case measured_as
            when 'sum_to_date' then coalesce(sum_to_date, 0)
            when 'mean_to_date' then coalesce(mean_to_date, 0) * count_to_date
            else 0
        end as kept_sum,
        case measured_as
            when 'mean_to_date' then count_to_date + days_ahead when 'trailing_mean' then days_ahead else 1
        end as divisor,
        effect_0 * days_of_weekday(0, days_between, days_ahead)
        + effect_1 * days_of_weekday(1, days_between, days_ahead)
        + effect_2 * days_of_weekday(2, days_between, days_ahead)
        + effect_3 * days_of_weekday(3, days_between, days_ahead)
        + effect_4 * days_of_weekday(4, days_between, days_ahead)
        + effect_5 * days_of_weekday(5, days_between, days_ahead)
        + effect_6 * days_of_weekday(6, days_between, days_ahead) as weekday_sum
    from stepped
)

select
    key_result_id, kpi_id, period_start_on,
    case when history_count < 20 then 'too_little_history' end as forecast_null_reason,
    (kept_sum + days_ahead * level + weekday_sum + deviation * decay) / divisor as forecast_value,
    sqrt(
        greatest(
            variance * (days_ahead + 2 * phi / (1 - phi) * (days_ahead - (1 - power(phi, days_ahead)) / (1 - phi)))
            - variance * decay * decay,
            0
        ) + 6 * days_ahead * days_ahead * variance * (1 + phi) / (1 - phi) / history_count
    ) / divisor as forecast_deviation,
    normal_cdf((forecast_value - target) / forecast_deviation) as probability_of_target
from summed;

create table fct_key_result_kpi as
with days as (
    select
        links.*, key_results.* exclude (key_result_id, unit, weight), days.day::date as as_of
    from links
    inner join key_results using (key_result_id)
    cross join lateral (
        select unnest(range(key_results.first_on, least(key_results.last_on, date '{as_of}') + 1, interval '1 day')) as day
    ) as days
),

placed as (
    select
        days.*,
        standing.value as kpi_value, standing.kpi_observation_key, standing.period_start_on, standing.vintage_at,
        case when days.link_type = 'measures' then case coalesce(days.measured_as, 'latest')
            when 'sum_to_date' then standing.sum_to_date
            when 'mean_to_date' then standing.mean_to_date
            when 'trailing_mean' then standing.trailing_mean
            else standing.value
        end end as measured_value,
        (days.as_of - standing.period_start_on)::int as data_age_days,
        standing.period_start_on + 3 <= days.as_of as is_stale,
        case when days.link_type = 'measures' and days.direction = 'stay_above' then greatest(
            0, (greatest(days.as_of - 2, coalesce(standing.period_start_on, date '1900-01-01')) - days.first_on)::int + 1
        ) end as periods_due,
        case when days.direction = 'stay_above' then 1.0
            else (days.as_of - days.first_on) / (days.last_on - days.first_on)
        end as expected_progress
    from days
    asof left join standing on days.kpi_id = standing.kpi_id and days.as_of >= standing.period_start_on
),

judged as (
    select
        placed.*,
        case when periods_due is not null then coalesce(kept.periods_met, 0) end as periods_met,
        forecasts.* exclude (key_result_id, kpi_id, period_start_on),
        case
            when link_type in ('drives', 'impacts') or (link_type = 'measures' and direction = 'milestone')
                then 'not_measured_by_this_link'
            when kpi_value is null then 'no_data'
            when is_stale then 'stale'
            when link_type = 'guardrail' then 'not_measured_by_this_link'
            when measured_value is null then 'no_data'
            when periods_due = 0 then 'no_due_period'
        end as null_reason
    from placed
    left join kept using (key_result_id, kpi_id, period_start_on)
    left join forecasts
        on placed.link_type = 'measures' and placed.key_result_id = forecasts.key_result_id
        and placed.kpi_id = forecasts.kpi_id and placed.period_start_on = forecasts.period_start_on
),

measured as (
    select
        *,
        case
            when null_reason is not null then null
            when direction = 'stay_above' then periods_met / periods_due
            else (measured_value - baseline) / (target - baseline)
        end as progress_raw
    from judged
)
select
    as_of || '|' || key_result_id || '|' || kpi_id || '|' || link_type as key_result_kpi_day_key,
    as_of, key_result_id, kpi_id, link_type,
    key_result_id || '|1900-01-01' as key_result_key, kpi_id || '|1900-01-01' as kpi_key,
    cycle_id, objective_id, champion_id, kpi_owner_id, org_unit_id as key_result_org_unit_id, kpi_org_unit_id,
    kpi_observation_key, unit,
    case
        when link_type = 'guardrail' and null_reason = 'not_measured_by_this_link'
            then case when kpi_value < guardrail_min then 'off_track' else 'on_track' end
        else status_of(direction, progress_raw, expected_progress)
    end as status,
    case when link_type = 'measures' then 'pace_gap' end as status_rule_id,
    null_reason,
    case
        when link_type <> 'measures' then 'not_forecast'
        when null_reason is not null then null_reason
        when direction not in ('increase', 'decrease') then 'not_forecast'
        else forecast_null_reason
    end as forecast_null_reason,
    kpi_value, measured_value,
    case when link_type = 'measures' then baseline end as baseline,
    case when link_type = 'measures' then target end as target,
    weight_share, weight_share * progress_raw as contribution, progress_raw, clamped(progress_raw) as progress,
    case when link_type = 'measures' then expected_progress end as expected_progress,
    progress_raw as attainment_vs_locked, progress_raw as attainment_vs_current,
    progress_raw - progress_raw as attainment_drift,
    case when null_reason is null and forecast_null_reason is null then forecast_value end as forecast_value,
    case
        when null_reason is null and forecast_null_reason is null then forecast_value - 1.2815515655446004 * forecast_deviation
    end as forecast_low,
    case
        when null_reason is null and forecast_null_reason is null then forecast_value + 1.2815515655446004 * forecast_deviation
    end as forecast_high,
    case when null_reason is null and forecast_null_reason is null then probability_of_target end as probability_of_target,
    data_age_days,
    periods_due::int as periods_due, periods_met::int as periods_met,
    case when link_type = 'measures' then 1 end as status_rule_version,
    false as is_weight_assumed, as_of = least(last_on, date '{as_of}') as is_latest,
    period_start_on as kpi_period_start_on, vintage_at as kpi_vintage_at
from measured;

create table fct_key_result_daily as
with rolled_up as (
    select
        as_of, key_result_id,
        count(*) filter (where link_type = 'measures') as measures_count,
        case when count(progress_raw) = measures_count then sum(contribution) end as progress_raw,
        max(measured_value) as measured_value,
        max(data_age_days) filter (where link_type = 'measures') as data_age_days,
        case
            when bool_or(null_reason = 'no_data' and link_type = 'measures') then 'no_data'
            when bool_or(null_reason = 'stale' and link_type = 'measures') then 'stale'
            when bool_or(null_reason = 'no_due_period' and link_type = 'measures') then 'no_due_period'
        end as null_reason,
        bool_or(is_latest) as is_latest,
        max(forecast_null_reason) filter (where link_type = 'measures') as forecast_null_reason,
        case when measures_count = 1 then max(forecast_value) end as forecast_value,
        case
            when count(forecast_value) = measures_count
                then sum(weight_share * (forecast_value - baseline) / (target - baseline))
        end as forecast_progress,
        sum(power(weight_share * (forecast_high - forecast_low) / (target - baseline), 2))
        / power(2 * 1.2815515655446004, 2) as forecast_variance
    from fct_key_result_kpi
    group by all
),

main_links as (
    select key_result_id, min(kpi_id) filter (where link_type = 'measures') as main_kpi_id, count(*) as kpi_count
    from links
    group by all
),

milestones as (
    select key_result_id, days.as_of, sum(weight) filter (where completed_on <= days.as_of) / sum(weight) as share_done
    from read_parquet('{lake}/definitions/key_result_milestones/**/*.parquet', union_by_name = true)
    cross join (select distinct as_of from rolled_up) as days
    group by all
),

judged as (
    select
        rolled_up.* exclude (progress_raw, measured_value), main_links.*, key_results.*,
        case when direction = 'milestone' then coalesce(milestones.share_done, 0) else progress_raw end as progress_raw,
        case when direction <> 'milestone' and measures_count = 1 then measured_value end as measured_value,
        case when direction = 'stay_above' then 1.0
            else (rolled_up.as_of - first_on) / (last_on - first_on)
        end as expected_progress
    from rolled_up
    inner join main_links using (key_result_id)
    inner join key_results using (key_result_id)
    left join milestones using (key_result_id, as_of)
)
select
    as_of || '|' || key_result_id as key_result_day_key, as_of, key_result_id,
    key_result_id || '|1900-01-01' as key_result_key, cycle_id, objective_id, champion_id, org_unit_id, main_kpi_id,
    'measures' as main_kpi_link_type, status_of(direction, progress_raw, expected_progress) as status,
    'pace_gap' as status_rule_id, null_reason, measured_value, progress_raw, clamped(progress_raw) as progress,
    expected_progress, progress_raw as attainment_vs_locked, progress_raw as attainment_vs_current,
    progress_raw - progress_raw as attainment_drift,
    case when direction = 'milestone' then 'not_forecast' else forecast_null_reason end as forecast_null_reason,
    forecast_value, forecast_progress,
    case when forecast_progress is not null then normal_cdf((forecast_progress - 1) / sqrt(forecast_variance)) end
        as probability_of_target,
    kpi_count::int as kpi_count, measures_count::int as measures_count, data_age_days, 1 as status_rule_version,
    false as is_weight_assumed, is_latest
from judged;
