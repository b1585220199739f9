"""Columns of what the close of a cycle leaves in the lake."""

from __future__ import annotations

import pyarrow as pa

from orchestration.lake.columns import UTC_TIMESTAMP

CYCLE_SCORES = pa.schema(
    [
        ("load_id", pa.string()),
        ("loaded_at", UTC_TIMESTAMP),
        ("run_id", pa.string()),
        ("as_of", pa.date32()),  # business date of the release that said it first
        ("cycle_id", pa.string()),
        ("closed_on", pa.date32()),
        ("key_result_id", pa.string()),
        ("objective_id", pa.string()),
        ("org_unit_id", pa.string()),
        ("champion_id", pa.string()),
        ("unit", pa.string()),
        ("measured_value", pa.float64()),
        ("score", pa.float64()),  # attainment against the locked goal, not clamped
        ("score_null_reason", pa.string()),
        ("attainment_vs_current", pa.float64()),
        ("status", pa.string()),
        ("is_achieved", pa.bool_()),  # null when the score is
        ("reported_status", pa.string()),
        ("reported_confidence", pa.float64()),
    ]
)
TABLES: dict[str, pa.Schema] = {"cycle_scores": CYCLE_SCORES}
"""Lake entity -> Arrow schema."""
