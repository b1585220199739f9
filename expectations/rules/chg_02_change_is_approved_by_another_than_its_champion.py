"""CHG-02: the approver of a change is not its champion, nor of a KPI its owner or who is measured by it."""

from __future__ import annotations

from expectations.goal_changes import JUDGED_CHANGES
from expectations.rule import Check, Rule

JUDGED = JUDGED_CHANGES + "select count(*) from changes where change_request_id is not null"

VIOLATIONS = (
    JUDGED_CHANGES
    + """
select
    subject_type,
    subject_id,
    told || ': ' || approver_id || ', who approved ' || change_request_id || ', answers for it' as detail,
    source_file,
    source_row,
    load_id
from changes
where is_approver_owner
"""
)

RULE = Rule(
    id="CHG-02",
    slug="change_is_approved_by_another_than_its_champion",
    title="The approver of a change is not its champion",
    why="Nobody grants himself relief.",
    subject_type="key_result",
    severity="warn",
    owner_role="sponsor",
    remedy="Have the objective's sponsor decide on the change.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
