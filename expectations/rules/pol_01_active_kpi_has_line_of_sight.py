"""POL-01: every active KPI has line of sight to a key result or a constraint."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="POL-01",
    slug="active_kpi_has_line_of_sight",
    title="Every active KPI has line of sight to a key result or a constraint",
    why="Numbers that serve no goal crowd out those that do.",
    subject_type="kpi",
    severity="warn",
    owner_role="accountable_owner",
    remedy="Link the KPI to what it serves, or move it to lifecycle `shadow`.",
)
