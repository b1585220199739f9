"""OWN-05: owners are active people for the whole interval.

The interval is judged as far as it has come: from the start of the cycle (of the key result, when it starts later) to
as_of, or to the cycle's end when that is past. What happened to a person after the cycle does not spoil a score that
was earned while they were there, and an owner who will leave next month is not missing yet.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

SUBJECTS = """
with open_cycles as (
    select coalesce(min(dim_cycle.starts_on), max(run.as_of)) as since_on
    from audit.run as run
    left join marts.dim_cycle as dim_cycle
        on dim_cycle.starts_on <= run.as_of and (dim_cycle.ends_on >= run.as_of or dim_cycle.closes_on > run.as_of)
),
subjects as (
    select
        'kpi' as subject_type, kpi.kpi_id as subject_id, open_cycles.since_on as from_on, run.as_of as until_on,
        kpi.source_file, kpi.source_row, kpi.load_id
    from marts.dim_kpi as kpi
    cross join open_cycles
    cross join audit.run as run
    where kpi.is_current and kpi.lifecycle = 'active'
    union all
    select
        'key_result', key_result.key_result_id, key_result.starts_on, least(run.as_of, dim_cycle.ends_on),
        key_result.source_file, key_result.source_row, key_result.load_id
    from marts.dim_key_result as key_result
    cross join audit.run as run
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = key_result.cycle_id
    where key_result.is_current and key_result.state = 'committed'
        and dim_cycle.starts_on <= run.as_of and key_result.starts_on <= run.as_of
    union all
    select
        'objective', objective.objective_id, dim_cycle.starts_on, least(run.as_of, dim_cycle.ends_on),
        objective.source_file, objective.source_row, objective.load_id
    from marts.dim_objective as objective
    cross join audit.run as run
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = objective.cycle_id
    where objective.is_current and objective.state = 'committed' and dim_cycle.starts_on <= run.as_of
)
"""

JUDGED = SUBJECTS + "select count(*) from subjects"

# An ownership's owned_to is the first day after it, a person's active_to the last day at work.
VIOLATIONS = (
    SUBJECTS
    + """,
held as (
    select
        subjects.*,
        ownership.role,
        ownership.person_id,
        greatest(coalesce(ownership.owned_from, subjects.from_on), subjects.from_on) as held_from_on,
        least(coalesce(ownership.owned_to - 1, subjects.until_on), subjects.until_on) as held_until_on
    from subjects
    inner join marts.dim_ownership as ownership
        on ownership.subject_type = subjects.subject_type and ownership.subject_id = subjects.subject_id
)
select
    held.subject_type,
    held.subject_id,
    held.person_id || case
        when person.active_to < held.held_until_on
            then ' left on ' || person.active_to || ' and holds the role ' || held.role || ' to ' || held.held_until_on
        else ' started on ' || person.active_from || ' and holds the role ' || held.role || ' from '
            || held.held_from_on
    end as detail,
    held.source_file,
    held.source_row,
    held.load_id
from held
inner join marts.dim_person as person on person.person_id = held.person_id and person.is_current
where held.held_from_on <= held.held_until_on
    and (person.active_from > held.held_from_on or person.active_to < held.held_until_on)
"""
)

RULE = Rule(
    id="OWN-05",
    slug="owners_are_active_people",
    title="Owners are active people for the whole interval",
    why="A number that belongs to somebody who left belongs to nobody, and the register still says otherwise.",
    subject_type="kpi",
    severity="withhold",
    owner_role="unit_head",
    remedy="End the interval of whoever left with their last day, and name a successor from the day after.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
