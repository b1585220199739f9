"""What feeds owe: periods that are present (DAT-04), rows that can be read (DAT-05), figures that stay (DAT-07)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.unit.audit.small_company import AS_OF, LOADED_AT, failing

CLOSED_ON = date(2026, 1, 10)


def details(report, rule_id: str) -> list[str]:
    return [finding.detail for finding in report.failures if finding.rule_id == rule_id]


def drop(company, kpi_id: str, *days: date) -> None:
    company.run(
        "update marts.fct_kpi_observation set value = null where kpi_id = ? and list_contains(?, period_start_on)",
        [kpi_id, list(days)],
    )


def start(company, on: date) -> None:
    company.run("update marts.dim_key_result set starts_on = ?", [on])


def test_dat_04_names_a_kpi_of_which_periods_are_missing(company, audit):
    drop(company, "errors", date(2026, 2, 8))

    report = audit()

    assert "errors" in failing(report)["DAT-04"]
    assert details(report, "DAT-04") == [
        "9 of 10 periods due are present, expected 95%; the first missing one starts on 2026-02-08 (feed desk)"
    ]


def test_dat_04_passes_nineteen_of_twenty(company, audit):
    """The limit itself is good enough."""
    rows = [{"kpi_id": "latency", "day": date(2026, 1, 26) + timedelta(days=age), "value": 1.0} for age in range(10)]
    company.load(rows + [row | {"kpi_id": "errors"} for row in rows], content="earlier")
    start(company, date(2026, 1, 26))
    drop(company, "errors", date(2026, 2, 8))
    assert "DAT-04" not in failing(audit())

    drop(company, "errors", date(2026, 2, 9))
    assert failing(audit())["DAT-04"] == {"errors"}


def test_dat_04_owes_nothing_on_days_off(company, audit):
    weekend = date(2026, 2, 7), date(2026, 2, 8), date(2026, 2, 14)
    drop(company, "errors", *weekend)
    assert failing(audit())["DAT-04"] == {"errors"}

    company.run("update marts.dim_kpi set calendar = 'working_days' where kpi_id = 'errors'")
    assert "DAT-04" not in failing(audit())


@pytest.mark.parametrize(("offset", "is_missing"), [(1, True), (2, False)])
def test_dat_04_asks_only_for_what_is_due(company, audit, offset, is_missing):
    company.run("update marts.dim_kpi set agreed_offset_days = ? where kpi_id = 'errors'", [offset])
    drop(company, "errors", date(2026, 2, 14))

    assert ("errors" in failing(audit()).get("DAT-04", set())) is is_missing


@pytest.mark.parametrize(
    ("grain", "start_on", "present", "is_missing"),
    [
        ("week", date(2026, 1, 1), [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19), date(2026, 1, 26)], True),
        ("week", date(2026, 1, 13), [date(2026, 1, 19), date(2026, 1, 26), date(2026, 2, 2)], False),
        ("month", date(2026, 1, 1), [], True),
        ("month", date(2026, 1, 2), [], False),
        ("quarter", date(2026, 1, 1), [], False),
    ],
)
def test_dat_04_counts_whole_periods_of_the_kpis_own_grain(company, audit, grain, start_on, present, is_missing):
    company.run("delete from marts.fct_kpi_observation where kpi_id = 'errors'")
    company.run("update marts.dim_kpi set grain = ? where kpi_id = 'errors'", [grain])
    rows = [{"kpi_id": "latency", "day": date(2026, 1, 1) + timedelta(days=age), "value": 1.0} for age in range(35)]
    company.load(rows + [{"kpi_id": "errors", "day": day, "value": 1.0} for day in present], content="earlier")
    start(company, start_on)

    assert ("errors" in failing(audit()).get("DAT-04", set())) is is_missing


def test_dat_03_owes_nothing_on_days_off(company, audit):
    company.run("update marts.dim_kpi set calendar = 'working_days' where kpi_id = 'errors'")
    drop(company, "errors", date(2026, 2, 14))  # a Saturday; AS_OF is the Sunday after
    assert "DAT-03" not in failing(audit())

    drop(company, "errors", date(2026, 2, 13))
    assert failing(audit())["DAT-03"] == {"errors"}


def loaded(company, load_id: str, **values) -> None:
    facts = {"kind": "feed", "source_feed": "desk", "source_file": f"{load_id}.csv", "loaded_at": LOADED_AT}
    company.add("marts.fct_feed_load", **{**facts, "load_id": load_id, "newest_period_on": AS_OF} | values)


def limit(company, share: float) -> None:
    company.define(
        "feeds",
        at=LOADED_AT + timedelta(minutes=5),
        feed_id="desk",
        owner_id="fred",
        steward_id="fred",
        max_quarantine_share=share,
    )


def test_dat_05_names_a_feed_whose_newest_file_is_bad(company, audit):
    limit(company, 0.1)
    loaded(company, "good", rows_read=1000, rows_quarantined=0)
    loaded(company, "bad", rows_read=10, rows_quarantined=3, loaded_at=LOADED_AT + timedelta(hours=1))

    report = audit()

    assert failing(report)["DAT-05"] == {"desk"}
    assert details(report, "DAT-05") == ["3 of 10 rows of its newest file are quarantined, the limit is 10.0 %"]
    assert report.failures[0].source_file == "bad.csv"


def test_dat_05_names_a_feed_whose_files_are_bad_together(company, audit):
    loaded(company, "bad", rows_read=10, rows_quarantined=3)
    loaded(company, "good", rows_read=10, rows_quarantined=0, loaded_at=LOADED_AT + timedelta(hours=1))

    assert details(audit(), "DAT-05") == [
        "3 of 20 rows of its files of open cycles are quarantined, the limit is 5.0 %"
    ]


def test_dat_05_passes_the_limit_itself_and_a_file_that_was_sent_again(company, audit):
    limit(company, 0.1)
    loaded(company, "bad", source_file="a.csv", rows_read=10, rows_quarantined=9)
    again = LOADED_AT + timedelta(hours=1)
    loaded(company, "again", source_file="a.csv", rows_read=10, rows_quarantined=1, loaded_at=again)

    assert "DAT-05" not in failing(audit())


def test_dat_05_forgets_files_of_closed_cycles(company, audit):
    loaded(company, "old", rows_read=10, rows_quarantined=9, newest_period_on=date(2025, 12, 31))

    assert "DAT-05" not in failing(audit())


def test_dat_05_counts_a_file_that_could_not_be_read(company, audit):
    loaded(company, "torn", status="rejected", rows_read=1, rows_quarantined=1, newest_period_on=None)

    assert failing(audit())["DAT-05"] == {"desk"}


def restate(company, kind: str = "restated", kpi_id: str = "latency", **values) -> None:
    facts = {
        "restatement_key": f"{kpi_id}|{kind}",
        "kpi_id": kpi_id,
        "kind": kind,
        "value_before": 1.0,
        "value_after": 2.0 if kind == "restated" else None,
        "days_after_close": 5,
        "is_after_close": True,
        "period_start_on": date(2025, 12, 31),
        "cycle_closes_on": CLOSED_ON,
        "vintage_at": LOADED_AT,
    }
    company.add("marts.fct_restatement", **facts | values)


@pytest.fixture
def closed(company):
    """A closed cycle, in which latency measured a key result."""
    company.add("marts.dim_cycle", cycle_key="old", cycle_id="old", ends_on=date(2025, 12, 31), closes_on=CLOSED_ON)
    company.add_key_result("kr_old", {"measures": "latency"}, cycle_id="old")
    return company


def request(company, **values) -> None:
    facts = {
        "change_request_id": "cr_1",
        "subject_type": "kpi",
        "subject_id": "latency",
        "field": "value",
        "reason_code": "definition_error",
        "approved_by_id": "gina",
        "approved_on": date(2026, 2, 1),
    }
    company.define("change_requests", at=LOADED_AT + timedelta(minutes=5), **facts | values)


@pytest.mark.parametrize(("kind", "after"), [("restated", "2.0"), ("deleted", "none")])
def test_dat_07_names_a_kpi_that_changed_after_the_close(closed, audit, kind, after):
    restate(closed, kind)

    report = audit()

    assert failing(report)["DAT-07"] == {"latency"}
    assert details(report, "DAT-07") == [
        f"the period of 2025-12-31 was {kind} 5 days after old closed: 1.0 became {after}"
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "late"},
        {"is_after_close": False},
        {"kpi_id": "errors"},  # measures nothing in that cycle
        {"cycle_closes_on": date(2025, 10, 10)},  # of another cycle
    ],
)
def test_dat_07_passes_what_changes_no_score(closed, audit, values):
    restate(closed, **values)

    assert "DAT-07" not in failing(audit())


@pytest.mark.parametrize(
    ("values", "is_covered"),
    [
        ({}, True),
        ({"approved_on": AS_OF}, True),
        ({"approved_on": AS_OF + timedelta(days=1)}, False),
        ({"approved_on": None, "approved_by_id": None}, False),
        ({"approved_on": CLOSED_ON}, False),  # before the close: about something else
        ({"field": "target"}, False),
        ({"subject_id": "errors"}, False),
        ({"subject_type": "key_result"}, False),
        ({"is_deleted": True}, False),
    ],
)
def test_dat_07_passes_a_change_that_was_requested_and_approved(closed, audit, values, is_covered):
    restate(closed)
    request(closed, **values)

    assert ("DAT-07" not in failing(audit())) is is_covered


def test_dat_05_judges_feeds_of_events_too(company, audit):
    """A release log of which nothing can be read passes for a quiet one."""
    company.define("feeds", at=LOADED_AT, feed_id="log", kind="events", owner_id="fred", max_quarantine_share=0.1)
    company.define("feeds", at=LOADED_AT, feed_id="idle", owner_id="fred", max_quarantine_share=0.1)
    for feed in ("log", "idle"):
        loaded(company, feed, source_feed=feed, rows_read=10, rows_quarantined=3, newest_period_on=None)

    assert failing(audit())["DAT-05"] == {"log"}


def happened(company, event_id: str, **values) -> None:
    facts = {"key_result_event_key": event_id, "event_id": event_id, "event_type": "release", "cycle_id": "2026-Q1"}
    company.add(
        "marts.fct_key_result_event",
        **{**facts, "key_result_id": "kr_errors", "source_feed": "log", "event_on": AS_OF} | values,
    )


def test_dat_09_names_a_release_with_two_days(company, audit):
    happened(company, "agreed", stated_by="file_and_feed", is_disputed=False, delivered_on=AS_OF)
    happened(company, "fed", stated_by="feed", is_disputed=False, delivered_on=AS_OF)
    assert "DAT-09" not in failing(audit())

    happened(company, "live", stated_by="file_and_feed", is_disputed=True, delivered_on=date(2026, 2, 20))
    happened(company, "old", stated_by="file_and_feed", is_disputed=True, delivered_on=AS_OF, cycle_id="2025-Q1")
    report = audit()
    assert failing(report)["DAT-09"] == {"kr_errors"}
    assert details(report, "DAT-09") == [f"release live on {AS_OF} in the company files, on 2026-02-20 in the feed log"]
