"""Which waivers count: the same conditions for the audit, which honours them, and for GOV-01, which names the rest."""

from __future__ import annotations

LONGEST_WAIVER_DAYS = 90
"""Longest that a waiver may run, from approval to expiry."""

NEWEST_WAIVERS = """
newest_waivers as (
    select *
    from (
        select *, row_number() over (partition by waiver_id order by loaded_at desc, load_id desc) as newest
        from lake.definitions_waivers
    ) as versions
    where newest = 1 and not coalesce(is_deleted, false)
)
"""

# The sponsor of the subject; controllers and the head of the enterprise for any subject.
WAIVER_APPROVERS = """
waiver_approvers as (
    select 'objective' as subject_type, objective_id as subject_id, sponsor_id as person_id
    from marts.dim_objective
    where is_current
    union all
    select 'key_result', key_result.key_result_id, objective.sponsor_id
    from marts.dim_key_result as key_result
    inner join marts.dim_objective as objective
        on objective.objective_id = key_result.objective_id and objective.is_current
    where key_result.is_current
    union all
    select 'kpi', link.kpi_id, objective.sponsor_id
    from marts.bridge_key_result_kpi as link
    inner join marts.dim_key_result as key_result
        on key_result.key_result_id = link.key_result_id and key_result.is_current
    inner join marts.dim_objective as objective
        on objective.objective_id = key_result.objective_id and objective.is_current
    where link.is_current
    union all
    select subject_type, subject_id, person_id
    from marts.dim_ownership
    where role = 'sponsor' and is_current
    union all
    select '(any)', '(any)', person_id
    from marts.dim_ownership
    where role = 'controller' and is_current
    union all
    select '(any)', '(any)', head_person_id
    from marts.dim_org_unit
    where is_current and parent_org_unit_id is null
),
subject_owners as (
    select subject_type, subject_id, person_id
    from marts.dim_ownership
    where role in ('accountable_owner', 'data_steward', 'champion', 'owner') and is_current
)
"""

IS_APPROVER = """
exists (
    select 1
    from waiver_approvers as approver
    where approver.person_id = waiver.approved_by_id
        and (
            approver.subject_type = '(any)'
            or (approver.subject_type = waiver.subject_type and approver.subject_id = waiver.subject_id)
        )
)
"""
IS_OWNER = """
exists (
    select 1
    from subject_owners as owned
    where owned.person_id = waiver.approved_by_id
        and owned.subject_type = waiver.subject_type
        and owned.subject_id = waiver.subject_id
)
"""
WAS_THERE = """
exists (
    select 1
    from marts.dim_person as person
    where person.person_id = waiver.approved_by_id
        and person.is_current
        and coalesce(person.active_from, waiver.approved_on) <= waiver.approved_on
        and coalesce(person.active_to, waiver.approved_on) >= waiver.approved_on
)
"""
