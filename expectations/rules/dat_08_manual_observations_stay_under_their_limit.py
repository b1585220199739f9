"""DAT-08: the share of manual or spreadsheet observations stays under its limit."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="DAT-08",
    slug="manual_observations_stay_under_their_limit",
    title="The share of manual or spreadsheet observations stays under its limit",
    why="What is typed by hand can be typed to please, and leaves no trail.",
    subject_type="kpi",
    severity="warn",
    owner_role="data_steward",
    remedy="Replace the sheet by a feed of the system that holds the number.",
)
