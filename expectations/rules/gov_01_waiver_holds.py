"""GOV-01: a waiver that is on file counts, and what it excused is settled when it ends.

Judged are the waivers that were approved by the business date. One that has ended is a finding as long as the audit
before this one still found what it excused.
"""

from __future__ import annotations

from expectations.rule import Check, Rule
from expectations.waivers import (
    IS_APPROVER,
    IS_OWNER,
    LONGEST_WAIVER_DAYS,
    NEWEST_WAIVERS,
    WAIVER_APPROVERS,
    WAS_THERE,
)

WAIVERS = f"with {NEWEST_WAIVERS}"

JUDGED = f"""
{WAIVERS}
select count(*) from newest_waivers as waiver cross join audit.run as run
where waiver.approved_on <= run.as_of or waiver.approved_on is null
"""

VIOLATIONS = f"""
{WAIVERS},
{WAIVER_APPROVERS},
previous as (
    select max(outcome.audit_id) as audit_id
    from lake.rule_outcomes as outcome
    cross join audit.run as run
    where outcome.stage = 'marts' and outcome.as_of <= run.as_of
),
known_rules as (
    select distinct rule_id from lake.rule_outcomes
),
judged as (
    select
        waiver.*,
        case
            when waiver.approved_on is null or waiver.expires_on is null or waiver.approved_by_id is null
                then 'nobody signed it, or it has no dates'
            when waiver.expires_on < run.as_of
                then case
                    when exists (
                        select 1
                        from lake.integrity_results as result
                        inner join previous on previous.audit_id = result.audit_id
                        where result.rule_id = waiver.rule_id
                            and result.subject_type = waiver.subject_type
                            and result.subject_id = waiver.subject_id
                    ) then 'it ended on ' || waiver.expires_on || ', and ' || waiver.rule_id || ' still fails for '
                        || waiver.subject_id
                end
            when datediff('day', waiver.approved_on, waiver.expires_on) > {LONGEST_WAIVER_DAYS}
                then 'it runs for ' || datediff('day', waiver.approved_on, waiver.expires_on)
                    || ' days, expected at most {LONGEST_WAIVER_DAYS}'
            when (select count(*) from known_rules) > 0
                and waiver.rule_id not in (select rule_id from known_rules)
                then 'there is no rule ' || waiver.rule_id
            when not {WAS_THERE} then waiver.approved_by_id || ' was not there on ' || waiver.approved_on
            when {IS_OWNER}
                then waiver.approved_by_id || ' answers for ' || waiver.subject_id || ', and cannot waive it'
            when not {IS_APPROVER}
                then waiver.approved_by_id || ' is neither the sponsor of ' || coalesce(waiver.subject_id, '(nothing)')
                    || ', nor a controller, nor the head of the enterprise'
        end as detail
    from newest_waivers as waiver
    cross join audit.run as run
    where waiver.approved_on <= run.as_of or waiver.approved_on is null
)
select
    'waiver' as subject_type,
    waiver_id as subject_id,
    rule_id || ' for ' || coalesce(subject_id, '(nothing)') || ': ' || detail as detail,
    source_file,
    source_row,
    load_id
from judged
where detail is not null
"""

RULE = Rule(
    id="GOV-01",
    slug="waiver_holds",
    title="A waiver on file counts, and what it excused is settled when it ends",
    why="An exception that nobody may grant, or that has run out, is trusted all the same.",
    subject_type="waiver",
    severity="warn",
    owner_role="approver",
    remedy="Settle what it excused, have the sponsor or a controller approve it anew, or remove it.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
