"""POL-02: every active KPI has a decision rule."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="POL-02",
    slug="active_kpi_has_a_decision_rule",
    title="Every active KPI has a decision rule",
    why="A number on which nobody would decide anything is decoration.",
    subject_type="kpi",
    severity="warn",
    owner_role="accountable_owner",
    remedy="State in `decision_rule` at which threshold what is decided in which forum.",
)
