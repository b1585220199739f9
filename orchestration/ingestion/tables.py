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
KEY_RESULT_EVENTS = pa.schema(
    [
        ("key_result_id", pa.string()),
        ("event_id", pa.string()),  # of the source, else the milestone's
        ("event_type", pa.string()),  # release | milestone
        ("milestone_id", pa.string()),  # the milestone that it completes
        ("occurred_on", pa.date32()),  # in the feed's time zone
        ("occurred_at", UTC_TIMESTAMP),  # null where the feed gives days
        ("title", pa.string()),
        ("reference", pa.string()),
        ("is_deleted", pa.bool_()),  # a full extract holds it no more
        ("source_type", pa.string()),
        ("available_at", UTC_TIMESTAMP),  # when the source says it knew of it, else null
        ("vintage_at", UTC_TIMESTAMP),  # available_at, else loaded_at
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
        ("key_result_id", pa.string()),  # of events, where it could be read
        *ORIGIN,
    ]
)
TABLES: dict[str, pa.Schema] = {
    "observations": OBSERVATIONS,
    "key_result_events": KEY_RESULT_EVENTS,
    "quarantine": QUARANTINE,
}
"""Lake entity -> Arrow schema."""
