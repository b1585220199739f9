"""RPT-01: reported and computed status differ by at most one level."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="RPT-01",
    slug="reported_status_agrees_with_computed",
    title="Reported and computed status differ by at most one level",
    why="A champion's green over a computed red is where surprises come from.",
    subject_type="key_result",
    severity="warn",
    owner_role="champion",
    remedy="Discuss the difference with the reviewer, and correct the check-in or the measure.",
    stages=("reports",),
)
