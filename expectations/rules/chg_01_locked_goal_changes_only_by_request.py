"""CHG-01: after the lock nothing changes without an approved request and a permitted reason."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="CHG-01",
    slug="locked_goal_changes_only_by_request",
    title="After the lock nothing changes without an approved request and a permitted reason",
    why="A target that moves towards the result is always met.",
    subject_type="key_result",
    severity="warn",
    owner_role="champion",
    remedy="File a change request with a permitted reason, or restore the locked value; the score uses the locked one.",
)
