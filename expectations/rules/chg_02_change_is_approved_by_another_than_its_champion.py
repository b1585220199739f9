"""CHG-02: the approver of a change is not its champion."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="CHG-02",
    slug="change_is_approved_by_another_than_its_champion",
    title="The approver of a change is not its champion",
    why="Nobody grants himself relief.",
    subject_type="key_result",
    severity="warn",
    owner_role="sponsor",
    remedy="Have the objective's sponsor decide on the change.",
)
