"""OWN-04: ownership intervals neither overlap nor leave gaps inside the cycle."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="OWN-04",
    slug="ownership_has_neither_gap_nor_overlap",
    title="Ownership intervals neither overlap nor leave gaps inside the cycle",
    why="In a gap nobody answers for the number; in an overlap each owner means the other.",
    subject_type="kpi",
    severity="withhold",
    owner_role="unit_head",
    remedy="Let each interval in `owners` start on the day after the one before it ended.",
)
