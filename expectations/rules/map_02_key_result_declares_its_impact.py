"""MAP-02: a committed key result names the KPIs it touches, or attests that it touches none."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="MAP-02",
    slug="key_result_declares_its_impact",
    title="A committed key result names the KPIs it touches, or attests that it touches none",
    why="The cost of a key result lands in another department, where nobody connects it to its cause.",
    subject_type="key_result",
    severity="withhold",
    owner_role="champion",
    remedy="Add an `impacts` or `guardrail` link, or a dated `attestation` that the work touches no other KPI.",
)
