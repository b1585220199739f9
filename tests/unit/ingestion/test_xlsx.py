"""Excel: what a cell is taken for, which rows are kept out, and which workbooks are refused."""

from __future__ import annotations

import gzip
from datetime import date, datetime

import pytest
from pydantic import ValidationError

from tests.unit.ingestion.small_feed import contract
from tests.unit.ingestion.workbooks import as_bytes, repacked, workbook

HEAD = ["kpi", "day", "value"]
GOOD = ["latency", date(2026, 1, 5), 1.5]
SHEET = "xl/worksheets/sheet1.xml"


def load(feed, rows, name="ops/1.xlsx", **changes):
    content = as_bytes(workbook([HEAD, *rows])) if isinstance(rows, list) else rows
    return feed.load(content, name, format="xlsx", **changes)


def test_cells_are_taken_by_their_type(feed):
    load(feed, [GOOD, ["latency", datetime(2026, 1, 6, 13, 30), 2], [" latency ", "2026-01-07", 1 / 3]])
    assert feed.values() == [
        ("latency", "2026-01-05", 1.5),
        ("latency", "2026-01-06", 2.0),
        ("latency", "2026-01-07", 1 / 3),
    ]
    assert [row["source_row"] for row in feed.rows("observations")] == [2, 3, 4]


@pytest.mark.parametrize(
    ("row", "reason", "column", "raw"),
    [
        (["latency", date(2026, 1, 6), "45"], "not_a_number", "value", "'45"),
        (["latency", date(2026, 1, 6), "45%"], "not_a_number", "value", "'45%"),
        (["latency", date(2026, 1, 6), True], "not_a_number", "value", "true"),
        (["latency", date(2026, 1, 6), date(2026, 1, 6)], "not_a_number", "value", "2026-01-06"),
        (["latency", date(2026, 1, 6), "=1+1"], "not_a_number", "value", "=1+1"),
        (["latency", date(2026, 1, 6), "#N/A"], "not_a_number", "value", "#N/A"),
        (["latency", date(2026, 1, 6), "#DIV/0!"], "not_a_number", "value", "#DIV/0!"),
        (["latency", date(2026, 1, 6), None], "missing_value", "value", None),
        (["latency", date(2026, 1, 6), 2.0**53 + 2], "out_of_range", "value", "9007199254740994.0"),
        (["latency", 45658, 1], "not_a_date", "day", "45658"),
        (["latency", "=TODAY()", 1], "not_a_date", "day", "=TODAY()"),
        (["latency", "06.01.2026", 1], "not_a_date", "day", "06.01.2026"),
        (["latency", datetime(2027, 1, 1), 1], "future_period", "day", "2027-01-01"),
        (["=A1", date(2026, 1, 6), 1], "missing_value", None, None),
        (["#REF!", date(2026, 1, 6), 1], "missing_value", None, None),
        (["other", date(2026, 1, 6), 1], "unknown_kpi", "kpi", "other"),
    ],
)
def test_cell_that_is_no_value_keeps_its_row_out(feed, row, reason, column, raw):
    report = load(feed, [GOOD, [None, None, None], row])
    assert (report.rows_read, report.rows_accepted) == (2, 1)
    (lost,) = feed.rows("quarantine")
    assert (lost["source_row"], lost["reason_code"], lost["column_name"]) == (4, reason, column)
    assert lost["raw_value"] == raw
    assert lost["raw_text"]


def test_computed_formula_is_its_value(feed):
    content = as_bytes(workbook([HEAD, ["latency", date(2026, 1, 5), "=1+1"]]))
    sheet = b'<c r="C2"><f>1+1</f><v>2</v></c>'
    import zipfile
    from io import BytesIO

    xml = zipfile.ZipFile(BytesIO(content)).read(SHEET).replace(b'<c r="C2"><f>1+1</f><v /></c>', sheet)
    xml = xml.replace(b'<c r="C2"><f>1+1</f><v></v></c>', sheet)
    load(feed, repacked(content, {SHEET: xml}))
    assert feed.values() == [("latency", "2026-01-05", 2.0)]


def test_wide_sheet_loses_only_the_cells_at_fault(feed):
    rows = [["day", "latency", "on_time"], [date(2026, 1, 5), 1.5, "0.5"], [date(2026, 1, 6), "#N/A", None]]
    report = load(feed, as_bytes(workbook(rows)), layout="wide", columns={"period": "day"}, kpi_columns="*")
    assert (report.rows_read, report.rows_accepted, report.cells_absent) == (3, 1, 1)
    assert sorted(feed.reasons()) == [(2, "not_a_number", "on_time"), (3, "not_a_number", "latency")]


def test_numbers_of_ids_and_years_are_read_as_people_see_them(feed):
    load(feed, [["latency", 2025, 1]], date_format="%Y")
    assert feed.values() == [("latency", "2025-01-01", 1.0)]


def test_header_row_may_stand_below_a_title(feed):
    book = workbook([["Operations, weekly"], [], HEAD, GOOD])
    book.active.merge_cells("A1:C1")
    load(feed, as_bytes(book), header_row=3)
    assert [row["source_row"] for row in feed.rows("observations")] == [4]


def test_sheet_is_named_or_the_only_visible_one(feed):
    book = workbook([["x"]], sheet="Notes", more={"Data": [HEAD, GOOD]})
    load(feed, as_bytes(book), sheet="Data")
    assert len(feed.values()) == 1
    report = load(feed, as_bytes(book), sheet="Daten")
    assert "Data" in report.files[0].message
    report = load(feed, as_bytes(book))
    assert "2 sheets" in report.files[0].message
    book["Notes"].sheet_state = "hidden"
    assert load(feed, as_bytes(book)).rows_accepted == 1


def test_packed_workbook_is_read(feed):
    load(feed, gzip.compress(as_bytes(workbook([HEAD, GOOD]))), "ops/1.xlsx.gz")
    assert len(feed.values()) == 1


def merged() -> bytes:
    book = workbook([HEAD, GOOD, GOOD])
    book.active.merge_cells("A2:A3")
    return as_bytes(book)


PLAIN = as_bytes(workbook([HEAD, GOOD]))
DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><w/>'


@pytest.mark.parametrize(
    ("content", "name", "reason", "words"),
    [
        (merged(), "ops/1.xlsx", "unreadable_file", "merged"),
        (PLAIN, "ops/1.xlsm", "unreadable_file", ".xlsm"),
        (repacked(PLAIN, {"xl/vbaProject.bin": b"x"}), "ops/1.xlsx", "unreadable_file", "macros"),
        (repacked(PLAIN, {"xl/workbook.xml": DOCTYPE}), "ops/1.xlsx", "unreadable_file", "document type"),
        (repacked(PLAIN, {"xl/media/x.bin": b"\0" * 100_000_000}), "ops/1.xlsx", "unreadable_file", "bomb"),
        (repacked(PLAIN, {SHEET: None}), "ops/1.xlsx", "unreadable_file", "workbook"),
        (PLAIN[:-200], "ops/1.xlsx", "unreadable_file", "no whole"),
        (PLAIN[:2000] + b"xxxx" + PLAIN[2004:], "ops/1.xlsx", "unreadable_file", "no whole"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "ops/1.xlsx", "unreadable_file", "encrypted"),
        (b"", "ops/1.xlsx", "empty_file", "no byte"),
        (b"kpi,day,value\n", "ops/1.xlsx", "unreadable_file", "no whole"),
        (as_bytes(workbook([])), "ops/1.xlsx", "empty_file", "row 1"),
        (as_bytes(workbook([HEAD])), "ops/1.xlsx", "empty_file", "no record"),
        (as_bytes(workbook([["kpi", "day"], GOOD[:2]])), "ops/1.xlsx", "missing_column", "value"),
        (as_bytes(workbook([[*HEAD, "kpi"], GOOD])), "ops/1.xlsx", "unexpected_column", "2 times"),
        (as_bytes(workbook([HEAD, [*GOOD, "note"]])), "ops/1.xlsx", "unexpected_column", "does not name"),
    ],
)
def test_workbook_is_refused_whole(feed, content, name, reason, words):
    report = load(feed, content, name)
    assert (report.files[0].status, report.files[0].reason_code) == ("rejected", reason)
    assert words in report.files[0].message
    assert feed.values() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "csv", "sheet": "Data"}, "Excel"),
        ({"format": "csv", "header_row": 2}, "Excel"),
        ({"format": "xlsx", "decimal_mark": ","}, "decimal_mark"),
        ({"format": "xlsx", "header_row": 0}, "header_row"),
    ],
)
def test_contract_of_a_workbook(changes, words):
    with pytest.raises(ValidationError, match=words):
        contract(**changes)
