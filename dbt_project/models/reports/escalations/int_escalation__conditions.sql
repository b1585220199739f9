{{ config(materialized=kept_as("ephemeral")) }}

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
    {% for trigger_type, condition in [
        ("off_track", "status = 'off_track'"), ("divergence", "abs(divergence) > 1"),
    ] -%}
    select
        key_result_id,
        champion_id,
        as_of,
        progress,
        expected_progress,
        reported_status,
        status,
        '{{ trigger_type }}' as trigger_type
    from {{ ref("fct_key_result_daily") }}
    where {{ condition }}
    {{ "union all" if not loop.last }}
    {% endfor %}
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
        -- What ended is listed for a while. What the scorecard still shows is open, also when its last day lies before
        -- the first audit: that of a cycle which ended and is not closed yet.
        and (
            runs.last_on = scorecard.as_of
            or (
                runs.last_on >= {{ add_days("watch.as_of", -days_listed) }}
                and runs.last_on >= watch.watched_from
            )
        )
),

-- A conflict asks both: whose work it is, and whose number.
conflicts as (
    select
        conflicts.*,
        greatest(conflicts.opened_on, watch.watched_from) as asked_from_on
    from {{ ref("rpt_silo_conflict") }} as conflicts
    cross join watch
    where
        not conflicts.is_withheld
        and coalesce(conflicts.resolved_on, watch.as_of) >= {{ add_days("watch.as_of", -days_listed) }}
        and coalesce(conflicts.resolved_on, watch.as_of) >= watch.watched_from
),

open_conflicts as (
    select distinct
        key_result_id,
        kpi_id
    from conflicts
    where is_open
),

-- What a release moved the worse way, and is no conflict: the unit's own KPI, or the key result is not green.
tremors as (
    select
        tremors.*,
        greatest(tremors.detected_on, watch.watched_from) as asked_from_on
    from {{ ref("fct_tremor") }} as tremors
    cross join watch
    left join open_conflicts
        on tremors.key_result_id = open_conflicts.key_result_id and tremors.kpi_id = open_conflicts.kpi_id
    left join {{ ref("int_kpi__withheld") }} as withheld on tremors.kpi_id = withheld.kpi_id
    where
        tremors.is_tremor
        and tremors.is_adverse
        and tremors.link_type is not null
        and open_conflicts.kpi_id is null
        and withheld.kpi_id is null
        and coalesce(tremors.recovered_on, watch.as_of) >= {{ add_days("watch.as_of", -days_listed) }}
        and coalesce(tremors.recovered_on, watch.as_of) >= watch.watched_from
),

-- What failed, was mended and failed again on one business date is one escalation: the last of them.
failures as (
    select
        *,
        row_number() over (
            partition by rule_id, subject_type, subject_id, first_seen_on order by first_seen_at desc
        ) as newness
    from {{ ref("int_integrity_result__episodes") }}
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
{% for side, subject_type, subject, role, person, detail in [
    (
        "champion", "key_result", "key_result_id", "champion", "champion_id",
        "'green, while ' || event_title || ' harms KPI ' || kpi_name || ' of ' || kpi_org_unit_name",
    ),
    (
        "owner", "kpi", "kpi_id", "accountable_owner", "kpi_owner_id",
        "'harmed by ' || event_title || ' of key result ' || key_result_title",
    ),
] -%}
union all
select
    'silo_conflict:{{ side }}:' || silo_conflict_key as escalation_id,
    'silo_conflict' as trigger_type,
    cast(null as {{ dbt.type_string() }}) as rule_id,
    cast(null as {{ dbt.type_string() }}) as severity,
    '{{ subject_type }}' as subject_type,
    {{ subject }} as subject_id,
    {{ detail }} as detail,
    '{{ role }}' as owner_role,
    {{ person }} as owner_id,
    'standard' as ladder_id,
    false as is_waived,
    asked_from_on as opened_on,
    resolved_on
from conflicts
{% endfor -%}
union all
select
    'tremor:' || tremor_key as escalation_id,
    'tremor' as trigger_type,
    cast(null as {{ dbt.type_string() }}) as rule_id,
    cast(null as {{ dbt.type_string() }}) as severity,
    'kpi' as subject_type,
    kpi_id as subject_id,
    'moved by ' || {{ number_text("round(effect, 4)") }} || ' ' || unit || ' the worse way since '
    || {{ as_text("event_on") }} || ', by key result ' || key_result_id as detail,
    'accountable_owner' as owner_role,
    kpi_owner_id as owner_id,
    'standard' as ladder_id,
    false as is_waived,
    asked_from_on as opened_on,
    recovered_on as resolved_on
from tremors
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
from failures
cross join watch
where newness = 1 and (repaired_on is null or repaired_on >= {{ add_days("watch.as_of", -days_listed) }})
