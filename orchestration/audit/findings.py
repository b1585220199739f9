"""From violations to results: every offending subject once per rule, with whoever answers for it, and its waiver.

All set-based: one insert per failed rule, one statement for owners, one for waivers, whatever their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb
import pyarrow as pa

from expectations.catalogue import Catalogue
from expectations.rule import Check, Rule, Stage
from expectations.suites import violations_query
from expectations.waivers import (
    IS_APPROVER,
    IS_OWNER,
    LONGEST_WAIVER_DAYS,
    NEWEST_WAIVERS,
    WAIVER_APPROVERS,
    WAS_THERE,
)
from orchestration.audit.evaluate import Evaluation
from orchestration.audit.session import AuditSession, first_line
from orchestration.errors import AuditError

DETAILS_SHOWN = 5
"""How many things wrong with one subject are spelled out; the rest is counted."""
RESULTS = "audit.results"
"""Where the findings stand in the session once they have their owners and waivers."""

FINDINGS = """
create or replace table audit.findings (
    rule_id varchar not null,
    severity varchar not null,
    preferred_role varchar not null,
    subject_type varchar not null,
    subject_id varchar not null,
    detail varchar,
    source_file varchar,
    source_row bigint,
    source_load_id varchar,
    violations bigint not null
)
"""

GATHER = """
insert into audit.findings
select
    $rule_id,
    case when bool_and(only_warns) then 'warn' else $severity end,
    $preferred_role,
    coalesce(subject_type, 'table'),
    coalesce(subject_id, '(none)'),
    array_to_string(list_slice(list(distinct detail order by detail), 1, {shown}), '; ')
    || case
        when count(distinct detail) > {shown} then '; and ' || (count(distinct detail) - {shown}) || ' more'
        else ''
    end,
    arg_min(source_file, detail),
    arg_min(source_row, detail),
    arg_min(load_id, detail),
    count(*)
from ({query}) as violation
group by subject_type, subject_id
"""

# Who can answer for a subject, nearest first. Only people who are there on the day; the person whom a finding is about
# does not answer for it; and where the register is so broken that nobody is left, the last resort says so.
OWNERS = f"""
create or replace table audit.owned as
with recursive subjects as (
    select distinct subject_type, subject_id from audit.findings
),
{NEWEST_WAIVERS},
feeds as (
    select feed_id, owner_id, steward_id
    from (
        select *, row_number() over (partition by feed_id order by loaded_at desc, load_id desc) as newest
        from lake.definitions_feeds
    ) as versions
    where newest = 1 and not coalesce(is_deleted, false)
),
ancestors as (
    select org_unit_id, org_unit_id as ancestor_id, 0 as distance
    from marts.dim_org_unit where is_current
    union
    select ancestors.org_unit_id, unit.parent_org_unit_id, ancestors.distance + 1
    from ancestors
    inner join marts.dim_org_unit as unit on unit.org_unit_id = ancestors.ancestor_id and unit.is_current
    where unit.parent_org_unit_id is not null and ancestors.distance < 50
),
heads as (
    select
        ancestors.org_unit_id,
        unit.head_person_id as person_id,
        case when unit.parent_org_unit_id is null then 'enterprise_head' else 'unit_head' end as role,
        case when unit.parent_org_unit_id is null then 'company' else 'unit' end as source,
        100 + ancestors.distance as position
    from ancestors
    inner join marts.dim_org_unit as unit on unit.org_unit_id = ancestors.ancestor_id and unit.is_current
),
units_of_subjects as (
    select 'kpi' as subject_type, kpi_id as subject_id, org_unit_id from marts.dim_kpi where is_current
    union all
    select 'objective', objective_id, org_unit_id from marts.dim_objective where is_current
    union all
    select 'key_result', key_result.key_result_id, objective.org_unit_id
    from marts.dim_key_result as key_result
    inner join marts.dim_objective as objective
        on objective.objective_id = key_result.objective_id and objective.is_current
    where key_result.is_current
    union all
    select 'person', person_id, org_unit_id from marts.dim_person where is_current
    union all
    select 'unit', org_unit_id, org_unit_id from marts.dim_org_unit where is_current
),
feeds_of_subjects as (
    select 'kpi' as subject_type, kpi_id as subject_id, feed_id from marts.dim_kpi where is_current
    union all
    select 'feed', feed_id, feed_id from feeds
    union all
    select 'load', load_id, source_feed from lake.loads
),
candidates as (
    select subject_type, subject_id, person_id, role, 'kpi' as source,
        case role when 'accountable_owner' then 1 else 2 end as position
    from marts.dim_ownership
    where subject_type = 'kpi' and role in ('accountable_owner', 'data_steward') and is_current
    union all
    select 'key_result', key_result_id, champion_id, 'champion', 'key_result', 1
    from marts.dim_key_result where is_current
    union all
    select 'key_result', key_result.key_result_id, objective.owner_id, 'objective_owner', 'objective', 5
    from marts.dim_key_result as key_result
    inner join marts.dim_objective as objective
        on objective.objective_id = key_result.objective_id and objective.is_current
    where key_result.is_current
    union all
    select 'key_result', key_result.key_result_id, objective.sponsor_id, 'sponsor', 'objective', 6
    from marts.dim_key_result as key_result
    inner join marts.dim_objective as objective
        on objective.objective_id = key_result.objective_id and objective.is_current
    where key_result.is_current
    union all
    select 'objective', objective_id, owner_id, 'objective_owner', 'objective', 1
    from marts.dim_objective where is_current
    union all
    select 'objective', objective_id, sponsor_id, 'sponsor', 'objective', 2
    from marts.dim_objective where is_current
    union all
    select feeds_of_subjects.subject_type, feeds_of_subjects.subject_id, feeds.owner_id, 'feed_owner', 'feed', 3
    from feeds_of_subjects inner join feeds on feeds.feed_id = feeds_of_subjects.feed_id
    union all
    select feeds_of_subjects.subject_type, feeds_of_subjects.subject_id, feeds.steward_id, 'feed_steward', 'feed', 4
    from feeds_of_subjects inner join feeds on feeds.feed_id = feeds_of_subjects.feed_id
    union all
    select units_of_subjects.subject_type, units_of_subjects.subject_id, heads.person_id, heads.role, heads.source,
        heads.position
    from units_of_subjects inner join heads on heads.org_unit_id = units_of_subjects.org_unit_id
    union all
    select 'waiver', waiver_id, approved_by_id, 'approver', 'waiver', 1
    from newest_waivers
    union all
    select subjects.subject_type, subjects.subject_id, heads.person_id, heads.role, heads.source, 1000
    from subjects cross join heads
    where heads.role = 'enterprise_head'
),
present as (
    select candidates.*
    from candidates
    inner join subjects
        on subjects.subject_type = candidates.subject_type and subjects.subject_id = candidates.subject_id
    inner join marts.dim_person as person on person.person_id = candidates.person_id and person.is_current
    cross join audit.run as run
    where candidates.person_id not in ('(unowned)', '(unknown)')
        and coalesce(person.active_from, run.as_of) <= run.as_of
        and coalesce(person.active_to, run.as_of) >= run.as_of
        and not (candidates.subject_type = 'person' and candidates.person_id = candidates.subject_id)
),
ranked as (
    select
        finding.rule_id,
        finding.subject_type,
        finding.subject_id,
        present.role,
        present.person_id,
        present.source,
        row_number() over (
            partition by finding.rule_id, finding.subject_type, finding.subject_id
            order by present.role = finding.preferred_role desc, present.position, present.person_id
        ) as nearness
    from audit.findings as finding
    inner join present on present.subject_type = finding.subject_type and present.subject_id = finding.subject_id
)
select
    finding.*,
    coalesce(ranked.role, 'enterprise_head') as owner_role,
    coalesce(ranked.person_id, '(unowned)') as owner_id,
    coalesce(ranked.source, 'company') as owner_source
from audit.findings as finding
left join ranked
    on ranked.rule_id = finding.rule_id
    and ranked.subject_type = finding.subject_type
    and ranked.subject_id = finding.subject_id
    and ranked.nearness = 1
"""

# A waiver counts on the days from its approval to its expiry, both included, when somebody approved it who may and was
# there, and for no longer than the limit.
WAIVED = f"""
create or replace table {RESULTS} as
with {NEWEST_WAIVERS},
{WAIVER_APPROVERS},
counting as (
    select waiver.*
    from newest_waivers as waiver
    cross join audit.run as run
    where waiver.approved_on <= run.as_of
        and waiver.expires_on >= run.as_of
        and datediff('day', waiver.approved_on, waiver.expires_on) <= {LONGEST_WAIVER_DAYS}
        and {WAS_THERE}
        and {IS_APPROVER}
        and not {IS_OWNER}
),
matching as (
    select owned.rule_id, owned.subject_type, owned.subject_id, min(counting.waiver_id) as waiver_id
    from audit.owned as owned
    inner join counting
        on counting.rule_id = owned.rule_id
        and counting.subject_type = owned.subject_type
        and counting.subject_id = owned.subject_id
        and counting.approved_by_id <> owned.owner_id
    group by owned.rule_id, owned.subject_type, owned.subject_id
)
select
    owned.rule_id,
    owned.severity,
    case when matching.waiver_id is null then 'failed' else 'waived' end as outcome,
    owned.subject_type,
    owned.subject_id,
    owned.detail,
    owned.owner_role,
    owned.owner_id,
    owned.owner_source,
    matching.waiver_id,
    owned.source_file,
    owned.source_row,
    owned.source_load_id
from audit.owned as owned
left join matching
    on matching.rule_id = owned.rule_id
    and matching.subject_type = owned.subject_type
    and matching.subject_id = owned.subject_id
order by owned.rule_id, owned.subject_type, owned.subject_id
"""


def gather(
    session: AuditSession, catalogue: Catalogue, stage: Stage, evaluations: Sequence[Evaluation]
) -> tuple[list[Evaluation], pa.Table]:
    """Write down every offending subject of every failed rule.

    A rule whose violations cannot be written down, or turn out to be others than were counted, was not evaluated.

    Returns:
        The evaluations, and the results: columns of `INTEGRITY_RESULTS` less those of the run, one row per rule and
        subject.

    Raises:
        AuditError: Owners or waivers cannot be resolved on this warehouse.
    """
    session.run(FINDINGS)
    settled = [_gather_rule(session, catalogue.rule(entry.rule_id), stage, entry) for entry in evaluations]
    try:
        session.run(OWNERS)
        session.run(WAIVED)
        results = session.table(f"select * from {RESULTS}")
    except duckdb.Error as error:
        raise AuditError(
            f"the owners of the findings cannot be resolved: {first_line(error)}",
            remedy="build the warehouse again: the marts do not have the columns that the audit reads",
        ) from error
    return settled, results


def _gather_rule(session: AuditSession, rule: Rule, stage: Stage, evaluation: Evaluation) -> Evaluation:
    if not evaluation.violations:
        return evaluation
    check: Check = rule.checks[stage]
    statement = GATHER.format(shown=DETAILS_SHOWN, query=violations_query(rule.id, check))
    parameters = {"rule_id": rule.id, "severity": rule.severity, "preferred_role": rule.owner_role}
    try:
        session.run(statement, parameters)
        written = session.value(f"select coalesce(sum(violations), 0) from audit.findings where rule_id = '{rule.id}'")
    except duckdb.Error as error:
        return replace(evaluation, violations=None, error=first_line(error))
    if written != evaluation.violations:
        session.run("delete from audit.findings where rule_id = $rule_id", {"rule_id": rule.id})
        message = f"{evaluation.violations} violations were counted and {written} written down"
        return replace(evaluation, violations=None, error=message)
    return evaluation
