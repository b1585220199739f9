"""Whatever happens to a file's bytes: nothing escapes, nothing is lost, nothing is accepted that it does not say."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.ingestion.key_results import KeyResultEntry, KeyResultRegistry
from tests.unit.ingestion.small_feed import SmallFeed

ROWS = [
    ("latency" if number % 3 else "on_time", f"2026-01-{number % 28 + 1:02d}", f"{number / 64}") for number in range(24)
]
PLAIN = "kpi,day,value\n" + "".join(f"{kpi},{day},{value}\n" for kpi, day, value in ROWS)
QUOTED = '"kpi","day","value"\r\n' + "".join(f'"{kpi}",{day},"{value}"\r\n' for kpi, day, value in ROWS)
JSONL = "".join(json.dumps({"kpi": kpi, "day": day, "value": float(value)}) + "\n" for kpi, day, value in ROWS)


def _parquet() -> bytes:
    buffer = io.BytesIO()
    table = pa.table(
        {
            "kpi": [row[0] for row in ROWS],
            "day": [date.fromisoformat(row[1]) for row in ROWS],
            "value": [float(row[2]) for row in ROWS],
        }
    )
    pq.write_table(table, buffer)
    return buffer.getvalue()


FILES = {
    "plain": ("1.csv", PLAIN.encode(), {}),
    "quoted": ("1.csv", QUOTED.encode(), {}),
    "jsonl": ("1.jsonl", JSONL.encode(), {"format": "jsonl"}),
    "json": ("1.json", b"[" + JSONL.strip().replace("\n", ",\n").encode() + b"]", {"format": "json"}),
    "parquet": ("1.parquet", _parquet(), {"format": "parquet"}),
    "gzip": ("1.csv.gz", gzip.compress(PLAIN.encode(), mtime=0), {}),
}
_INTERESTING = st.sampled_from(
    [
        b"\n",
        b"\r",
        b"\r\n",
        b'"',
        b'""',
        b",",
        b";",
        b"\x00",
        b"\xff",
        b"\xc3",
        b"\xef\xbb\xbf",
        b" ",
        b"\n\n",
        b"9" * 20,
        b"NaN",
        b"-",
        b"e",
        b"\\",
        b"{",
        b"}",
        b"\x1f",
        "\u200b".encode(),
        "\u2028".encode(),
    ]
)
_BYTES = st.one_of(_INTERESTING, st.binary(min_size=1, max_size=3))
_EDIT = st.tuples(
    st.sampled_from(["replace", "insert", "delete", "double", "truncate", "move"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 60),
    _BYTES,
)


def mutated(content: bytes, edits) -> bytes:
    for kind, place, length, new in edits:
        at = int(place * len(content))
        piece = content[at : at + length]
        if kind == "replace":
            content = content[:at] + new + content[at + len(new) :]
        elif kind == "insert":
            content = content[:at] + new + content[at:]
        elif kind == "delete":
            content = content[:at] + content[at + length :]
        elif kind == "double":
            content = content[:at] + piece + content[at:]
        elif kind == "truncate":
            content = content[:at]
        else:
            content = content[:at] + content[at + length :] + piece
    return content


def csv_records(content: bytes) -> dict[int, list[str]]:
    """Return line -> fields by Python's own reader, started anew at every line."""
    text = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = text.split(b"\n")
    records = {}
    for number in range(1, len(lines) + 1):
        rest = b"\n".join(lines[number - 1 :]).decode("utf-8", "surrogateescape")
        try:
            records[number] = next(csv.reader(io.StringIO(rest, newline=""), strict=True), [])
        except csv.Error:
            records[number] = []
    return records


@pytest.mark.parametrize("form", FILES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(edits=st.lists(_EDIT, min_size=1, max_size=4))
def test_mutated_files_conserve_rows(form, edits):
    name, content, changes = FILES[form]
    content = mutated(content, edits)
    with tempfile.TemporaryDirectory() as root:
        feed = SmallFeed(Path(root))
        report = feed.load(content, f"ops/{name}", **changes)  # checks read = accepted + quarantined
        (ledger,) = feed.rows("loads")
        observations, quarantine = feed.rows("observations"), feed.rows("quarantine")
        assert len(observations) == report.rows_accepted - report.rows_collapsed
        assert len(quarantine) == report.rows_quarantined
        assert ledger["rows_read"] == report.rows_read > 0
        if ledger["status"] == "rejected":
            assert not observations
            return
        if form in ("plain", "quoted"):
            records = csv_records(content)
            header = next(fields for fields in records.values() if fields)
            header = [field.strip() for field in header]
            for row in observations:
                source = dict(zip(header, records[row["source_row"]], strict=True))
                assert row["kpi_id"] == source["kpi"].strip()
                assert str(row["period_start_on"]) == date.fromisoformat(_padded(source["day"])).isoformat()
                assert row["value"] == float(source["value"])
        if b'"' not in content and form == "plain":
            lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            assert report.rows_read == sum(1 for line in lines if line) - 1
        if form == "jsonl":
            lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removeprefix(b"\xef\xbb\xbf").split(b"\n")
            assert report.rows_read == sum(1 for line in lines if line)
            for row in observations:
                source = json.loads(lines[row["source_row"] - 1])
                assert (row["kpi_id"], row["value"]) == (source["kpi"].strip(), float(source["value"]))


EVENTS = "kr,version,step,type,at\n" + "".join(
    f"kr_{number % 3},v{number},{'live' if number % 5 == 0 else ''},{'release' if number % 2 else 'milestone'},"
    f"2026-01-{number % 28 + 1:02d}T10:00:00Z\n"
    for number in range(24)
)
EVENT_COLUMNS = {"key_result": "kr", "event": "version", "milestone": "step", "event_type": "type", "occurred_at": "at"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(edits=st.lists(_EDIT, min_size=1, max_size=4))
def test_mutated_release_logs_conserve_rows(edits):
    content = mutated(EVENTS.encode(), edits)
    entries = [KeyResultEntry(f"kr_{number}", (("live", "release"),)) for number in range(3)]
    with tempfile.TemporaryDirectory() as root:
        feed = SmallFeed(Path(root))
        feed.registry = KeyResultRegistry(tuple(entries))
        report = feed.load(content, kind="events", columns=EVENT_COLUMNS, time_zone="UTC")
        events, quarantine = feed.rows("key_result_events"), feed.rows("quarantine")
        assert len(events) == report.rows_accepted - report.rows_collapsed
        assert len(quarantine) == report.rows_quarantined
        assert report.rows_read > 0
        records = csv_records(content)
        header = [field.strip() for field in next((fields for fields in records.values() if fields), [])]
        for row in events:
            source = dict(zip(header, records[row["source_row"]], strict=True))
            assert (row["key_result_id"], row["event_type"]) == (source["kr"].strip(), source["type"].strip())
            assert (row["milestone_id"] or "") == source["step"].strip()


def _padded(day: str) -> str:
    year, month, rest = day.strip().split("-")
    return f"{int(year):04d}-{int(month):02d}-{int(rest):02d}"


@settings(max_examples=15, deadline=None, derandomize=True)
@given(order=st.permutations(range(4)))
def test_order_of_arrival_does_not_change_the_current_state(order):
    """Each file says when its source had its values; the newest vintage wins, whenever it came."""
    files = [
        "kpi,day,value,sent\n"
        + "".join(f"latency,2026-01-0{day},{number},2026-02-0{number + 1}T06:00:00Z\n" for day in (1, number + 2))
        for number in range(4)
    ]
    with tempfile.TemporaryDirectory() as root:
        feed = SmallFeed(Path(root))
        columns = {"kpi": "kpi", "period": "day", "value": "value", "available_at": "sent"}
        for number in order:
            feed.load(files[number], f"ops/{number}.csv", columns=columns)
        newest: dict = {}
        for row in sorted(feed.rows("observations"), key=lambda row: (row["vintage_at"], row["loaded_at"])):
            newest[str(row["period_start_on"])] = row["value"]
        assert newest == {"2026-01-01": 3.0, "2026-01-02": 0.0, "2026-01-03": 1.0, "2026-01-04": 2.0, "2026-01-05": 3.0}
