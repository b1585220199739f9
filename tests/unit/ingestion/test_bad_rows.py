"""What one bad row comes to: its reason code, its line, its column, and nothing lost beside it."""

from __future__ import annotations

import pytest

from orchestration.ingestion.registry import KpiEntry, KpiRegistry
from tests.unit.ingestion.small_feed import HEADER, LONG

GOOD = "latency,2026-01-05,12.5\n"
GOOD_ROW = ("latency", "2026-01-05", 12.5)


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        ("latency,2026-01-06\n", "ragged_row", None),
        ("latency,2026-01-06,1,2\n", "ragged_row", None),
        ("latency\n", "ragged_row", None),
        ('"latency"x,2026-01-06,1\n', "ragged_row", None),
        ('"lat,ency",2026-01-06\n', "ragged_row", None),
        ("lat\x00ency,2026-01-06,1\n", "bad_encoding", None),
        ("latency,2026-01-06,1\x1b[31m\n", "bad_encoding", None),
        (b"latency,2026-01-06,\xe9\n", "bad_encoding", None),
        (b"lat\xc3,2026-01-06,1\n", "bad_encoding", None),
        (b"\xed\xa0\x80,2026-01-06,1\n", "bad_encoding", None),
        (",2026-01-06,1\n", "missing_value", "kpi"),
        ("latency,,1\n", "missing_value", "day"),
        ("latency,2026-01-06,\n", "missing_value", "value"),
        ("latency,2026-01-06,   \n", "missing_value", "value"),
        ("latency,2026-01-06,twelve\n", "not_a_number", "value"),
        ('latency,2026-01-06,"1,5"\n', "not_a_number", "value"),
        ('latency,2026-01-06,"1,234.5"\n', "not_a_number", "value"),
        ("latency,2026-01-06,1_000\n", "not_a_number", "value"),
        ("latency,2026-01-06,0x1F\n", "not_a_number", "value"),
        ("latency,2026-01-06,45%\n", "not_a_number", "value"),
        ("latency,2026-01-06,#N/A\n", "not_a_number", "value"),
        ("latency,2026-01-06,=1+1\n", "not_a_number", "value"),
        ("latency,2026-01-06,true\n", "not_a_number", "value"),
        ("latency,2026-01-06,NA\n", "not_a_number", "value"),
        ("latency,2026-01-06,１２\n", "not_a_number", "value"),
        ("latency,2026-01-06,NaN\n", "not_finite", "value"),
        ("latency,2026-01-06,inf\n", "not_finite", "value"),
        ("latency,2026-01-06,-Infinity\n", "not_finite", "value"),
        ("latency,2026-01-06,1e400\n", "not_finite", "value"),
        ("latency,2026-01-06,9007199254740993\n", "out_of_range", "value"),
        ("latency,2026-01-06,9223372036854775808\n", "out_of_range", "value"),
        ("latency,2026-01-06,1e-400\n", "out_of_range", "value"),
        ("on_time,2026-01-06,1.0000001\n", "out_of_range", "value"),
        ("on_time,2026-01-06,-0.01\n", "out_of_range", "value"),
        ("latency,06.01.2026,1\n", "not_a_date", "day"),
        ("latency,01/06/2026,1\n", "not_a_date", "day"),
        ("latency,31-Sep-2008,1\n", "not_a_date", "day"),
        ("latency,2026-01-06x,1\n", "not_a_date", "day"),
        ("latency,2026-01-06T00:00:00,1\n", "not_a_date", "day"),
        ("latency,46028,1\n", "not_a_date", "day"),
        ("latency,epoch,1\n", "not_a_date", "day"),
        ("latency,infinity,1\n", "not_a_date", "day"),
        ("latency,2026-02-30,1\n", "impossible_date", "day"),
        ("latency,2026-13-01,1\n", "impossible_date", "day"),
        ("latency,26-01-06,1\n", "impossible_date", "day"),
        ("latency,0000-01-01,1\n", "impossible_date", "day"),
        ("latency,1899-12-31,1\n", "impossible_date", "day"),
        ("latency,2026-03-02,1\n", "future_period", "day"),
        ("latensy,2026-01-06,1\n", "unknown_kpi", "kpi"),
        ("LATENCY,2026-01-06,1\n", "unknown_kpi", "kpi"),
        ("latency\u200b,2026-01-06,1\n", "unknown_kpi", "kpi"),
        ("'; drop table staged; --,2026-01-06,1\n", "unknown_kpi", "kpi"),
        ("null,2026-01-06,1\n", "unknown_kpi", "kpi"),
        ("fax_count,2026-01-06,1\n", "retired_kpi", "kpi"),
    ],
)
def test_bad_row_is_quarantined_alone(feed, row, reason, column):
    content = HEADER.encode() + GOOD.encode() + (row.encode() if isinstance(row, str) else row)
    report = feed.load(content + b"latency,2026-01-07,2\n")
    assert feed.reasons() == [(3, reason, column)]
    assert feed.values() == [GOOD_ROW, ("latency", "2026-01-07", 2.0)]
    assert (report.rows_read, report.rows_accepted, report.rows_quarantined) == (3, 2, 1)


def test_quarantine_keeps_line_text_and_value(feed):
    feed.load(HEADER + GOOD + 'latency,2026-01-06,"twelve, or so"\n')
    (row,) = feed.rows("quarantine")
    assert row["raw_text"] == 'latency,2026-01-06,"twelve, or so"'
    assert row["raw_value"] == "twelve, or so"
    assert row["kpi_id"] == "latency"
    assert row["source_file"] == "ops/1.csv"
    assert "number" in row["message"]
    assert row["load_id"] == feed.rows("loads")[0]["load_id"]


def test_unknown_kpi_names_the_nearest(feed):
    feed.load(HEADER + "latensy,2026-01-06,1\n")
    assert "latency" in feed.rows("quarantine")[0]["message"]


def test_out_of_range_names_the_range(feed):
    feed.load(HEADER + "on_time,2026-01-06,45\n")
    assert feed.rows("quarantine")[0]["message"] == "outside the KPI's valid range, 0.0 to 1.0"


@pytest.mark.parametrize("kpis", [3, 1100], ids=["few messages", "many messages"])
def test_every_kpi_has_its_own_range(feed, kpis):
    registry = KpiRegistry(tuple(KpiEntry(f"kpi_{top}", "minutes", valid_max=top) for top in range(kpis)))
    feed.put(HEADER + "".join(f"kpi_{top},2026-01-05,5000\nkpi_{top},2026-01-06,{top}\n" for top in range(kpis)))
    assert feed.ingest(registry=registry).rows_accepted == kpis
    found = {row["kpi_id"]: row["message"] for row in feed.rows("quarantine")}
    assert found == {f"kpi_{top}": f"outside the KPI's valid range, any to {top}.0" for top in range(kpis)}


def test_bytes_that_are_no_text_show_in_the_raw_text(feed):
    feed.load(HEADER.encode() + b"gr\xf6\xdfe,2026-01-06,1\n")
    assert feed.rows("quarantine")[0]["raw_text"] == "gr\\xf6\\xdfe,2026-01-06,1"


def test_line_is_the_first_physical_line_of_the_record(feed):
    feed.load(HEADER + '"lat\nency",2026-01-06,1\n\nlatency,2026-01-07,x\n' + GOOD)
    assert feed.reasons() == [(2, "unknown_kpi", "kpi"), (5, "not_a_number", "value")]
    assert feed.rows("observations")[0]["source_row"] == 6
    assert feed.rows("quarantine")[0]["raw_text"] == '"lat\nency",2026-01-06,1'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.5", 12.5),
        (" 12.5 ", 12.5),
        ("+5", 5),
        ("-0.25", -0.25),
        (".5", 0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("9007199254740992", 2.0**53),
        ("0.1", 0.1),
        ("0", 0),
        ("0e5", 0),
        ('"7"', 7),
    ],
)
def test_number_is_read(feed, text, value):
    feed.load(HEADER + f"latency,2026-01-05,{text}\n")
    assert feed.values() == [("latency", "2026-01-05", value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.234,56", 1234.56), ("2,5", 2.5), ("1.234.567", 1234567.0), ("-0,5", -0.5), ("12", 12.0)],
)
def test_declared_marks_are_followed(feed, text, value):
    feed.load(f"kpi;day;value\nlatency;2026-01-05;{text}\n", delimiter=";", decimal_mark=",", thousands_mark=".")
    assert feed.values() == [("latency", "2026-01-05", value)]


@pytest.mark.parametrize("text", ["1,234.56", "12.34", "1.23.456", "1.2345", ",", "1,2,3"])
def test_number_by_other_marks_is_quarantined(feed, text):
    feed.load(f"kpi;day;value\nlatency;2026-01-05;{text}\n", delimiter=";", decimal_mark=",", thousands_mark=".")
    assert feed.reasons() == [(2, "not_a_number", "value")]


@pytest.mark.parametrize(
    ("text", "value"), [("45", 0.45), ("45%", 0.45), ("45.3 %", 0.453), ("29", 0.29), ("7", 0.07), ("4.53e1", 0.453)]
)
def test_percent_becomes_a_share_when_declared(feed, text, value):
    feed.load(HEADER + f"on_time,2026-01-05,{text}\n", unit="percent", scale=0.01)
    assert feed.values() == [("on_time", "2026-01-05", value)]
    assert feed.rows("observations")[0]["unit"] == "share"


def test_unit_other_than_the_kpis_needs_a_scale(feed):
    feed.load(HEADER + "on_time,2026-01-05,0.45\nlatency,2026-01-05,1\n", unit="minutes")
    assert feed.reasons() == [(2, "unit_mismatch", "value")]


def test_unit_beside_the_value_is_checked(feed):
    content = "kpi,day,value,unit\nlatency,2026-01-05,1,minutes\nlatency,2026-01-06,1,hours\nlatency,2026-01-07,1,\n"
    feed.load(content, columns=LONG | {"unit": "unit"})
    assert feed.reasons() == [(3, "unit_mismatch", "unit"), (4, "missing_value", "unit")]


@pytest.mark.parametrize(
    ("date_format", "text", "period"),
    [
        ("%d.%m.%Y", "05.01.2026", "2026-01-05"),
        ("%m/%d/%Y", "1/5/2026", "2026-01-05"),
        ("%d-%b-%Y", "05-Jan-2026", "2026-01-05"),
        ("%Y%m%d", "20260105", "2026-01-05"),
        ("%Y-%m", "2026-01", "2026-01-01"),
        ("iso_week", "2026-W02", "2026-01-05"),
        ("quarter", "2026-Q1", "2026-01-01"),
    ],
)
def test_declared_date_format_is_followed(feed, date_format, text, period):
    feed.load(HEADER + f"latency,{text},1\n", date_format=date_format)
    assert feed.values() == [("latency", period, 1.0)]


@pytest.mark.parametrize(
    ("date_format", "text"),
    [("%d-%b-%Y", "31-Sep-2008"), ("%d.%m.%Y", "30.02.2026"), ("iso_week", "2025-W53"), ("quarter", "2026-Q5")],
)
def test_impossible_date_of_the_declared_form(feed, date_format, text):
    feed.load(HEADER + f"latency,{text},1\n", date_format=date_format)
    assert feed.reasons() == [(2, "impossible_date", "day")]


def test_period_is_the_first_day_of_the_kpis_grain(feed):
    feed.load(HEADER + "backlog,2026-01-31,7\nbacklog,2026-02-01,8\n")
    assert feed.values() == [("backlog", "2026-01-01", 7.0), ("backlog", "2026-02-01", 8.0)]


def test_ids_are_compared_in_one_unicode_form(feed):
    feed.load(HEADER + " gro\u0308ße ,2026-01-05,1\n")
    assert feed.values() == [("größe", "2026-01-05", 1.0)]


def test_identical_rows_collapse_to_one_and_are_counted(feed):
    report = feed.load(HEADER + GOOD + GOOD + "latency,2026-01-05,12.50\n" + "latency,2026-01-06,1\n")
    assert feed.values() == [GOOD_ROW, ("latency", "2026-01-06", 1.0)]
    assert (report.rows_read, report.rows_accepted, report.rows_collapsed) == (4, 4, 2)
    assert feed.rows("loads")[0]["rows_collapsed"] == 2


def test_all_rows_of_a_conflicting_key_are_quarantined(feed):
    report = feed.load(HEADER + GOOD + "latency,2026-01-05,13\n" + GOOD + "latency,2026-01-06,1\n")
    assert feed.values() == [("latency", "2026-01-06", 1.0)]
    assert feed.reasons() == [(line, "duplicate_in_file", "value") for line in (2, 3, 4)]
    assert [row["raw_value"] for row in feed.rows("quarantine")] == ["12.5", "13.0", "12.5"]
    assert (report.rows_read, report.rows_accepted, report.rows_collapsed) == (4, 1, 0)


def test_rows_that_differ_in_status_alone_conflict(feed):
    columns = LONG | {"obs_status": "status"}
    feed.load("kpi,day,value,status\nlatency,2026-01-05,1,A\nlatency,2026-01-05,1,P\n", columns=columns)
    assert [reason for _, reason, _ in feed.reasons()] == ["duplicate_in_file"] * 2


def test_two_vintages_of_one_period_are_no_conflict(feed):
    content = (
        "kpi,day,value,sent\nlatency,2026-01-05,1,2026-01-06T06:00:00Z\nlatency,2026-01-05,2,2026-01-07T06:00:00Z\n"
    )
    feed.load(content, columns=LONG | {"available_at": "sent"})
    assert [row["value"] for row in feed.rows("observations")] == [1.0, 2.0]


def test_null_tokens_are_the_contracts_alone(feed):
    feed.load(HEADER + "latency,2026-01-05,n/a\nlatency,2026-01-06,-\n", null_tokens=["", "n/a", "-"])
    assert {reason for _, reason, _ in feed.reasons()} == {"missing_value"}


def test_status_and_recorder_are_kept(feed):
    content = "kpi,day,value,status,by\nlatency,2026-01-05,1,P,Zoë\nlatency,2026-01-06,1,,\n"
    feed.load(content, columns=LONG | {"obs_status": "status", "recorded_by": "by"})
    assert [(row["obs_status"], row["recorded_by"]) for row in feed.rows("observations")] == [("P", "Zoë"), ("A", None)]


def test_constants_fill_what_no_column_holds(feed):
    feed.load(
        "day,value\n2026-01-05,3\n",
        columns={"period": "day", "value": "value"},
        constants={"kpi": "latency", "obs_status": "E"},
    )
    assert feed.values() == [("latency", "2026-01-05", 3.0)]
    assert feed.rows("observations")[0]["obs_status"] == "E"


class TestAvailableAt:
    """Times become UTC by their offset or the contract's zone; what a clock cannot tell is quarantined."""

    def load(self, feed, text, **changes):
        content = f"kpi,day,value,sent\nlatency,2026-01-05,1,{text}\n"
        feed.load(content, columns=LONG | {"available_at": "sent"}, **changes)

    @pytest.mark.parametrize(
        ("text", "changes", "moment"),
        [
            ("2026-01-06T06:00:00Z", {}, "2026-01-06 06:00:00"),
            ("2026-01-06T06:00:00+01:00", {}, "2026-01-06 05:00:00"),
            ("2026-01-06 06:00:00.25-0530", {}, "2026-01-06 11:30:00.250000"),
            ("2026-01-06T06:00", {"time_zone": "Europe/Berlin"}, "2026-01-06 05:00:00"),
            ("2025-07-06 06:00:00", {"time_zone": "America/New_York"}, "2025-07-06 10:00:00"),
            ("2026-01-06", {"time_zone": "UTC"}, "2026-01-06 00:00:00"),
            ("2026-01-06T06:00:00", {"time_zone": "Asia/Kolkata"}, "2026-01-06 00:30:00"),
            (
                "06.01.2026 06:00",
                {"time_zone": "UTC", "timestamp_format": "%d.%m.%Y %H:%M"},
                "2026-01-06 06:00:00",
            ),
            ("06.01.2026 06:00 +0200", {"timestamp_format": "%d.%m.%Y %H:%M %z"}, "2026-01-06 04:00:00"),
        ],
    )
    def test_time_is_read_as_utc(self, feed, text, changes, moment):
        self.load(feed, text, **changes)
        (row,) = feed.rows("observations")
        assert (str(row["available_at"]), str(row["vintage_at"])) == (moment, moment)

    @pytest.mark.parametrize(
        ("text", "changes", "reason"),
        [
            ("", {}, "missing_value"),
            ("2026-01-06T06:00:00", {}, "ambiguous_local_time"),
            ("2025-03-09 02:30:00", {"time_zone": "America/New_York"}, "nonexistent_local_time"),
            ("2025-11-02 01:30:00", {"time_zone": "America/New_York"}, "ambiguous_local_time"),
            ("2025-04-06 01:45:00", {"time_zone": "Australia/Lord_Howe"}, "ambiguous_local_time"),
            ("soon", {}, "not_a_date"),
            ("epoch", {}, "not_a_date"),
            ("infinity", {"time_zone": "UTC"}, "not_a_date"),
            ("epoch", {"time_zone": "UTC", "timestamp_format": "%Y-%m-%d %H:%M"}, "not_a_date"),
            ("2026-01-06T06:00:00 America/New_York", {}, "not_a_date"),
            ("2026-01-06T06:00:00+25:00", {}, "not_a_date"),
            ("2026-02-30T06:00:00Z", {}, "impossible_date"),
            ("2026-01-06T26:00:00Z", {}, "impossible_date"),
            ("1812-01-06T06:00:00Z", {}, "impossible_date"),
            ("2026-03-03T06:00:00Z", {}, "future_period"),
        ],
    )
    def test_bad_time_is_quarantined(self, feed, text, changes, reason):
        self.load(feed, text, **changes)
        assert feed.reasons() == [(2, reason, "sent")]

    def test_vintage_is_the_time_of_the_load_without_one(self, feed):
        feed.load(HEADER + GOOD)
        (row,) = feed.rows("observations")
        assert row["available_at"] is None
        assert row["vintage_at"] == row["loaded_at"]


WIDE = {"layout": "wide", "columns": {"period": "day"}}


class TestWide:
    """One column per KPI: every filled cell is a row of its own."""

    def test_cells_become_observations_and_empty_ones_are_absent(self, feed):
        report = feed.load(
            "day,A,B\n2026-01-05,1,0.5\n2026-01-06,,0.25\n2026-01-07,,\n",
            kpi_columns={"A": "latency", "B": "on_time"},
            **WIDE,
        )
        assert sorted(feed.values()) == [
            ("latency", "2026-01-05", 1.0),
            ("on_time", "2026-01-05", 0.5),
            ("on_time", "2026-01-06", 0.25),
        ]
        assert (report.rows_read, report.cells_absent) == (3, 3)

    def test_bad_cell_is_quarantined_with_its_column(self, feed):
        report = feed.load(
            "day,A,B\n2026-01-05,x,0.5\n2026-01-06,1\n",
            kpi_columns={"A": "latency", "B": "on_time"},
            **WIDE,
        )
        assert feed.reasons() == [(2, "not_a_number", "A"), (3, "ragged_row", None)]
        assert report.rows_read == 3
        assert feed.rows("quarantine")[0]["raw_value"] == "x"

    def test_bad_period_quarantines_every_cell_of_its_row(self, feed):
        feed.load("day,A,B\n2026-02-30,1,0.5\n", kpi_columns={"A": "latency", "B": "on_time"}, **WIDE)
        assert feed.reasons() == [(2, "impossible_date", "day")] * 2
        assert {row["kpi_id"] for row in feed.rows("quarantine")} == {"latency", "on_time"}

    def test_columns_may_be_named_like_their_kpis(self, feed):
        feed.load("day,latency,nonsense\n2026-01-05,1,2\n", kpi_columns="*", **WIDE)
        assert feed.values() == [("latency", "2026-01-05", 1.0)]
        assert feed.reasons() == [(2, "unknown_kpi", "nonsense")]

    def test_many_columns(self, feed):
        names = [f"k{number}" for number in range(1500)]
        report = feed.load(f"day,{','.join(names)}\n2026-01-05,{','.join(['1'] * 1500)}\n", kpi_columns="*", **WIDE)
        assert report.quarantined_by_reason == {"unknown_kpi": 1500}
