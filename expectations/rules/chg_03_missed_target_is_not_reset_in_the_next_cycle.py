"""CHG-03: a missed target is not reset in the next cycle."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="CHG-03",
    slug="missed_target_is_not_reset_in_the_next_cycle",
    title="A missed target is not reset in the next cycle",
    why="Each quarter starts from a clean slate, and the miss is never discussed.",
    subject_type="key_result",
    severity="warn",
    owner_role="champion",
    remedy="Restore the ambition, or record the decision that lowers it.",
)
