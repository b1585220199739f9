"""The portal story with the release told by a release log: a feed of events, exported by the delivery pipeline.

Each docstring is the failure that the test prevents.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.end_to_end.manufacturer_lake import PORTAL, Manufacturer
from tests.end_to_end.test_portal_story import DONE, LATENCY, LAUNCH, OBJECTIVE, RELEASE_ON, TREMOR

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FEED = """
  - id: release_log
    name: Release log
    owner: portal_manager
    steward: commercial_data_steward
    kind: events
    source: {type: file, path: "release_log/*.csv"}
    format: csv
    columns:
      key_result: goal
      event: version
      milestone: milestone
      event_type: {column: stage, values: {production: release}}
      occurred_at: deployed_at
      title: {template: "Portal {version}"}
      reference: pipeline
    time_zone: America/Chicago
    full_extract: true
"""
HEADER = "goal,version,milestone,stage,deployed_at,pipeline\n"
EVENT = f"from marts.fct_key_result_event where key_result_id = '{LAUNCH}' and event_type = 'release'"


@pytest.fixture
def company(tmp_path: Path) -> Manufacturer:
    """The manufacturer, with a release log."""
    company = Manufacturer(tmp_path / "manufacturer")
    feeds = company.company / "feeds.yml"
    feeds.write_text(feeds.read_text(encoding="utf-8").rstrip("\n") + "\n" + FEED, encoding="utf-8")
    return company


def log(company: Manufacturer, *rows: str) -> None:
    """Write the release log: rows of version, milestone, stage and time."""
    path = company.landing / "release_log" / "2026.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = HEADER + "".join(f"{LAUNCH},{row},https://ci.example/{number}\n" for number, row in enumerate(rows, 1))
    path.write_text(text, encoding="utf-8")


def test_release_of_the_log_raises_the_conflict_as_that_of_the_files_does(company: Manufacturer) -> None:
    """A release is tested only if somebody types its day into a company file."""
    company.edit(PORTAL, DONE, ", due_on: 2026-04-10}")
    log(company, "1.0,live,production,2026-04-07T21:00:00")  # a first entry that is mended the day after
    early = company.build(date(2026, 4, 8))
    assert early.rows(f"select event_on, stated_by {EVENT}") == [(date(2026, 4, 7), "feed")]

    # Eleven in the evening of the 6th in Chicago, and the 7th in UTC.
    log(company, "1.0,live,production,2026-04-07T04:00:00Z")
    warehouse = company.build(date(2026, 4, 11))
    assert warehouse.rows(
        f"select event_id, event_title, event_on, stated_by, event_reference, is_disputed, source_file {EVENT}"
    ) == [
        ("live", "Phase 1 live for all customers", RELEASE_ON, "feed", "https://ci.example/1", False,
         "release_log/2026.csv"),
    ]  # fmt: skip
    row = warehouse.row("from marts.fct_silo_conflict")
    assert row["silo_conflict_key"] == f"{LAUNCH}|{LATENCY}|2026-04-10"
    assert (row["key_result_status"], row["attribution"], row["event_on"]) == ("on_track", "single", RELEASE_ON)
    assert warehouse.rows(OBJECTIVE) == [("off_track",)]
    # What was known on the 8th stays known.
    assert warehouse.rows("select occurred_on from staging.stg_lake__key_result_events order by vintage_at") == [
        (date(2026, 4, 7),),
        (RELEASE_ON,),
    ]

    # A full extract that holds the release no more takes it back.
    log(company, "0.9,accepted,pilot,2026-04-01T12:00:00")
    company.edit("feeds.yml", "full_extract: true", "full_extract: true\n    max_deleted_share: 1")
    company.edit("feeds.yml", "{production: release}", "{production: release, pilot: milestone}")
    warehouse = company.build(date(2026, 4, 13))
    assert warehouse.rows(f"select event_on {EVENT}") == []
    assert warehouse.rows(f"select * {TREMOR}") == []
    # The files and the log agree on the acceptance.
    assert warehouse.rows(
        f"select event_id, stated_by, is_disputed from marts.fct_key_result_event "
        f"where key_result_id = '{LAUNCH}' and event_type = 'milestone'"
    ) == [("accepted", "file_and_feed", False)]


def test_other_day_in_the_log_is_shown_and_does_not_count(company: Manufacturer) -> None:
    """A release is dated by hand to a week in which nothing moved, and nobody sees it."""
    log(
        company,
        "1.0,live,production,2026-04-08T10:00:00",
        "1.1,live,production,2026-04-09T10:00:00",
        "1.2,,production,2026-04-10T10:00:00",
        "2.0,live,staging,2026-04-10T10:00:00",
    )
    assert company.run(date(2026, 4, 16)) == 0
    import duckdb

    with duckdb.connect(str(company.root / "data/warehouse/warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(f"select event_id, event_on, stated_by, is_disputed {EVENT} order by 2").fetchall()
    assert found == [
        ("live", RELEASE_ON, "file_and_feed", True),
        ("release_log:1.1", date(2026, 4, 9), "feed", False),
        ("release_log:1.2", date(2026, 4, 10), "feed", False),
    ]
    findings = company.published(
        "select rule_id, severity, subject_id, detail from reports.rpt_integrity_failures "
        "where rule_id in ('DAT-05', 'DAT-09') order by 1"
    )
    assert findings == [
        (
            "DAT-05",
            "withhold",
            "release_log",
            "1 of 4 rows of its files of open cycles are quarantined, the limit is 5.0 %; "
            "1 of 4 rows of its newest file are quarantined, the limit is 5.0 %",
        ),
        (
            "DAT-09",
            "warn",
            LAUNCH,
            "release live on 2026-04-06 in the company files, on 2026-04-08 in the feed release_log",
        ),
    ]
