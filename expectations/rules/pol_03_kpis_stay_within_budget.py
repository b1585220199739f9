"""POL-03: KPIs per accountable owner and per report stay within budget."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="POL-03",
    slug="kpis_stay_within_budget",
    title="KPIs per accountable owner and per report stay within budget",
    why="Whoever answers for thirty numbers answers for none.",
    subject_type="person",
    severity="warn",
    owner_role="unit_head",
    remedy="Retire KPIs, or spread them over more owners.",
)
