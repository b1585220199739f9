"""The same rows out of every format, layout, encoding, line end and packing."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.ingestion.small_feed import HEADER, LONG

ROWS = [("latency", "2026-01-05", 12.5), ("größe", "2026-01-06", -3.0), ("on_time", "2026-01-07", 0.25)]
CSV = HEADER + "".join(f"{kpi},{day},{value}\n" for kpi, day, value in ROWS)
JSONL = "".join(json.dumps({"kpi": kpi, "day": day, "value": value}) + "\n" for kpi, day, value in ROWS)


def parquet(**columns) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (CSV, {}),
        ("\ufeff" + CSV, {}),
        (CSV.rstrip("\n"), {}),
        (CSV.replace("\n", "\r\n"), {}),
        (CSV.replace("\n", "\r"), {}),
        (CSV.replace("\n", "\r\n", 2), {}),
        (CSV.replace("\n", "\r", 1), {}),
        ("\n\n" + CSV + "\n\n", {}),
        (CSV.replace(",", ";"), {"delimiter": ";"}),
        (CSV.replace(",", "\t"), {"delimiter": "\t"}),
        (CSV.replace(",", "|"), {"delimiter": "|"}),
        (CSV.encode("utf-16"), {"encoding": "utf-16"}),
        (CSV.encode("utf-16-le"), {"encoding": "utf-16-le"}),
        (CSV.encode("utf-16-be"), {"encoding": "utf-16-be"}),
        (CSV.encode("cp1252"), {"encoding": "cp1252"}),
        (CSV.encode("latin-1").replace(b"\n", b"\r"), {"encoding": "latin-1"}),
        (CSV.encode("utf-8-sig"), {"encoding": "utf-8-sig"}),
        ("\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in CSV.splitlines()), {}),
        ("value,kpi,day\n" + "".join(f"{value},{kpi},{day}\n" for kpi, day, value in ROWS), {}),
        (JSONL, {"format": "jsonl"}),
        (JSONL.replace("\n", "\r\n\r\n"), {"format": "jsonl"}),
        (json.dumps([json.loads(line) for line in JSONL.splitlines()]), {"format": "json"}),
        (
            json.dumps([json.loads(line) for line in JSONL.splitlines()], indent=2, ensure_ascii=False),
            {"format": "json"},
        ),
        (
            parquet(kpi=[row[0] for row in ROWS], day=[row[1] for row in ROWS], value=[row[2] for row in ROWS]),
            {"format": "parquet"},
        ),
        (
            parquet(
                kpi=pa.array([row[0] for row in ROWS]).dictionary_encode(),
                day=pa.array([date.fromisoformat(row[1]) for row in ROWS]),
                value=pa.array([row[2] for row in ROWS], pa.float32()),
            ),
            {"format": "parquet"},
        ),
        (
            parquet(
                kpi=[row[0] for row in ROWS],
                day=pa.array([datetime.fromisoformat(row[1]) for row in ROWS], pa.timestamp("ns")),
                value=pa.array([str(row[2]) for row in ROWS]),
            ),
            {"format": "parquet"},
        ),
    ],
)
@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_same_rows(feed, content, changes, packing):
    data = content.encode() if isinstance(content, str) else content
    packed = {
        "": lambda: data,
        ".gz": lambda: gzip.compress(data),
        ".zst": lambda: pa.compress(data, codec="zstd", asbytes=True),
    }[packing]()
    report = feed.load(packed, f"ops/1.dat{packing}", **changes)
    assert report.rows_quarantined == 0, report.warnings()
    assert sorted(feed.values()) == sorted(ROWS)


def test_lines_are_physical_whatever_the_line_end(feed):
    feed.load("kpi,day,value\r\rlatency,2026-01-05,1\r\nlatency,2026-01-06,2\n\n\nlatency,2026-01-07,3")
    assert [row["source_row"] for row in feed.rows("observations")] == [3, 4, 7]


def test_blank_lines_are_counted_in_the_report(feed):
    report = feed.load(HEADER + "\nlatency,2026-01-05,1\n\n")
    assert report.rows_read == 1
    assert report.files[0].message == "2 blank lines passed over"


def test_line_ends_cut_by_a_block_stay_one(feed, monkeypatch):
    monkeypatch.setattr("orchestration.ingestion.physical.BLOCK_BYTES", 7)
    feed.load(CSV.replace("\n", "\r\n"))
    assert feed.values() == ROWS
    assert [row["source_row"] for row in feed.rows("observations")] == [2, 3, 4]


def test_mixed_encodings_cost_only_their_lines(feed):
    content = HEADER.encode() + "größe,2026-01-05,1\n".encode() + "größe,2026-01-06,2\n".encode("cp1252")
    feed.load(content + b"latency,2026-01-07,3\n")
    assert [row[1] for row in feed.values()] == ["2026-01-05", "2026-01-07"]
    assert feed.reasons() == [(3, "bad_encoding", None)]


def test_undefined_bytes_of_a_declared_encoding_cost_only_their_line(feed):
    feed.load(HEADER.encode() + b"lat\x81ency,2026-01-05,1\ngr\xf6\xdfe,2026-01-06,2\n", encoding="cp1252")
    assert feed.values() == [("größe", "2026-01-06", 2.0)]
    assert feed.reasons() == [(2, "bad_encoding", None)]


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        ('{"kpi": "latency", "day": "2026-01-05", "value": 1', "ragged_row", None),
        ('["latency", "2026-01-05", 1]', "ragged_row", None),
        ("3", "ragged_row", None),
        ('{"kpi": "latency", "day": "2026-01-05", "value": 1, "value": 2}', "ragged_row", None),
        ('{"kpi": "\\ud800", "day": "2026-01-05", "value": 1}', "ragged_row", None),
        ("[" * 100_000, "ragged_row", None),
        ('{"kpi": "latency", "day": "2026-01-05", "value": NaN}', "not_finite", "value"),
        ('{"kpi": "latency", "day": "2026-01-05", "value": -Infinity}', "not_finite", "value"),
        ('{"kpi": "latency", "day": "2026-01-05", "value": 1e400}', "not_finite", "value"),
        ('{"kpi": "latency", "day": "2026-01-05", "value": 9007199254740993}', "out_of_range", "value"),
        ('{"kpi": "latency", "day": "2026-01-05", "value": ' + "9" * 5000 + "}", "not_finite", "value"),
        ('{"kpi": "latency", "day": "2026-01-05", "value": true}', "not_a_number", "value"),
        ('{"kpi": "latency", "day": "2026-01-05", "value": {"a": 1}}', "not_a_number", "value"),
        ('{"kpi": "latency", "day": "2026-01-05", "value": null}', "missing_value", "value"),
        ('{"kpi": "latency", "day": "2026-01-05"}', "missing_value", "value"),
        ('{"kpi": ["latency"], "day": "2026-01-05", "value": 1}', "unknown_kpi", "kpi"),
        ('{"kpi": "latency\\u0000", "day": "2026-01-05", "value": 1}', "unknown_kpi", "kpi"),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_bad_json_record_is_quarantined_alone(feed, line, reason, column, form):
    good = '{"kpi": "latency", "day": "2026-01-06", "value": 2}'
    if form == "json":
        if reason == "ragged_row" and not line.endswith(("}", "]")) and line != "3":
            pytest.skip("a document that cannot be cut into records is rejected whole")
        content = f"[{good},\n{line},\n{good.replace('06', '07')}]"
    else:
        content = f"{good}\n{line}\n{good.replace('06', '07')}\n"
    feed.load(content, format=form)
    assert [row[1] for row in feed.values()] == ["2026-01-06", "2026-01-07"]
    assert feed.reasons() == [(2, reason, column)]
    assert feed.rows("quarantine")[0]["raw_text"] == line[:65_536]


def test_records_of_one_line_stay_apart(feed):
    records = [{"kpi": "latency", "day": f"2026-01-0{day}", "value": "x" if day % 2 else day} for day in range(1, 7)]
    report = feed.load(json.dumps(records), format="json")
    assert (report.rows_accepted, report.rows_quarantined) == (3, 3)
    assert {row["raw_text"] for row in feed.rows("quarantine")} == {json.dumps(one) for one in records[::2]}


def test_json_keeps_every_digit(feed):
    feed.load(
        '{"kpi": "latency", "day": "2026-01-05", "value": 0.1000000000000000055511151231257827}\n', format="jsonl"
    )
    assert feed.values() == [("latency", "2026-01-05", 0.1)]


def test_json_pointers_reach_into_records(feed):
    feed.load(
        '{"metric": {"id": "latency", "unit": "x"}, "at": {"day": "2026-01-05"}, "value": 2}\n',
        format="jsonl",
        columns={"kpi": "/metric/id", "period": "/at/day", "value": "value"},
    )
    assert feed.values() == [("latency", "2026-01-05", 2.0)]


def test_wide_json(feed):
    feed.load(
        '{"day": "2026-01-05", "A": 1, "B": null}\n{"day": "2026-01-06", "B": 0.5}\n',
        format="jsonl",
        layout="wide",
        columns={"period": "day"},
        kpi_columns={"A": "latency", "B": "on_time"},
    )
    assert feed.values() == [("latency", "2026-01-05", 1.0), ("on_time", "2026-01-06", 0.5)]


def test_typed_parquet_columns_are_taken_as_they_are(feed):
    feed.load(
        parquet(
            kpi=["latency"] * 7,
            day=pa.array([date(2026, 1, day) for day in range(5, 12)]),
            value=pa.array([1.5, None, float("nan"), float("inf"), 2.0**53 + 2, -0.0, 7.0]),
            sent=pa.array([datetime(2026, 1, 12, 6, tzinfo=UTC)] * 7, pa.timestamp("us", tz="America/New_York")),
        ),
        format="parquet",
        columns=LONG | {"available_at": "sent"},
    )
    assert feed.values() == [
        ("latency", "2026-01-05", 1.5),
        ("latency", "2026-01-10", 0.0),
        ("latency", "2026-01-11", 7),
    ]
    assert feed.reasons() == [
        (2, "missing_value", "value"),
        (3, "not_finite", "value"),
        (4, "not_finite", "value"),
        (5, "out_of_range", "value"),
    ]
    assert str(feed.rows("observations")[0]["available_at"]) == "2026-01-12 06:00:00"
    assert json.loads(feed.rows("quarantine")[0]["raw_text"])["kpi"] == "latency"


def test_wide_parquet_of_several_types(feed):
    feed.load(
        parquet(day=[date(2026, 1, 5)], A=pa.array([3], pa.int64()), B=pa.array([0.5]), C=["7"]),
        format="parquet",
        layout="wide",
        columns={"period": "day"},
        kpi_columns={"A": "latency", "B": "on_time", "C": "größe"},
    )
    expected = [("größe", "2026-01-05", 7.0), ("latency", "2026-01-05", 3.0), ("on_time", "2026-01-05", 0.5)]
    assert feed.values() == expected


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.decimal128(38, 2)])
def test_integers_beyond_a_double_are_quarantined(feed, kind):
    feed.load(
        parquet(kpi=["latency"], day=["2026-01-05"], value=pa.array([2**53 + 1], pa.int64()).cast(kind)),
        format="parquet",
    )
    assert feed.reasons() == [(1, "out_of_range", "value")]


def test_unreadable_parquet_type_is_rejected(feed):
    report = feed.load(parquet(kpi=["latency"], day=["2026-01-05"], value=[[1]]), format="parquet")
    assert report.files[0].reason_code == "unreadable_file"


@pytest.mark.parametrize("position", [10, 200, -20])
def test_corrupt_parquet_never_escapes(feed, position):
    data = bytearray(parquet(kpi=["latency"] * 50, day=["2026-01-05"] * 50, value=[float(n) for n in range(50)]))
    data[position] ^= 0xFF
    feed.load(bytes(data), format="parquet")


class TestCsvSpectrum:
    """The files that readers of CSV are measured by."""

    FILES = (
        "comma_in_quotes",
        "empty",
        "empty_crlf",
        "escaped_quotes",
        "json",
        "newlines",
        "newlines_crlf",
        "quotes_and_newlines",
        "simple",
        "simple_crlf",
        "utf8",
    )

    @pytest.mark.real
    @pytest.mark.parametrize("name", FILES)
    def test_records_are_those_of_the_json(self, real, name, tmp_path):
        from orchestration.ingestion.physical import line_blocks
        from orchestration.ingestion.readers.csv_records import RecordSplitter

        blocks = line_blocks(real / "csv-spectrum" / "csvs" / f"{name}.csv", f"{name}.csv", "utf-8")
        first = next(blocks)
        names, _, rest = RecordSplitter(",", 1).header(first)
        splits = list(RecordSplitter(",", len(names)).split(chain([rest], blocks)))
        text = b"".join(split.data for split in splits).decode()
        read = [dict(zip(names, row, strict=True)) for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
        expected = json.loads((real / "csv-spectrum" / "json" / f"{name}.json").read_text())
        # Line ends inside of quotes become LF, like those between records.
        expected = [{key: value.replace("\r\n", "\n") for key, value in row.items()} for row in expected]
        assert read == expected
        assert all(not split.rejects.num_rows for split in splits)
