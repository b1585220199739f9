"""The short way of plain CSV files and the ordinary way come to the same, row by row, whatever the rows are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration.ingestion import load, plain_csv, plain_text
from orchestration.ingestion.staging import Staging
from tests.unit.ingestion.small_feed import HEADER, SmallFeed

BITS = plain_csv._bits
KPI = st.sampled_from(
    ["latency", "on_time", "backlog", "fax_count", "größe", "gro\u0308ße", " latency", "latensy", "", "NA", "-1"]
) | st.sampled_from(["\u00a0latency", "on_time\u3000"])
ODD_DAYS = [
    "2026-1-5",
    "2026/01/05",
    "2026\\01\\05",
    "2026 01 05",
    "2026-02-30",
    "epoch",
    "infinity",
    "",
    " 2026-01-05 ",
    "2026-01-05x",
    "2026-03-01",
    "2026-03-02",
    "1900-01-01",
    "1899-12-31",
    "+026-01-05",
    "2026-01- 5",
    "02026-01-5",
    "2026-01-05 (BC)",
]
DAY = st.one_of(
    st.dates().map(str),
    st.integers(1, 28).map(lambda day: f"2026-01-{day:02d}"),
    st.sampled_from(ODD_DAYS),
)
VALUE = st.one_of(
    st.floats().map(repr),
    st.integers(-5, 5).map(str),
    st.decimals(0, 2, places=3).map(str),
    st.text("0123456789.eE+-_ ", max_size=8),
    st.sampled_from(["", "NaN", "inf", "1_000", "0x1F", "1e-400", "-0", "00.00", "9007199254740993", "1e400", "true"])
    | st.sampled_from(["9007199254740992", "9007199254740991", " 1", "1 ", "\t1", "１２", "0e5", ".5", "5."]),
)
SENT = st.sampled_from(
    [
        "2026-01-31T06:00:00Z",
        "2026-01-31T06:00:00+02:00",
        "2026-01-31 06:00:00",
        "2026-01-31",
        "2026-01-31T24:00:00Z",
        "2026-01-31T06:00:60Z",
        "2027-01-31T06:00:00Z",
        "1899-01-31T06:00:00Z",
        "",
        "2026-01-31T 6:00:00Z",
        "2026-02-30T06:00:00Z",
        "2026-01-31T06:00:00.5Z",
        "epoch",
        "-infinity",
        "02026-1-31T06:00:00Z",
    ]
)
ROW = st.one_of(
    st.tuples(KPI, DAY, VALUE, SENT).map(list),
    st.lists(st.sampled_from(["latency", "2026-01-05", "1", "", "2026-01-31T06:00:00Z"]), max_size=8),
    st.integers(1, 9).map(lambda day: ["latency", f"2026-01-0{day}", "1", "2026-01-31T06:00:00Z"]),
)


def outcome(content: bytes, changes: dict, *, quickly: bool) -> tuple:
    """Load a file; return everything that came of it, less the order, and whether the short way was taken."""
    taken = []

    def read(*arguments):
        found = plain_csv.read_plain_csv(*arguments) if quickly else None
        taken.append(found is not None)
        return found

    with tempfile.TemporaryDirectory() as root, patch.object(load, "read_plain_csv", read):
        feed = SmallFeed(Path(root))
        report = feed.load(content, **changes)
        rows = [sorted(map(repr, feed.rows(entity))) for entity in ("observations", "quarantine")]
        (result,) = report.files
        return rows, result.status, result.counts, result.reason_code, result.message, taken


@pytest.mark.parametrize("sent", [False, True], ids=["loaded", "sent"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    rows=st.lists(ROW, min_size=1, max_size=25),
    end=st.sampled_from(["\n", "\r\n"]),
    closed=st.booleans(),
    bits=st.sampled_from([None, 2]),  # in a filter of two bits every text looks like a KPI
    changes=st.sampled_from(
        [{}, {"null_tokens": ["", "-1"]}, {"unit": "share"}, {"date_format": "%d.%m.%Y"}, {"time_zone": "Asia/Tokyo"}]
    ),
)
@example(
    rows=[["latency", day, "1", "2026-01-31T06:00:00Z"] for day in ODD_DAYS],
    end="\n",
    closed=True,
    bits=None,
    changes={},
)
def test_both_ways_come_to_the_same(sent, rows, end, closed, bits, changes):
    width = 4 if sent else 3
    header = ["kpi", "day", "value", "sent"][:width]
    columns = dict(zip(["kpi", "period", "value", "available_at"], header, strict=False))
    lines = [header] + [row[:width] if len(row) == 4 else row for row in rows]
    content = (end.join(",".join(line) for line in lines) + (end if closed else "")).encode()
    given = {"columns": columns, **changes}
    with patch.object(plain_csv, "_bits", lambda registry: bits or BITS(registry)):
        quick = outcome(content, given, quickly=True)
    ordinary = outcome(content, given, quickly=False)
    assert quick[:-1] == ordinary[:-1]


@pytest.mark.parametrize(
    ("content", "is_quick"),
    [
        ("kpi,day,value\nlatency,2026-01-05,1\n", True),
        ("kpi,day,value\r\nlatency,2026-01-05,1\r\nx,y\r\na,b,c,d,e,f,g,h\r\n", True),
        ("kpi,day,value\nlatency,2026-01-05,1\nlatency,2026-01-05,2\nlatency,2026-01-06,2\nlatency,2026-01-06,2", True),
        ("\ufeffkpi,day,value\ngröße,2026-01-05,1\n", True),
        ("kpi,day,value\nlatency,2026-01-05,1\n\n", False),
        ('kpi,day,value\n"latency",2026-01-05,1\n', False),
        ("kpi,day,value\nlatency,2026-01-05,1\r\n", False),
        ("kpi,day,value\rlatency,2026-01-05,1\r", False),
        ("kpi,day,value\nlaten\x00cy,2026-01-05,1\n", False),
        (b"kpi,day,value\nlaten\xffcy,2026-01-05,1\n", False),
        ("kpi,day,value\nlatency,2026-01-05," + "1" * 1_200_000 + "\n", False),
    ],
)
def test_short_way_is_for_plain_files(content, is_quick):
    raw = content.encode() if isinstance(content, str) else content
    quick = outcome(raw, {}, quickly=True)
    assert quick[-1] == [is_quick]
    assert quick[:-1] == outcome(raw, {}, quickly=False)[:-1]


@pytest.mark.parametrize("block", [7, 16, 64])
def test_scan_sees_the_file_whole_whatever_the_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(plain_text, "BLOCK_BYTES", block)
    path = tmp_path / "1.csv"
    for content, lines in [
        ("größe,ä\n" * 20, 20),
        ("größe,ä\r\n" * 20, 20),
        ("x" * 30 + "ä\n", 1),
        ("x\n" * 9 + "ä", 10),
    ]:
        path.write_bytes(content.encode())
        found = plain_text.scan(path, 2)
        assert found is not None
        assert found.lines == lines
        texts = [None, None, *content.splitlines()[1:]]
        for step in (1, 3):
            wanted = np.arange(2, lines + 1, step)
            batches = plain_text.lines_of(path, found, wanted, 2)
            fetched = [row for batch in batches for row in batch.to_pylist()]
            assert fetched == [{"record": line, "raw_text": texts[line]} for line in wanted]
        path.write_bytes(content.encode() + b"\xc3\n")
        assert plain_text.scan(path, 2) is None
        path.write_bytes(content.encode() + b"a\r\n" + b"b\n")
        assert plain_text.scan(path, 2) is None


@pytest.mark.parametrize("unknown", ["latensy", "latency"], ids=["an unknown KPI", "every KPI known"])
def test_rows_keep_their_lines_in_a_file_of_several_buffers(unknown):
    """A join in the one query loses the order of the file, and with it every line number, once several threads read."""
    rows = 1_000_000
    start = np.datetime64("1990-01-01")
    kpis = np.where(np.arange(rows) % 2, "latency", "größe")
    kpis[rows // 2] = unknown
    days = (start + np.arange(rows) % 10_000).astype(str)
    lines = [f"{kpi},{day},{line}.5" for kpi, day, line in zip(kpis, days, range(2, rows + 2), strict=True)]
    lines[7] = "größe,no day,9.5"
    with tempfile.TemporaryDirectory() as root:
        feed = SmallFeed(Path(root))
        feed.put(HEADER + "\n".join(lines))
        with patch.object(Staging, "_gather_repeated", lambda *_: None):  # keys repeat here, and may
            report = feed.ingest()
        with duckdb.connect() as connection:
            misplaced, found = connection.execute(
                f"select count(*) filter (value <> source_row + 0.5), count(*) "
                f"from read_parquet('{feed.lake.glob('observations')}', union_by_name = true)"
            ).fetchone()
        kept_out = {row["source_row"]: row["raw_text"] for row in feed.rows("quarantine")}
    assert found == report.rows_accepted == rows - len(kept_out)
    assert misplaced == 0
    assert kept_out == {line: lines[line - 2] for line in kept_out}
    assert set(kept_out) == {9} | ({rows // 2 + 2} if unknown == "latensy" else set())
