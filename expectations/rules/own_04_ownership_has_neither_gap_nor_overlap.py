"""OWN-04: ownership intervals neither overlap nor leave gaps inside the cycle.

Judged are open cycles as far as they have come: who will hold the role next month can still be settled.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = """
select count(*)
from (
    select distinct subject_type, subject_id from marts.dim_ownership
    where is_current and role in ('accountable_owner', 'data_steward', 'champion', 'reviewer', 'owner')
) as subjects
"""

VIOLATIONS = """
select
    gap.subject_type,
    gap.subject_id,
    case gap.kind
        when 'gap' then 'nobody is its ' || replace(gap.role, '_', ' ')
        else gap.people || ' are its ' || replace(gap.role, '_', ' ') || ' at once'
    end || ' from ' || gap.from_on || case
        when gap.until_on > run.as_of then ' on'
        else ' to ' || (gap.until_on - 1)
    end as detail,
    gap.source_file,
    gap.source_row,
    gap.load_id
from marts.fct_ownership_gap as gap
inner join audit.run as run on gap.from_on <= run.as_of
inner join marts.dim_cycle as cycle
    on cycle.cycle_id = gap.cycle_id
    and cycle.starts_on <= run.as_of
    and (cycle.ends_on >= run.as_of or cycle.closes_on > run.as_of)
"""

RULE = Rule(
    id="OWN-04",
    slug="ownership_has_neither_gap_nor_overlap",
    title="Ownership intervals neither overlap nor leave gaps inside the cycle",
    why="In a gap nobody answers for the number; in an overlap each owner means the other.",
    subject_type="kpi",
    severity="withhold",
    owner_role="unit_head",
    remedy="Let each interval in `owners` start on the day after the one before it ended.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
