"""Column sets that every table of the lake shares."""

from __future__ import annotations

import pyarrow as pa

UTC_TIMESTAMP = pa.timestamp("us")
"""UTC without a zone marker: every engine that reads the lake agrees on it."""

ORIGIN: list[tuple[str, pa.DataType]] = [
    ("load_id", pa.string()),
    ("loaded_at", UTC_TIMESTAMP),
    ("source_feed", pa.string()),
    ("source_file", pa.string()),
    ("source_row", pa.int64()),
]
"""Where a row came from: the load, the feed, the file relative to its root, and the line in it."""

LINEAGE: list[tuple[str, pa.DataType]] = [*ORIGIN, ("row_hash", pa.string())]
"""The same and the hash of the record's content. Rows of feeds get theirs where they are read (decision 8)."""

LOADS = pa.schema(
    [
        ("load_id", pa.string()),
        ("kind", pa.string()),  # feed | definitions
        ("source_feed", pa.string()),
        ("source_file", pa.string()),
        ("file_bytes", pa.int64()),
        ("file_sha256", pa.string()),
        ("contract_hash", pa.string()),
        ("registry_hash", pa.string()),
        ("status", pa.string()),  # loaded | rejected
        ("reason_code", pa.string()),
        ("message", pa.string()),
        ("rows_read", pa.int64()),
        ("rows_accepted", pa.int64()),
        ("rows_quarantined", pa.int64()),
        ("rows_collapsed", pa.int64()),
        ("cells_absent", pa.int64()),
        ("rows_deleted", pa.int64()),  # tombstones written: keys that a full extract holds no more
        ("oldest_period_on", pa.date32()),
        ("newest_period_on", pa.date32()),
        ("started_at", UTC_TIMESTAMP),
        ("loaded_at", UTC_TIMESTAMP),
        ("duration_seconds", pa.float64()),
    ]
)
"""The load ledger, one row per load. Its row is the commit: data without it does not exist for readers."""
