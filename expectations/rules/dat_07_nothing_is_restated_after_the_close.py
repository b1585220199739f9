"""DAT-07: nothing is restated after the cycle closed without a change request."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="DAT-07",
    slug="nothing_is_restated_after_the_close",
    title="Nothing is restated after the cycle closed without a change request",
    why="A score that was agreed changes afterwards, and nobody decided that.",
    subject_type="kpi",
    severity="warn",
    owner_role="data_steward",
    remedy="File a change request with its reason, or have the source withdraw the restatement.",
)
