{{ config(materialized="ephemeral") }}

{#- Days after its end for which an escalation stays listed, as resolved. -#}
{%- set days_listed = 90 -%}

-- Nobody could be asked before the first audit: what was red already then is new to the people who answer for it.
with watch as (
    select
        current_audit.as_of,
        min(outcomes.as_of) as watched_from
    from {{ ref("stg_lake__rule_outcomes") }} as outcomes
    inner join {{ ref("int_audit__context") }} as current_audit
        on outcomes.as_of <= current_audit.as_of and outcomes.audited_at <= current_audit.audited_at
    group by current_audit.as_of
),

red_days as (
    select
        days.key_result_id,
        days.champion_id,
        days.as_of,
        days.progress,
        days.expected_progress,
        days.reported_status,
        days.status,
        'off_track' as trigger_type
    from {{ ref("fct_key_result_daily") }} as days
    where days.status = 'off_track'
    union all
    select
        days.key_result_id,
        days.champion_id,
        days.as_of,
        days.progress,
        days.expected_progress,
        days.reported_status,
        days.status,
        'divergence' as trigger_type
    from {{ ref("fct_key_result_daily") }} as days
    where abs(days.divergence) > 1
),

islands as (
    select
        *,
        {{ add_days(
            "as_of", "-row_number() over (partition by trigger_type, key_result_id order by as_of)"
        ) }} as island
    from red_days
),

runs as (
    select
        trigger_type,
        key_result_id,
        min(as_of) as first_on,
        max(as_of) as last_on
    from islands
    group by trigger_type, key_result_id, island
),

-- What the report shows today: a withheld status asks nobody, and a cycle that is over nobody either.
red as (
    select
        runs.trigger_type,
        runs.key_result_id,
        greatest(runs.first_on, watch.watched_from) as opened_on,
        case when runs.last_on < scorecard.as_of then {{ add_days("runs.last_on", 1) }} end as resolved_on,
        islands.champion_id,
        case
            when runs.trigger_type = 'divergence'
                then 'reported as ' || islands.reported_status || ', computed as ' || islands.status
            else
                'off track'
                || coalesce(': progress ' || {{ number_text("round(islands.progress, 2)") }}, '')
                || coalesce(', expected ' || {{ number_text("round(islands.expected_progress, 2)") }}, '')
        end as detail
    from runs
    inner join {{ ref("rpt_okr_scorecard") }} as scorecard on runs.key_result_id = scorecard.key_result_id
    cross join watch
    inner join islands
        on
            runs.trigger_type = islands.trigger_type
            and runs.key_result_id = islands.key_result_id
            and runs.last_on = islands.as_of
    where
        not scorecard.is_withheld
        and scorecard.cycle_state in ('active', 'closing')
        and runs.last_on >= {{ add_days("watch.as_of", -days_listed) }}
        and runs.last_on >= watch.watched_from
)

select
    case when trigger_type = 'divergence' then 'RPT-01:key_result:' else 'off_track:' end
    || key_result_id as escalation_id,
    case when trigger_type = 'divergence' then 'failed_rule' else trigger_type end as trigger_type,
    case when trigger_type = 'divergence' then 'RPT-01' end as rule_id,
    case when trigger_type = 'divergence' then 'warn' end as severity,
    'key_result' as subject_type,
    key_result_id as subject_id,
    detail,
    'champion' as owner_role,
    champion_id as owner_id,
    case when trigger_type = 'divergence' then 'warning' else 'standard' end as ladder_id,
    false as is_waived,
    opened_on,
    resolved_on
from red
union all
select
    rule_id || ':' || subject_type || ':' || subject_id as escalation_id,
    'failed_rule' as trigger_type,
    rule_id,
    severity,
    subject_type,
    subject_id,
    detail,
    owner_role,
    coalesce(owner_id, '(unowned)') as owner_id,
    case
        when severity = 'warn' then 'warning'
        -- Data that are overdue have a ladder of their own.
        when rule_id in ('DAT-03', 'DAT-04') then 'evidence'
        else 'standard'
    end as ladder_id,
    outcome = 'waived' as is_waived,
    first_seen_on as opened_on,
    repaired_on as resolved_on
from {{ ref("int_integrity_result__episodes") }}
cross join watch
where repaired_on is null or repaired_on >= {{ add_days("watch.as_of", -days_listed) }}
