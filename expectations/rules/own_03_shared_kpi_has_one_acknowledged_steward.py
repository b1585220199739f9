"""OWN-03: a shared KPI has one data steward, who acknowledged it before the cycle starts."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="OWN-03",
    slug="shared_kpi_has_one_acknowledged_steward",
    title="A shared KPI has one data steward, who acknowledged it before the cycle starts",
    why="Two units read one number; when it is wrong, each waits for the other to say so.",
    subject_type="kpi",
    severity="withhold",
    owner_role="data_steward",
    remedy="Name one data steward in the KPI's `owners` and enter `acknowledged_on` before the cycle starts.",
)
