"""What the weekly review works from: what changed in a week, what must be decided and by whom.

Only exceptions: whatever is as it should be has no row here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from orchestration.publication.tables import Row, rows_of

WEEK_DAYS = 7
SOON_DAYS = 14
"""How far ahead a review looks for what is due: the one after next would find it late."""

_PEOPLE = """
with run as (select as_of from intermediate.int_run__context),
people as (select person_id, any_value(person_name) as name from marts.dim_person where is_current group by person_id)
"""
_STATUS_CHANGES = f"""{_PEOPLE}
select
    now.key_result_id, now.key_result_title, before.status as status_before, now.status, now.champion_name,
    now.org_unit_name, now.null_reason
from reports.rpt_okr_scorecard as now
cross join run
inner join marts.fct_key_result_daily as before
    on before.key_result_id = now.key_result_id and before.as_of = now.as_of - {WEEK_DAYS}
where not now.is_withheld and before.status <> now.status and now.as_of > run.as_of - {WEEK_DAYS}
order by case now.status when 'off_track' then 1 when 'not_assessable' then 2 when 'at_risk' then 3 else 4 end,
    now.key_result_title
"""
_GOAL_CHANGES = f"""{_PEOPLE}
select
    ledger.subject_name, ledger.subject_id, ledger.field, ledger.old_value, ledger.new_value, ledger.difficulty,
    ledger.owner_name, ledger.not_permitted_reason, ledger.changed_on, ledger.kind
from reports.rpt_goalpost_ledger as ledger, run
where ledger.changed_on > run.as_of - {WEEK_DAYS} and ledger.changed_on <= run.as_of
    and (ledger.is_after_lock or ledger.kind = 'reset')
order by ledger.is_permitted, ledger.changed_on desc, ledger.subject_name, ledger.field
"""
_SCORE_CHANGES = """
select
    key_result_id, key_result_title, cycle_name, champion_name, score, restated_score, score_difference,
    restatement_count, closed_on
from reports.rpt_cycle_score
where not is_withheld and (abs(coalesce(score_difference, 0)) > 1e-9 or restatement_count > 0)
order by abs(coalesce(score_difference, 0)) desc, key_result_title
"""
_DECISIONS = f"""{_PEOPLE},
open_cycles as (
    select cycle_id, coalesce(locks_on, starts_on) as locks_on from marts.dim_cycle, run
    where coalesce(closes_on, ends_on) >= run.as_of
),
decisions as (
    select 'plan' as kind, readiness.key_result_title as subject_name, readiness.key_result_id as subject_id,
        readiness.action || coalesce(' (' || readiness.evidence || ')', '') as wanted, readiness.owner_name as by_name,
        readiness.due_on
    from reports.rpt_plan_readiness as readiness, run
    where not readiness.is_met and not readiness.is_locked and readiness.due_on <= run.as_of + {SOON_DAYS}
    union all
    select 'capacity', capacity.org_unit_name, capacity.org_unit_id,
        'Cut ' || capacity.cut_first || ', or find capacity: the load is '
            || cast(round(100 * capacity.load_share) as integer) || ' %', capacity.head_name, open_cycles.locks_on
    from reports.rpt_capacity as capacity
    inner join open_cycles on open_cycles.cycle_id = capacity.cycle_id
    where capacity.capacity_verdict = 'exceeds'
    union all
    select 'dependency', coalesce(dependency.description, dependency.dependency_id), dependency.dependency_id,
        case dependency.state when 'overdue' then 'Deliver it, or say by when' else 'Confirm it, or say no' end,
        coalesce(people.name, dependency.provider_head_id), dependency.needed_by
    from marts.fct_dependency as dependency
    cross join run
    inner join open_cycles on open_cycles.cycle_id = dependency.cycle_id
    left join people on people.person_id = dependency.provider_head_id
    where dependency.state in ('overdue', 'unconfirmed') and dependency.needed_by <= run.as_of + {SOON_DAYS}
    union all
    select distinct 'goalpost', ledger.subject_name, ledger.subject_id,
        'Approve the change of ' || ledger.field || ' with a permitted reason, or take it back: '
            || replace(ledger.not_permitted_reason, '_', ' '),
        coalesce(people.name, objective.sponsor_id, ledger.owner_name), ledger.changed_on
    from reports.rpt_goalpost_ledger as ledger
    inner join open_cycles on open_cycles.cycle_id = ledger.cycle_id
    left join marts.dim_key_result as goal
        on ledger.subject_type = 'key_result' and goal.key_result_id = ledger.subject_id and goal.is_current
    left join marts.dim_objective as objective
        on objective.objective_id = goal.objective_id and objective.is_current
    left join people on people.person_id = objective.sponsor_id
    where ledger.is_after_lock and not ledger.is_permitted and ledger.kind <> 'reset'
)
select * from decisions order by due_on nulls last, by_name, kind, subject_id
"""


@dataclass(frozen=True)
class WeeklyFacts:
    """The week up to a business date.

    Attributes:
        as_of: Business date.
        status_changes: Key results whose status is another than a week ago.
        goal_changes: Changes after the lock, and resets, of the week.
        score_changes: Closed key results whose figures were restated since.
        decisions: What is wanted of whom.
    """

    as_of: date
    status_changes: Sequence[Row]
    goal_changes: Sequence[Row]
    score_changes: Sequence[Row]
    decisions: Sequence[Row]


def read_week(connection: duckdb.DuckDBPyConnection) -> WeeklyFacts:
    """Read the week of a warehouse whose reports were built and audited."""
    (day,) = connection.execute("select as_of from intermediate.int_run__context").fetchone() or (date.min,)
    return WeeklyFacts(
        as_of=day,
        status_changes=rows_of(connection, _STATUS_CHANGES),
        goal_changes=rows_of(connection, _GOAL_CHANGES),
        score_changes=rows_of(connection, _SCORE_CHANGES),
        decisions=rows_of(connection, _DECISIONS),
    )
