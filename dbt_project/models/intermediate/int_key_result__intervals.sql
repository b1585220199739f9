-- Days that each version of a committed key result answers for, with what applies to all of them.
with versions as (
    select
        key_results.*,
        run.as_of as run_as_of,
        key_results.valid_from <= run.as_of and key_results.valid_to > run.as_of as is_current,
        -- What was edited after its last day goes on being reported, as the version of that day saw it.
        max(case when key_results.valid_from <= run.as_of and key_results.valid_to > run.as_of then 1 else 0 end) over (
            partition by key_results.key_result_id
        ) as has_current,
        greatest(key_results.starts_on, least(key_results.due_on, run.as_of)) as last_on
    from {{ ref("int_key_result__versions") }} as key_results
    cross join {{ ref("int_run__context") }} as run
    where
        key_results.state = 'committed'
        and key_results.cycle_starts_on <= run.as_of
        and key_results.starts_on <= run.as_of
),

spans as (
    select
        *,
        greatest(valid_from, starts_on) as from_on,
        least(valid_to, {{ add_days("last_on", 1) }}) as until_on
    from versions
),

-- A key result whose current version came after its last day still has that day, as the current version sees it.
reported as (
    select
        spans.*,
        max(case when spans.from_on < spans.until_on then spans.until_on end) over (
            partition by spans.key_result_id
        ) as reported_until
    from spans
),

completed as (
    select
        reported.*,
        case
            when reported.from_on < reported.until_on then reported.from_on
            else reported.last_on
        end as first_day,
        case
            when reported.from_on < reported.until_on then reported.until_on
            else {{ add_days("reported.last_on", 1) }}
        end as end_day
    from reported
    where
        reported.from_on < reported.until_on
        or (reported.is_current and coalesce(reported.reported_until, reported.last_on) <= reported.last_on)
),

-- As it was known at the lock: a version that was rewritten since does not move the locked goal.
locked as (
    select
        key_result_id,
        baseline,
        target,
        lower_limit,
        upper_limit,
        direction
    from {{ ref("int_key_result__locked") }}
),

objectives as (
    select * from {{ ref("int_objective__versions") }}
),

companies as (
    select companies.status_rule
    from {{ ref("int_company__versions") }} as companies
    inner join {{ ref("int_run__context") }} as run
        on companies.valid_from <= run.as_of and companies.valid_to > run.as_of
),

chosen as (
    select
        completed.*,
        coalesce(
            completed.status_rule, completed.cycle_status_rule, companies.status_rule, 'pace_gap'
        ) as status_rule_choice
    from completed
    left join companies on 1 = 1
)

select
    {{ row_key(["chosen.key_result_id", "chosen.first_day"]) }} as key_result_interval_key,
    chosen.key_result_id,
    chosen.key_result_key,
    chosen.record_key,
    chosen.objective_id,
    chosen.cycle_id,
    coalesce(chosen.champion_id, '(unowned)') as champion_id,
    coalesce(objectives.org_unit_id, '(unknown)') as org_unit_id,
    chosen.direction,
    chosen.unit,
    chosen.measured_as,
    chosen.trailing_periods,
    coalesce(rules.status_rule_id, chosen.status_rule_choice) as status_rule_id,
    rules.status_rule_version,
    rules.family as status_family,
    chosen.baseline,
    chosen.target,
    chosen.lower_limit,
    chosen.upper_limit,
    -- Until the lock, the version of the day stands for the locked one.
    {% for field in ["direction", "baseline", "target", "lower_limit", "upper_limit"] -%}
    case
        when chosen.valid_to > chosen.locks_on and locked.key_result_id is not null then locked.{{ field }}
        else chosen.{{ field }}
    end as locked_{{ field }},
    {% endfor -%}
    rules.on_track_limit,
    rules.at_risk_limit,
    chosen.starts_on,
    chosen.due_on,
    chosen.first_day,
    chosen.end_day,
    case
        when chosen.has_current = 1
            then {{ add_days("max(chosen.end_day) over (partition by chosen.key_result_id)", -1) }}
    end as latest_day
from chosen
left join locked on chosen.key_result_id = locked.key_result_id
left join {{ ref("int_status_rule__choices") }} as rules on chosen.status_rule_choice = rules.choice
left join objectives
    on
        chosen.objective_id = objectives.objective_id
        and chosen.end_day > objectives.valid_from
        and chosen.end_day <= objectives.valid_to
