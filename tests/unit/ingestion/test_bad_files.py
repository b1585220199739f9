"""What a file that is bad as a whole comes to: rejected, with its reason, and the files beside it loaded."""

from __future__ import annotations

import gzip
import os

import pyarrow as pa
import pytest

from tests.unit.ingestion.small_feed import HEADER, LONG

GOOD = HEADER + "latency,2026-01-05,12.5\n"
WIDE = {"layout": "wide", "columns": {"period": "day"}, "kpi_columns": {"A": "latency"}}


@pytest.mark.parametrize(
    ("content", "changes", "reason", "column"),
    [
        ("", {}, "empty_file", None),
        ("\n\n\r\n", {}, "empty_file", None),
        ("\ufeff", {}, "empty_file", None),
        (HEADER, {}, "empty_file", None),
        ("kpi,day,value", {}, "empty_file", None),
        ("kpi,day\nlatency,2026-01-05\n", {}, "missing_column", "value"),
        ("KPI,day,value\nlatency,2026-01-05,1\n", {}, "missing_column", "kpi"),
        ("latency,2026-01-05,1\nlatency,2026-01-06,2\n", {}, "missing_column", "kpi"),
        ("kpi;day;value\nlatency;2026-01-05;1\n", {}, "missing_column", "kpi"),
        ("day,B\n2026-01-05,1\n", WIDE, "missing_column", "A"),
        ("day\n2026-01-05\n", WIDE | {"kpi_columns": "*"}, "missing_column", None),
        ("kpi,day,value,extra\nlatency,2026-01-05,1,x\n", {}, "unexpected_column", "extra"),
        ("kpi,day,value,value\nlatency,2026-01-05,1,2\n", {}, "unexpected_column", "value"),
        ("kpi,day,value,,\nlatency,2026-01-05,1,,\n", {}, "unexpected_column", ""),
        (GOOD + '"latency,2026-01-06,1\nlatency,2026-01-07,2\n', {}, "unreadable_file", None),
        ('"kpi,day,value\nlatency,2026-01-05,1\n', {}, "unreadable_file", None),
        (GOOD.encode("utf-16"), {}, "bad_encoding", None),
        ("kpi,tag,größe\n".encode("cp1252"), {}, "bad_encoding", None),
        ("k\x00pi,day,value\n", {}, "bad_encoding", None),
        (gzip.compress(GOOD.encode(), mtime=0), {}, "unreadable_file", None),
        (b"PAR1\x00\x00", {}, "unreadable_file", None),
        (b"PK\x03\x04rest", {}, "unreadable_file", None),
        (b"PAR1\x00\x00", {"format": "parquet"}, "unreadable_file", None),
        (b"", {"format": "parquet"}, "empty_file", None),
        (b"", {"format": "json"}, "empty_file", None),
        (b"[]", {"format": "json"}, "empty_file", None),
        (b"\n\n", {"format": "jsonl"}, "empty_file", None),
        (b'{"kpi": "latency"}', {"format": "json"}, "unreadable_file", None),
        (b'[{"kpi": "latency"}', {"format": "json"}, "unreadable_file", None),
        (b'[{"kpi": "latency"},]', {"format": "json"}, "unreadable_file", None),
        (b'[{"kpi": "latency"}] x', {"format": "json"}, "unreadable_file", None),
        (b"[" * 100_000, {"format": "json"}, "unreadable_file", None),
        (b'[{"kpi": "caf\xe9"}]', {"format": "json"}, "bad_encoding", None),
        (b'[{"kpi": "latency", "day": "2026-01-05"}]', {"format": "json"}, "missing_column", "value"),
        (b'{"kpi": "x", "day": "x", "value": 1, "b": 1}\n', {"format": "jsonl"}, "unexpected_column", "b"),
    ],
)
def test_bad_file_is_rejected_alone(feed, content, changes, reason, column):
    changes = {"columns": LONG} | changes
    feed.put(content, "ops/1.bad")
    feed.put("", "ops/2.bad")
    report = feed.ingest(**changes)
    first = report.files[0]
    assert (first.status, first.reason_code) == ("rejected", reason)
    assert first.message
    (row, _) = feed.rows("quarantine")
    assert (row["reason_code"], row["column_name"], row["source_file"]) == (reason, column, "ops/1.bad")
    ledger = feed.rows("loads")[0]
    assert (ledger["status"], ledger["reason_code"]) == ("rejected", reason)
    assert ledger["rows_read"] == ledger["rows_quarantined"] == 1
    assert feed.rows("observations") == []
    assert any("1.bad: rejected" in line for line in report.warnings())


def test_rejected_file_does_not_stop_the_others(feed):
    feed.put("nonsense", "ops/1.csv")
    feed.put(GOOD, "ops/2.csv")
    report = feed.ingest()
    assert [result.status for result in report.files] == ["rejected", "loaded"]
    assert feed.values() == [("latency", "2026-01-05", 12.5)]


def test_header_only_file_is_in_order_when_declared(feed):
    report = feed.load(HEADER, may_be_empty=True)
    assert report.files[0].status == "loaded"
    assert feed.rows("loads")[0]["rows_read"] == 0


def test_renamed_column_is_named_in_the_message(feed):
    report = feed.load("kpi,day,valve\nlatency,2026-01-05,1\n")
    assert "'valve'" in report.files[0].message


def test_other_delimiter_is_named_in_the_message(feed):
    report = feed.load("kpi;day;value\nlatency;2026-01-05;1\n")
    assert "';'" in report.files[0].message
    assert feed.rows("quarantine")[0]["source_row"] == 1


def test_unclosed_quote_names_its_line(feed):
    feed.load(GOOD + '"latency,2026-01-06,1\nlatency,2026-01-07,2\n')
    (row,) = feed.rows("quarantine")
    assert (row["source_row"], row["raw_text"]) == (3, '"latency,2026-01-06,1')


@pytest.mark.parametrize("cut", [1, 10, 20])
def test_truncated_gzip_is_rejected(feed, cut):
    report = feed.load(gzip.compress(GOOD.encode())[:-cut], "ops/1.csv.gz")
    assert report.files[0].reason_code == "unreadable_file"
    assert "gzip" in report.files[0].message


def test_corrupt_and_truncated_zstd_is_rejected(feed):
    packed = pa.compress(GOOD.encode() * 1000, codec="zstd", asbytes=True)
    feed.put(packed[: len(packed) // 2], "ops/1.csv.zst")
    feed.put(b"no zstd at all", "ops/2.csv.zst")
    assert [result.reason_code for result in feed.ingest().files] == ["unreadable_file"] * 2


def test_gzip_bomb_is_rejected_without_being_unpacked_whole(feed, monkeypatch):
    monkeypatch.setattr("orchestration.ingestion.physical.RATIO_APPLIES_FROM", 1024)
    bomb = gzip.compress(HEADER.encode() + b"latency,2026-01-05,1\n" * 500_000)
    report = feed.load(bomb, "ops/1.csv.gz")
    assert report.files[0].reason_code == "unreadable_file"
    assert "unpacks" in report.files[0].message


def test_links_out_of_the_landing_folder_are_refused(feed, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text(GOOD)
    (feed.landing / "ops" / "link.csv").symlink_to(secret)
    (feed.landing / "ops" / "loop.csv").symlink_to(feed.landing / "ops" / "loop.csv")
    report = feed.ingest()
    assert [result.reason_code for result in report.files] == ["unreadable_file"] * 2
    assert "out of the landing folder" in report.files[0].message
    assert feed.rows("observations") == []


def test_linked_folder_out_of_the_landing_folder_is_refused(feed, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(GOOD)
    (feed.landing / "linked").symlink_to(outside)
    report = feed.ingest(source={"type": "file", "path": "linked/*.csv"})
    assert [result.reason_code for result in report.files] == ["unreadable_file"]


def test_pipe_is_refused_and_does_not_hang(feed):
    os.mkfifo(feed.landing / "ops" / "pipe.csv")
    assert [result.reason_code for result in feed.ingest().files] == ["unreadable_file"]


def test_same_refusal_is_recorded_once(feed):
    os.mkfifo(feed.landing / "ops" / "pipe.csv")
    feed.ingest()
    report = feed.ingest()
    assert report.files[0].status == "unchanged"
    assert "rejected (as before)" in report.warnings()[0]
    assert len(feed.rows("loads")) == 1


def test_overlong_record_is_quarantined(feed):
    report = feed.load(GOOD + f"latency,2026-01-06,{'1' * 1_100_000}\nlatency,2026-01-07,2\n")
    assert feed.reasons() == [(3, "ragged_row", None)]
    assert len(feed.rows("quarantine")[0]["raw_text"]) == 65_536
    assert report.rows_accepted == 2


def test_no_files_is_a_report_that_says_what_was_expected(feed):
    report = feed.ingest()
    assert report.has_no_files
    assert "ops/*" in report.summary()
    assert "no files" in report.summary()
    assert feed.rows("loads") == []


def test_file_that_changes_while_it_is_read_is_not_taken(feed, monkeypatch):
    from orchestration.ingestion import load

    path = feed.put(GOOD)
    states = iter([(1, 1, 1), (1, 2, 1)])
    monkeypatch.setattr(load, "_state", lambda path: next(states, (1, 2, 1)))
    report = feed.ingest()
    assert "changed while it was read" in report.files[0].message
    assert feed.rows("observations") == []
    path.write_text(GOOD + "latency,2026-01-06,1\n")
    assert feed.ingest().files[0].status == "loaded"


def test_file_that_cannot_be_read_to_its_end_is_refused(feed, monkeypatch):
    from orchestration.ingestion import physical

    def fail(path):
        raise OSError(5, "Input/output error")

    path = feed.put(GOOD)
    with monkeypatch.context() as patched:
        patched.setattr(physical, "sha256_of", fail)
        (result,) = feed.ingest().files
    assert (result.status, result.reason_code) == ("rejected", "unreadable_file")
    assert "Input/output error" in result.message
    assert feed.rows("observations") == []
    assert path.exists()
    assert feed.ingest().files[0].status == "loaded"


def test_files_of_one_size_are_told_apart_by_their_bytes(feed):
    feed.put(GOOD, "ops/1.csv")
    feed.put(GOOD.replace(",1", ",2"), "ops/2.csv")
    feed.put(GOOD, "ops/3.csv")
    assert [result.status for result in feed.ingest().files] == ["loaded", "loaded", "unchanged"]
    feed.put(GOOD.replace(",1", ",3"), "ops/1.csv")
    assert [result.status for result in feed.ingest().files][:2] == ["loaded", "unchanged"]
