"""DAT-04: at least 95 % of the periods due so far are present."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="DAT-04",
    slug="due_periods_are_present",
    title="At least 95 % of the periods due so far are present",
    why="A KPI that is only sent on good days looks good.",
    subject_type="kpi",
    severity="withhold",
    owner_role="data_steward",
    remedy="Ask the feed's owner for the missing periods and load them.",
)
