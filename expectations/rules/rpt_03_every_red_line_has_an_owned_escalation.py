"""RPT-03: every red key result, tremor and failed rule has an owned escalation with a due date.

What must be escalated is gathered here from the findings of the audit and from the scorecard, not from the models that
open the escalations: a model that loses one is found out.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

RED = """
with withheld_kpis as (
    select kpi.kpi_id
    from lake.integrity_results as result
    inner join audit.run as run on run.marts_audit_id = result.audit_id
    inner join marts.dim_kpi as kpi
        on kpi.is_current
        and result.subject_id = case result.subject_type when 'kpi' then kpi.kpi_id when 'feed' then kpi.feed_id end
    where result.severity = 'withhold' and result.outcome = 'failed'
),
red as (
    select
        'off_track:' || key_result_id as escalation_id,
        'key_result' as subject_type,
        key_result_id as subject_id,
        'it is off track' as why
    from reports.rpt_okr_scorecard
    where status = 'off_track' and cycle_state in ('active', 'closing')
    union all
    select
        'RPT-01:key_result:' || key_result_id,
        'key_result',
        key_result_id,
        'what is reported of it is two levels or more from what is computed'
    from reports.rpt_okr_scorecard
    where abs(divergence) > 1 and cycle_state in ('active', 'closing')
    union all
    select
        result.rule_id || ':' || result.subject_type || ':' || result.subject_id,
        result.subject_type,
        result.subject_id,
        result.rule_id || ' failed for it'
    from lake.integrity_results as result
    inner join audit.run as run on run.marts_audit_id = result.audit_id
    where result.outcome = 'failed'
    union all
    select 'silo_conflict:champion:' || silo_conflict_key, 'key_result', key_result_id, 'it harms ' || kpi_id
    from reports.rpt_silo_conflict
    where is_open and not is_withheld
    union all
    select 'silo_conflict:owner:' || silo_conflict_key, 'kpi', kpi_id, key_result_id || ' harms it'
    from reports.rpt_silo_conflict
    where is_open and not is_withheld
    union all
    select
        'tremor:' || tremor.tremor_key,
        'kpi',
        tremor.kpi_id,
        tremor.key_result_id || ' moved it the worse way'
    from marts.fct_tremor as tremor
    where tremor.is_tremor
        and tremor.is_adverse
        and tremor.link_type is not null
        and tremor.recovered_on is null
        and not exists (
            select 1
            from reports.rpt_silo_conflict as conflict
            where conflict.key_result_id = tremor.key_result_id
                and conflict.kpi_id = tremor.kpi_id
                and conflict.is_open
                and not conflict.is_withheld
        )
        and tremor.kpi_id not in (select kpi_id from withheld_kpis)
)
"""

JUDGED = RED + "select count(*) from red"

VIOLATIONS = (
    RED
    + """
select
    red.subject_type,
    red.subject_id,
    red.why || ', and '
    || case
        when escalation.escalation_id is null then 'no open escalation says who acts'
        when escalation.due_on is null then 'its escalation has no due date'
        when escalation.state in ('resolved', 'waived') then 'its escalation is ' || escalation.state
        else 'its escalation is owned by nobody who is there: ' || coalesce(escalation.owner_id, '(unowned)')
    end as detail,
    cast(null as varchar) as source_file,
    cast(null as bigint) as source_row,
    cast(null as varchar) as load_id
from red
cross join audit.run as run
left join reports.rpt_escalation as escalation
    on escalation.escalation_id = red.escalation_id and escalation.is_open
left join marts.dim_person as person
    on person.person_id = escalation.owner_id
    and person.is_current
    and person.person_id not in ('(unowned)', '(unknown)')
    and coalesce(person.active_from, run.as_of) <= run.as_of
    and coalesce(person.active_to, run.as_of) >= run.as_of
where escalation.escalation_id is null
    or escalation.due_on is null
    or escalation.state in ('resolved', 'waived')
    or person.person_id is null
"""
)

RULE = Rule(
    id="RPT-03",
    slug="every_red_line_has_an_owned_escalation",
    title="Every red key result, tremor and failed rule has an owned escalation with a due date",
    why="A report that nobody must act on is wallpaper.",
    subject_type="key_result",
    severity="block",
    owner_role="champion",
    remedy="Name a champion or owner who is there, or the head of the unit or of the enterprise in `organization.yml`: "
    "whoever stands nearest is asked.",
    stages=("reports",),
    checks={"reports": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
