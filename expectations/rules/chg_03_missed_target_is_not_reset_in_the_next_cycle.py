"""CHG-03: a missed target is not reset in the next cycle.

A request for the new key result's field, approved by another than its champion until the lock, records the decision.
"""

from __future__ import annotations

from expectations.goal_changes import JUDGED_CHANGES
from expectations.rule import Check, Rule

JUDGED = """
select count(distinct link.key_result_id)
from marts.bridge_key_result_kpi as link
inner join marts.dim_key_result as key_result
    on key_result.key_result_id = link.key_result_id and key_result.is_current
where link.is_current and link.link_type = 'measures' and key_result.state = 'committed'
"""

VIOLATIONS = (
    JUDGED_CHANGES
    + """
select
    subject_type,
    subject_id,
    '`' || field || '` ' || new_value || ' asks for less than the ' || old_value || ' that '
    || previous_key_result_id || ' missed on the same KPI' as detail,
    source_file,
    source_row,
    load_id
from changes
where kind = 'reset' and not is_permitted
"""
)

RULE = Rule(
    id="CHG-03",
    slug="missed_target_is_not_reset_in_the_next_cycle",
    title="A missed target is not reset in the next cycle",
    why="Each quarter starts from a clean slate, and the miss is never discussed.",
    subject_type="key_result",
    severity="warn",
    owner_role="champion",
    remedy="Restore the ambition, or file a change request with a permitted reason that is approved before the lock.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
