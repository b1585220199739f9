"""MAP-05: the graphs of objectives and of KPI drivers have no cycle."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="MAP-05",
    slug="alignment_and_driver_graphs_have_no_cycle",
    title="The graphs of objectives and of KPI drivers have no cycle",
    why="Two goals that support each other support nothing, and every roll-up over them runs in a circle.",
    subject_type="objective",
    severity="block",
    owner_role="objective_owner",
    remedy="Remove one `supports` or `drivers` entry of the circle.",
)
