"""The table of bad inputs, row by row: what feeds do with each. The numbers are those of quality.md 1.2.

Inputs of company files, sources and rules have their tables beside what reads them: YAML in test_yaml_reader, workbooks
in test_xlsx, addresses and secrets in test_source_contracts, meaning in tests/unit/expectations.
"""

from __future__ import annotations

import gzip
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.ingestion.reasons import REASONS
from tests.unit.ingestion.small_feed import HEADER, LONG

GOOD = HEADER + "latency,2026-01-05,12.5\n"
STATUS = {"columns": LONG | {"obs_status": "status"}}
SENT = {"columns": LONG | {"available_at": "sent"}}
UNIT = {"columns": LONG | {"unit": "unit"}}
JSON = '{"kpi": "latency", "day": "2026-01-06", "value": %s}\n'
JSONL = {"format": "jsonl"}
PARQUET = {"format": "parquet"}
LOADED, REJECTED, QUARANTINED = "loaded", "rejected", "quarantined"


def parquet(**columns: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def sent(text: str) -> str:
    return f"kpi,day,value,sent\nlatency,2026-01-05,1,{text}\n"


DAY = {"kpi": ["latency"], "day": ["2026-01-06"]}
TABLE: list[tuple[int, str | bytes, dict, str, str | None]] = [
    (1, "\ufeff" + GOOD, {}, LOADED, None),
    (2, GOOD.encode("utf-16"), {}, REJECTED, "bad_encoding"),
    (2, GOOD.encode() + b"gr\xf6\xdfe,2026-01-06,1\n", {}, QUARANTINED, "bad_encoding"),
    (2, (GOOD + "größe,2026-01-06,1\n").encode("cp1252"), {"encoding": "cp1252"}, LOADED, None),
    (3, GOOD + "latency,2026-01-06\n", {}, QUARANTINED, "ragged_row"),
    (4, GOOD + "latency,2026-01-06,1,2\n", {}, QUARANTINED, "ragged_row"),
    (5, GOOD + '"latency,2026-01-06,1\nlatency,2026-01-07,1\n', {}, REJECTED, "unreadable_file"),
    (6, GOOD + "lat\x00ency,2026-01-06,1\n", {}, QUARANTINED, "bad_encoding"),
    (7, GOOD + 'latency,2026-01-06,"1.234,56"\n', {}, QUARANTINED, "not_a_number"),
    (7, "kpi;day;value\nlatency;2026-01-06;2,5\n", {"delimiter": ";", "decimal_mark": ","}, LOADED, None),
    (8, GOOD + "latency,2026-01-06,NaN\n", {}, QUARANTINED, "not_finite"),
    (8, GOOD + "latency,2026-01-06,-Infinity\n", {}, QUARANTINED, "not_finite"),
    (8, GOOD + "latency,2026-01-06,1e400\n", {}, QUARANTINED, "not_finite"),
    (9, GOOD + "NA,2026-01-06,1\n", {}, QUARANTINED, "unknown_kpi"),
    (9, GOOD + "null,2026-01-06,1\n", {}, QUARANTINED, "unknown_kpi"),
    (10, GOOD + "007,2026-01-06,1\n", {}, QUARANTINED, "unknown_kpi"),
    (11, GOOD + "latency,2026-01-06,9223372036854775808\n", {}, QUARANTINED, "out_of_range"),
    (11, GOOD + "latency,2026-01-06,9007199254740993\n", {}, QUARANTINED, "out_of_range"),
    (12, "kpi,day,value,value\nlatency,2026-01-06,1,2\n", {}, REJECTED, "unexpected_column"),
    (13, "value,day,kpi\n12.5,2026-01-05,latency\n", {}, LOADED, None),
    (14, "kpi,day,amount\nlatency,2026-01-06,1\n", {}, REJECTED, "missing_column"),
    (14, "kpi,day\nlatency,2026-01-06\n", {}, REJECTED, "missing_column"),
    (15, "latency,2026-01-06,1\nlatency,2026-01-07,1\n", {}, REJECTED, "missing_column"),
    (16, GOOD + "latency,2026-02-30,1\n", {}, QUARANTINED, "impossible_date"),
    (16, GOOD + "latency,01/02/2026,1\n", {}, QUARANTINED, "not_a_date"),
    (17, "", {}, REJECTED, "empty_file"),
    (18, HEADER, {}, REJECTED, "empty_file"),
    (18, HEADER, {"may_be_empty": True}, LOADED, None),
    (20, GOOD + "latency,2026-01-0", {}, QUARANTINED, "ragged_row"),
    (21, HEADER.replace("\n", "\r\n") + "latency,2026-01-06,1\nlatency,2026-01-07,2\r", {}, LOADED, None),
    (22, HEADER + "on_time,2026-01-05,0.45\non_time,2026-01-06,45%\n", {}, QUARANTINED, "not_a_number"),
    (22, HEADER + "on_time,2026-01-06,45%\n", {"unit": "percent", "scale": 0.01}, LOADED, None),
    (23, GOOD.replace(",", ";"), {}, REJECTED, "missing_column"),
    (24, HEADER + "latency,2026-01-05,12.5\n" * 30_000 + "latency,2026-01-06,x\n", {}, QUARANTINED, "not_a_number"),
    (25, HEADER + "latency ,2026-01-06,1\n", {}, LOADED, None),
    (25, GOOD + "latency\u200b,2026-01-06,1\n", {}, QUARANTINED, "unknown_kpi"),
    (26, sent("2026-01-06T06:00:00"), SENT, QUARANTINED, "ambiguous_local_time"),
    (26, sent("2026-01-06T06:00:00"), SENT | {"time_zone": "UTC"}, LOADED, None),
    (27, sent("2025-03-09 02:30:00"), SENT | {"time_zone": "America/New_York"}, QUARANTINED, "nonexistent_local_time"),
    (27, sent("2025-11-02 01:30:00"), SENT | {"time_zone": "America/New_York"}, QUARANTINED, "ambiguous_local_time"),
    (28, GOOD + f"latency,2026-01-06,{'1' * 3_000_000}\n", {}, QUARANTINED, "ragged_row"),
    (29, "kpi,day,value,status\nlatency,2026-01-06,1,=HYPERLINK(1)\n", STATUS, LOADED, None),
    (30, "kpi,day,value,status\nlatency,2026-01-06,1,<script>\n", STATUS, LOADED, None),
    (33, JSON % '1, "value": 2', JSONL, QUARANTINED, "ragged_row"),
    (34, JSON % "NaN", JSONL, QUARANTINED, "not_finite"),
    (35, JSON % ("9" * 5_000), JSONL, QUARANTINED, "not_finite"),
    (35, "[" * 100_000, {"format": "json"}, REJECTED, "unreadable_file"),
    (36, JSON % '1, "note": "\\ud800"', JSONL | {"on_schema_change": "evolve"}, QUARANTINED, "ragged_row"),
    (37, JSON % "1" + (JSON % "2")[:-10], JSONL, QUARANTINED, "ragged_row"),
    (43, parquet(**DAY, value=[1.0])[:-20], PARQUET, REJECTED, "unreadable_file"),
    (43, b"", PARQUET, REJECTED, "empty_file"),
    (44, parquet(**DAY, value=[[1.0]]), PARQUET, REJECTED, "unreadable_file"),
    (45, parquet(**DAY, amount=[1.0]), PARQUET, REJECTED, "missing_column"),
    (46, parquet(**DAY, value=pa.array([2**64 - 1], pa.uint64())), PARQUET, QUARANTINED, "out_of_range"),
    (52, GOOD + "'; drop table staged; --,2026-01-06,1\n", {}, QUARANTINED, "unknown_kpi"),
    (53, GOOD + "latency,2026-01-05,12.50\n", {}, LOADED, None),
    (54, GOOD + "latency,2026-01-05,13\n", {}, QUARANTINED, "duplicate_in_file"),
    (57, GOOD + "latency,2026-03-02,1\n", {}, QUARANTINED, "future_period"),
    (58, GOOD + "latensy,2026-01-06,1\n", {}, QUARANTINED, "unknown_kpi"),
    (58, GOOD + "fax_count,2026-01-06,1\n", {}, QUARANTINED, "retired_kpi"),
    (58, GOOD + ",2026-01-06,1\n", {}, QUARANTINED, "missing_value"),
    (70, "kpi,day,value,unit\nlatency,2026-01-06,1,hours\n", UNIT, QUARANTINED, "unit_mismatch"),
    (71, GOOD + "on_time,2026-01-06,45\n", {}, QUARANTINED, "out_of_range"),
]  # fmt: skip
ELSEWHERE = {
    19: "truncated gzip, below",
    31: "bombs, test_bad_files",
    32: "5 GB in bounded memory, tests/benchmarks/ingest",
    **dict.fromkeys(range(38, 43), "YAML, tests/unit/company/test_yaml_reader"),
    **dict.fromkeys((47, 48), "workbooks, test_xlsx"),
    **dict.fromkeys((49, 50, 51), "paths, addresses and secrets, test_contracts and test_source_contracts"),
}


@pytest.mark.parametrize(
    ("number", "content", "changes", "outcome", "reason"),
    TABLE,
    ids=[f"{row[0]}-{row[3]}-{row[4] or 'in order'}-{place}" for place, row in enumerate(TABLE)],
)
def test_input_gets_what_the_table_says(feed, number, content, changes, outcome, reason):
    """Silent loss, a guess, or a crash."""
    (result,) = feed.load(content, "ops/1.in", **changes).files
    assert result.status == (REJECTED if outcome == REJECTED else LOADED)
    assert {found for _, found, _ in feed.reasons()} == ({reason} if reason else set())
    if outcome == REJECTED:
        assert (result.reason_code, feed.values()) == (reason, [])
        assert result.message
    (ledger,) = feed.rows("loads")
    assert ledger["rows_read"] == ledger["rows_accepted"] + ledger["rows_quarantined"]
    assert len(feed.values()) == ledger["rows_accepted"] - ledger["rows_collapsed"]
    assert len(feed.rows("quarantine")) == ledger["rows_quarantined"]


def test_truncated_gzip_is_row_19(feed):
    (result,) = feed.load(gzip.compress(GOOD.encode())[:-9], "ops/1.csv.gz").files
    assert (result.status, result.reason_code) == (REJECTED, "unreadable_file")


def test_table_is_whole():
    """A row of the table, or a reason code, that no input stands for."""
    numbers = {row[0] for row in TABLE}
    assert numbers.isdisjoint(ELSEWHERE)
    assert set(range(1, 53)) <= numbers | set(ELSEWHERE)
    of_others = {"unmatched_value", "invalid_definition", "unknown_key_result", "unknown_milestone"}  # mappings, events
    assert {row[4] for row in TABLE} - {None} == set(REASONS) - of_others


def test_harmless_text_is_kept_as_it_is(feed):
    """Text that looks like a formula is changed on input, where nobody can tell any more what was sent."""
    feed.load("kpi,day,value,status\nlatency,2026-01-06,1,=HYPERLINK(1)\n", **STATUS)
    assert [row["obs_status"] for row in feed.rows("observations")] == ["=HYPERLINK(1)"]
