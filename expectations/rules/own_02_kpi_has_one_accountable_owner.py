"""OWN-02: an active KPI has exactly one accountable owner.

Whoever has delegated the role for a time does not hold it meanwhile.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from marts.dim_kpi where is_current and lifecycle = 'active'"

VIOLATIONS = """
with owners as (
    select
        ownership.subject_id as kpi_id,
        count(distinct ownership.person_id) as people,
        string_agg(distinct ownership.person_id, ', ' order by ownership.person_id) as names
    from marts.dim_ownership as ownership
    left join marts.dim_ownership as stand_in
        on stand_in.subject_type = 'kpi' and stand_in.role = 'accountable_owner' and stand_in.is_current
        and stand_in.subject_id = ownership.subject_id
        and stand_in.delegated_from_id = ownership.person_id and stand_in.person_id <> ownership.person_id
    where ownership.subject_type = 'kpi' and ownership.role = 'accountable_owner' and ownership.is_current
        and ownership.person_id <> '(unowned)' and stand_in.person_id is null
    group by ownership.subject_id
)
select
    'kpi' as subject_type,
    kpi.kpi_id as subject_id,
    case
        when owners.people is null then 'nobody is its accountable owner'
        else owners.people || ' people are its accountable owner at once: ' || owners.names
    end as detail,
    kpi.source_file,
    kpi.source_row,
    kpi.load_id
from marts.dim_kpi as kpi
left join owners on owners.kpi_id = kpi.kpi_id
where kpi.is_current and kpi.lifecycle = 'active' and coalesce(owners.people, 0) <> 1
"""

RULE = Rule(
    id="OWN-02",
    slug="kpi_has_one_accountable_owner",
    title="An active KPI has exactly one accountable owner",
    why="A number without an owner drifts unseen; a number with two is somebody else's problem to each of them.",
    subject_type="kpi",
    severity="withhold",
    owner_role="accountable_owner",
    remedy="Leave exactly one person with the role `accountable_owner` for this day in the KPI's `owners`.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED)},
)
