"""Feeds of events: what a release log may say, what each bad row gets, and what a later delivery changes."""

from __future__ import annotations

import io
import json
from datetime import date, datetime, timedelta

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.errors import DefinitionErrors
from orchestration.ingestion.contracts import contract_hash, feed_records
from orchestration.ingestion.key_results import KeyResultEntry, KeyResultRegistry
from orchestration.ingestion.tables import TABLES
from tests.unit.ingestion.small_feed import NOW, SmallFeed, contract
from tests.unit.ingestion.test_contracts import START, load

COLUMNS = {
    "key_result": "kr",
    "event": "version",
    "milestone": "step",
    "event_type": "type",
    "occurred_on": "day",
    "title": "title",
    "reference": "link",
}
EVENTS = {"kind": "events", "columns": COLUMNS}
HEADER = "kr,version,step,type,day,title,link\n"
GOOD = "kr_portal,v1,live,release,2026-02-10,Portal is live,https://ci/1\n"
REGISTRY = KeyResultRegistry(
    (
        KeyResultEntry("kr_other"),
        KeyResultEntry("kr_portal", (("accepted", "milestone"), ("live", "release"))),
    )
)
LATER = NOW + timedelta(days=1)


class SmallLog(SmallFeed):
    """A release log."""

    def __init__(self, root) -> None:
        super().__init__(root)
        self.registry = REGISTRY

    def events(self) -> list[tuple]:
        """Return (key result, event, milestone, type, day) of every event, deleted ones without a day."""
        return [
            (row["key_result_id"], row["event_id"], row["milestone_id"], row["event_type"], str(row["occurred_on"]))
            for row in self.rows("key_result_events")
        ]


@pytest.fixture
def log(tmp_path) -> SmallLog:
    return SmallLog(tmp_path)


def test_event_is_kept_with_its_lineage(log):
    log.load(HEADER + GOOD, **EVENTS)
    (row,) = log.rows("key_result_events")
    (ledger,) = log.rows("loads")
    assert row == {
        "key_result_id": "kr_portal",
        "event_id": "v1",
        "event_type": "release",
        "milestone_id": "live",
        "occurred_on": date(2026, 2, 10),
        "occurred_at": None,
        "title": "Portal is live",
        "reference": "https://ci/1",
        "is_deleted": False,
        "source_type": "system",
        "available_at": None,
        "vintage_at": NOW.replace(tzinfo=None),
        "load_id": ledger["load_id"],
        "loaded_at": NOW.replace(tzinfo=None),
        "source_feed": "ops",
        "source_file": "ops/1.csv",
        "source_row": 2,
    }
    assert (ledger["kind"], ledger["rows_read"], ledger["rows_accepted"]) == ("feed", 1, 1)
    # A quiet log is not a late one: the ledger's periods are those of observations.
    assert (ledger["oldest_period_on"], ledger["newest_period_on"]) == (None, None)
    assert log.rows("observations") == []


@pytest.mark.parametrize(
    ("row", "reason", "column", "words"),
    [
        ("kr_portl,v1,,release,2026-02-10,,", "unknown_key_result", "kr", "did the source mean kr_portal?"),
        (",v1,,release,2026-02-10,,", "missing_value", "kr", "no key result id"),
        ("kr_portal,v1,lve,release,2026-02-10,,", "unknown_milestone", "step", "it has accepted, live"),
        ("kr_other,v1,live,release,2026-02-10,,", "unknown_milestone", "step", "it has none"),
        ("kr_portal,,,release,2026-02-10,,", "missing_value", "version", "no id that tells this event"),
        ("kr_portal,v1,,,2026-02-10,,", "missing_value", "type", "no type"),
        ("kr_portal,v1,,check_in,2026-02-10,,", "unmatched_value", "type", "expected one of milestone, release"),
        ("kr_portal,v1,accepted,release,2026-02-10,,", "unmatched_value", "type", "of the other kind"),
        ("kr_portal,v1,,release,,,", "missing_value", "day", "no day"),
        ("kr_portal,v1,,release,10.02.2026,,", "not_a_date", "day", "%Y-%m-%d"),
        ("kr_portal,v1,,release,2026-02-30,,", "impossible_date", "day", "no calendar has"),
        ("kr_portal,v1,,release,2026-03-02,,", "future_period", "day", "the event is after 2026-03-01"),
        ("kr_portal,v\x071,,release,2026-02-10,,", "bad_encoding", None, "control character"),
        ("kr_portal,v1,,release", "ragged_row", None, "fields"),
    ],
)
def test_bad_row_is_quarantined_alone(log, row, reason, column, words):
    """A release is lost without a word, or counts for a key result that nobody meant."""
    report = log.load(HEADER + GOOD + row + "\n", **EVENTS)
    assert (report.rows_read, report.rows_accepted, report.quarantined_by_reason) == (2, 1, {reason: 1})
    assert [event[:2] for event in log.events()] == [("kr_portal", "v1")]
    (kept_out,) = log.rows("quarantine")
    assert (kept_out["source_row"], kept_out["reason_code"], kept_out["column_name"]) == (3, reason, column)
    assert words in kept_out["message"]
    assert kept_out["raw_text"] == row
    assert kept_out["kpi_id"] is None
    assert kept_out["key_result_id"] == ((row.split(",")[0] or None) if column else None)


@pytest.mark.parametrize(("field", "column"), [("version", "version"), ("title", "title"), ("link", "link")])
def test_control_character_of_typed_columns_is_found_too(log, field, column):
    record = dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([record | {field: "a\x07b"}]), buffer)
    log.load(buffer.getvalue(), "ops/1.parquet", format="parquet", **EVENTS)
    assert log.reasons() == [(1, "bad_encoding", column)]


@pytest.mark.parametrize(
    ("moment", "reason", "day"),
    [
        ("2026-02-10T23:30:00", None, "2026-02-10"),
        ("2026-02-11T05:30:00Z", None, "2026-02-10"),
        ("2026-02-11T01:30:00-05:00", None, "2026-02-11"),
        ("2025-11-02T01:30:00", "ambiguous_local_time", None),
        ("2025-03-09T02:30:00", "nonexistent_local_time", None),
        ("2026-02-30T10:00:00", "impossible_date", None),
        ("noon", "not_a_date", None),
        ("2026-03-04T10:00:00", "future_period", None),
        ("", "missing_value", None),
    ],
)
def test_day_of_a_time_is_the_one_in_the_zone_of_the_feed(log, moment, reason, day):
    """What went live late in the evening counts for the next day."""
    columns = {"key_result": "kr", "event": "v", "event_type": "t", "occurred_at": "at"}
    log.load(f"kr,v,t,at\nkr_other,1,release,{moment}\n", kind="events", columns=columns, time_zone="America/Chicago")
    assert [event[-1] for event in log.events()] == ([day] if day else [])
    assert log.reasons() == ([(2, reason, "at")] if reason else [])


def test_ids_types_and_titles_come_by_template_value_map_and_constant(log):
    columns = {
        "key_result": {"template": "kr_{product|lower}"},
        "event": {"template": "{product}-{build}"},
        "event_type": {"column": "action", "values": {"deploy": "release", "accepted by customer": "milestone"}},
        "occurred_on": "day",
        "title": {"template": "Portal {build}"},
    }
    text = (
        "product,build,action,day\nPortal,1.0,deploy,2026-02-10\nPortal,1.1,accepted by customer,2026-02-11\n"
        "Portal,,deploy,2026-02-12\nPortal,1.2,rollback,2026-02-13\n"
    )
    log.load(text, kind="events", columns=columns)
    assert log.events() == [
        ("kr_portal", "Portal-1.0", None, "release", "2026-02-10"),
        ("kr_portal", "Portal-1.1", None, "milestone", "2026-02-11"),
    ]
    assert [row["title"] for row in log.rows("key_result_events")] == ["Portal 1.0", "Portal 1.1"]
    assert log.reasons() == [(4, "missing_value", "build"), (5, "unmatched_value", "action")]

    columns = {"milestone": "step", "occurred_on": "day", "title": {"template": "{step} by {who}"}}
    constants = {"key_result": "kr_portal", "event_type": "release"}
    log.load("step,day,who\nlive,2026-02-10,\n", "ops/2.csv", kind="events", columns=columns, constants=constants)
    # The milestone's id tells the event; a title that cannot be made is no reason to lose it.
    assert ("kr_portal", "live", "live", "release", "2026-02-10") in log.events()
    assert log.rows("key_result_events")[-1]["title"] is None


def test_identical_rows_are_one_and_different_ones_are_none(log):
    """Of two days for one release somebody picks one."""
    other = GOOD.replace("02-10", "02-11")
    assert log.load(HEADER + GOOD + GOOD, **EVENTS).rows_collapsed == 1
    assert len(log.events()) == 1
    report = log.load(HEADER + GOOD + other, "ops/2.csv", **EVENTS)
    assert report.quarantined_by_reason == {"duplicate_in_file": 2}
    assert log.reasons() == [(2, "duplicate_in_file", "version"), (3, "duplicate_in_file", "version")]
    # The same event of another key result is another event.
    assert log.load(HEADER + GOOD + GOOD.replace("kr_portal,v1,live", "kr_other,v1,"), "ops/3.csv", **EVENTS)
    assert log.rows("quarantine")[-1]["source_file"] == "ops/2.csv"


def test_restated_event_keeps_both_vintages_and_the_same_bytes_change_nothing(log):
    log.load(HEADER + GOOD, **EVENTS)
    assert [result.status for result in log.ingest(clock=LATER, **EVENTS).files] == ["unchanged"]
    log.put(HEADER + GOOD.replace("02-10", "02-12"))
    log.ingest(clock=LATER, **EVENTS)
    assert [(str(row["occurred_on"]), row["vintage_at"]) for row in log.rows("key_result_events")] == [
        ("2026-02-10", NOW.replace(tzinfo=None)),
        ("2026-02-12", LATER.replace(tzinfo=None)),
    ]


def test_vintage_is_the_time_that_the_source_states(log):
    columns = {**COLUMNS, "available_at": "sent"}
    text = HEADER.replace("\n", ",sent\n") + GOOD.replace("\n", ",2026-02-11T08:00:00Z\n")
    log.load(text, kind="events", columns=columns)
    (row,) = log.rows("key_result_events")
    assert row["vintage_at"] == row["available_at"] == datetime(2026, 2, 11, 8)


def test_file_is_read_again_once_its_unknown_key_result_is_defined(log):
    """A release log comes before the plan, and its rows stay out for good."""
    log.load(HEADER + GOOD.replace("kr_portal", "kr_new").replace("live", ""), **EVENTS)
    assert (log.events(), len(log.rows("quarantine"))) == ([], 1)
    assert [result.status for result in log.ingest(clock=LATER, **EVENTS).files] == ["unchanged"]
    grown = KeyResultRegistry((*REGISTRY.key_results, KeyResultEntry("kr_new")))
    assert [result.status for result in log.ingest(clock=LATER, registry=grown, **EVENTS).files] == ["loaded"]
    assert [event[0] for event in log.events()] == ["kr_new"]


def test_full_extract_that_holds_an_event_no_more_deletes_it_and_takes_it_back(log):
    """A release that was struck from the log is held against a key result for ever."""
    second = "kr_other,v2,,milestone,2026-02-11,,\n"
    third = "kr_other,v3,,milestone,2026-02-12,,\n"
    log.load(HEADER + GOOD + second + third, full_extract=True, **EVENTS)
    log.put(HEADER + second + third)
    report = log.ingest(clock=LATER, full_extract=True, **EVENTS)
    (tombstone,) = [row for row in log.rows("key_result_events") if row["is_deleted"]]
    assert (tombstone["key_result_id"], tombstone["event_id"], tombstone["occurred_on"]) == ("kr_portal", "v1", None)
    assert (tombstone["milestone_id"], tombstone["vintage_at"]) == ("live", LATER.replace(tzinfo=None))
    assert "1 event is no longer in the file and recorded as deleted" in report.files[0].message
    assert log.rows("loads")[-1]["rows_deleted"] == 1

    log.put(HEADER + GOOD + second + third)
    log.ingest(clock=LATER + timedelta(days=1), full_extract=True, **EVENTS)
    newest = log.rows("key_result_events")[-3:]
    assert ("v1", False) in {(row["event_id"], row["is_deleted"]) for row in newest}


def test_full_extract_deletes_nothing_while_a_row_cannot_be_told(log):
    """A typing error in one row strikes another event from the log."""
    second = "kr_other,v2,,milestone,2026-02-11,,\n"
    log.load(HEADER + GOOD + second, full_extract=True, **EVENTS)
    log.put(HEADER + second + GOOD.replace("kr_portal,v1,live", "kr_portal,,"))
    report = log.ingest(clock=LATER, full_extract=True, **EVENTS)
    assert "1 event is no longer in the file and not recorded as deleted: 1 row has" in report.files[0].message
    # A row that is kept out for another reason still says that its event is there.
    log.put(HEADER + second + GOOD.replace("2026-02-10", "soon"))
    report = log.ingest(clock=LATER, full_extract=True, **EVENTS)
    assert report.files[0].message is None
    assert not any(row["is_deleted"] for row in log.rows("key_result_events"))


def test_full_extract_that_lost_most_of_its_events_is_refused(log):
    second = "kr_other,v2,,milestone,2026-02-11,,\n"
    third = "kr_other,v3,,milestone,2026-02-12,,\n"
    log.load(HEADER + GOOD + second + third, full_extract=True, **EVENTS)
    log.put(HEADER + GOOD)
    (result,) = log.ingest(clock=LATER, full_extract=True, **EVENTS).files
    assert (result.status, result.reason_code) == ("rejected", "unreadable_file")
    assert "2 of the 3 events" in result.message


def test_columns_of_the_lake_have_the_declared_types(log):
    log.load(
        HEADER + GOOD + GOOD.replace("v1", "v2") + "kr_ghost,v1,,release,2026-02-10,,\n", full_extract=True, **EVENTS
    )
    log.put(HEADER + GOOD)
    log.ingest(clock=LATER, full_extract=True, **EVENTS)
    for entity in ("key_result_events", "quarantine"):
        paths = list((log.lake.root / entity).rglob("*.parquet"))
        assert (
            len(paths) == {"key_result_events": 4, "quarantine": 2}[entity]
        )  # two loads, tombstones, the schema's own
        for path in paths:
            found = {field.name: field.type for field in pq.read_schema(path)}
            assert found == {field.name: field.type for field in TABLES[entity]}


def test_every_format_says_the_same(log):
    record = dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([record | {"day": date(2026, 2, 10)}]), buffer)
    book, workbook = openpyxl.Workbook(), io.BytesIO()
    book.active.append(list(record))
    book.active.append(list((record | {"day": date(2026, 2, 10)}).values()))
    book.save(workbook)
    files = {
        "csv": (HEADER + GOOD).encode(),
        "jsonl": json.dumps(record).encode() + b"\n",
        "json": json.dumps([record]).encode(),
        "parquet": buffer.getvalue(),
        "xlsx": workbook.getvalue(),
    }
    for form, content in files.items():
        source = {"type": "file", "path": f"ops/*.{form}"}
        log.load(content, f"ops/log.{form}", format=form, source=source, id=f"log_{form}", **EVENTS)
    told = {(*event, row["title"]) for event, row in zip(log.events(), log.rows("key_result_events"), strict=True)}
    assert len(log.events()) == len(files)
    assert told == {("kr_portal", "v1", "live", "release", "2026-02-10", "Portal is live")}


LOG = START + '    kind: events\n    source: {type: file, path: "ops/*.csv"}\n    format: csv\n'
LOG_COLUMNS = "    columns: {key_result: kr, event: version, event_type: type, occurred_on: day}\n"
OBSERVATIONS = LOG.replace("    kind: events\n", "")


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (OBSERVATIONS + LOG_COLUMNS, "columns", "write `kind: events`"),
        (LOG + "    columns: {kpi: kpi, period: day, value: value}\n", "columns", "`kpi` belongs to observations"),
        (LOG + LOG_COLUMNS.replace("key_result: kr, ", ""), "columns", "no column for `key_result`"),
        (LOG + LOG_COLUMNS.replace("event_type: type, ", ""), "columns", "no column for `event_type`"),
        (LOG + LOG_COLUMNS.replace("event: version, ", ""), "columns", "nothing tells one event from another"),
        (LOG + LOG_COLUMNS.replace(", occurred_on: day", ""), "columns", "no column for the day"),
        (LOG + LOG_COLUMNS.replace("day}", "day, occurred_at: at}"), "columns", "both `occurred_on` and"),
        (LOG + LOG_COLUMNS.replace("occurred_on", "occurred_at"), "columns", "state `time_zone`"),
        (LOG + LOG_COLUMNS + "    date_format: iso_week\n", "date_format", "an event has a day"),
        (LOG + LOG_COLUMNS + "    layout: wide\n", "layout", "`layout` belongs to observations"),
        (LOG + LOG_COLUMNS + "    unit: share\n", "unit", "`unit` belongs to observations"),
        (LOG + LOG_COLUMNS + "    constants: {key_result: x}\n", "constants", "both a column and a constant"),
        (LOG + LOG_COLUMNS + "    constants: {obs_status: A}\n", "constants", "`obs_status` belongs to observations"),
        (
            LOG + LOG_COLUMNS.replace("event_type: type", "event_type: {column: type, values: {x: check_in}}"),
            "columns.event_type.values.x",
            "release",
        ),
        (LOG + LOG_COLUMNS.replace("occurred_on", "ocurred_on"), "columns.ocurred_on", "`occurred_on`"),
    ],
)
def test_contract_error_names_field_and_what_is_meant(tmp_path, text, field, words):
    with pytest.raises(DefinitionErrors) as caught:
        load(tmp_path, text)
    error = caught.value.errors[0]
    assert error.column == f"feeds[0].{field}"
    assert words in str(error)


def test_contract_says_its_kind_in_the_lake_and_old_feeds_are_not_read_again(tmp_path):
    (record,) = feed_records(load(tmp_path, LOG + LOG_COLUMNS))
    assert record.columns["kind"] == "events"
    assert contract_hash(contract(kind="observations")) == contract_hash(contract())
