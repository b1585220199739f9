"""OWN-06: the steward of a shared KPI champions no key result measured by it."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="OWN-06",
    slug="shared_kpi_steward_champions_no_key_result_on_it",
    title="The steward of a shared KPI champions no key result measured by it",
    why="Whoever is judged by a number must not also be the one who vouches for it.",
    subject_type="kpi",
    severity="warn",
    owner_role="unit_head",
    remedy="Give the stewardship or the key result to another person.",
)
