"""CHG-01: after the lock nothing changes without an approved request and a permitted reason.

Counted are changes of key results, of the KPIs that measure them, and of the cycle's own dates, whether they make the
goal easier or harder, and those that rewrite the days before they became known. That the approver is the champion is
the finding of CHG-02.
"""

from __future__ import annotations

from expectations.goal_changes import JUDGED_CHANGES
from expectations.rule import Check, Rule

JUDGED = JUDGED_CHANGES + "select count(*) from changes where is_after_lock"

VIOLATIONS = (
    JUDGED_CHANGES
    + """
select
    subject_type,
    subject_id,
    told || ': ' || case not_permitted_reason
        when 'no_request' then 'no change request names it'
        when 'not_approved' then 'the request ' || change_request_id || ' is not approved'
        when 'reason_not_permitted' then 'the reason ' || coalesce(reason_code, '(none)') || ' of the request '
            || change_request_id || ' is not permitted'
        when 'approved_late' then 'the request ' || change_request_id || ' was approved on ' || approved_on
        when 'filed_late' then 'the approval of ' || change_request_id || ' stood in no register at the time'
        when 'request_already_used' then 'the approval of ' || change_request_id || ' covered an earlier change'
        else not_permitted_reason
    end as detail,
    source_file,
    source_row,
    load_id
from changes
where is_after_lock and not is_permitted and not_permitted_reason <> 'approver_is_champion'
"""
)

RULE = Rule(
    id="CHG-01",
    slug="locked_goal_changes_only_by_request",
    title="After the lock nothing changes without an approved request and a permitted reason",
    why="A target that moves towards the result is always met.",
    subject_type="key_result",
    severity="warn",
    owner_role="champion",
    remedy="File a change request with a permitted reason, or restore the locked value; the score uses the locked one.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
