"""What the rules on goal changes share: which changes they judge, and how they tell one."""

from __future__ import annotations

# A cycle is judged until it is closed. What changed after its close is an edit of a score, and stays a finding.
JUDGED_CHANGES = """
with changes as (
    select
        change.*,
        '`' || change.field || '` ' || coalesce(change.old_value, '(none)') || ' -> '
        || coalesce(change.new_value, '(none)') || coalesce(' (' || change.difficulty || ')', '')
        || case change.kind
            when 'rewrite' then ', rewritten on ' || change.changed_on || ' for the days from ' || change.effective_on
            else ' on ' || change.changed_on
        end
        || coalesce(', when ' || cast(round(100 * change.elapsed_share) as integer) || ' % of the time had gone', '')
        as told
    from marts.fct_goal_change as change
    cross join audit.run as run
    left join marts.dim_cycle as cycle on cycle.cycle_id = change.cycle_id
    where coalesce(cycle.closes_on, cycle.ends_on, run.as_of) >= run.as_of
        or change.changed_on > coalesce(cycle.closes_on, cycle.ends_on)
)
"""
