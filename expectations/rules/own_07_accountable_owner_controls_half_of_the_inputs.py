"""OWN-07: the accountable owner controls at least half of the KPI's inputs."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="OWN-07",
    slug="accountable_owner_controls_half_of_the_inputs",
    title="The accountable owner controls at least half of the KPI's inputs",
    why="Accountability without control teaches people to explain numbers, not to move them.",
    subject_type="kpi",
    severity="warn",
    owner_role="accountable_owner",
    remedy="Move the KPI to the unit that holds its levers, or record in `inputs` what the owner controls.",
)
