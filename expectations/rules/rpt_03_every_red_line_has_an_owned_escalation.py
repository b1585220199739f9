"""RPT-03: every red key result, tremor and failed rule has an owned escalation with a due date."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="RPT-03",
    slug="every_red_line_has_an_owned_escalation",
    title="Every red key result, tremor and failed rule has an owned escalation with a due date",
    why="A report that nobody must act on is wallpaper.",
    subject_type="key_result",
    severity="block",
    owner_role="champion",
    remedy="Name who acts next and by when in `governance/escalations.yml`.",
    stages=("reports",),
)
