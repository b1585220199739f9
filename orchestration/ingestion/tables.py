"""Columns of what feeds leave in the lake."""

from __future__ import annotations

import pyarrow as pa

from orchestration.lake.columns import ORIGIN, UTC_TIMESTAMP

OBSERVATIONS = pa.schema(
    [
        ("kpi_id", pa.string()),
        ("period_start_on", pa.date32()),  # first day of the KPI's own grain
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("obs_status", pa.string()),  # SDMX observation status, A when the feed states none
        ("source_type", pa.string()),
        ("recorded_by", pa.string()),
        ("available_at", UTC_TIMESTAMP),  # when the source says it had the value, else null
        ("vintage_at", UTC_TIMESTAMP),  # available_at, else the file's declared vintage, else loaded_at
        *ORIGIN,
    ]
)
QUARANTINE = pa.schema(
    [
        ("reason_code", pa.string()),
        ("column_name", pa.string()),
        ("raw_value", pa.string()),
        ("raw_text", pa.string()),
        ("message", pa.string()),
        ("kpi_id", pa.string()),  # where it could be read
        *ORIGIN,
    ]
)
TABLES: dict[str, pa.Schema] = {"observations": OBSERVATIONS, "quarantine": QUARANTINE}
"""Lake entity -> Arrow schema."""
