from __future__ import annotations

from datetime import date, timedelta

import pytest

from expectations.grains import REFERENCES
from tests.unit.audit.small_company import AS_OF, LOADED_AT, failing


def test_dat_01_names_a_load_whose_ledger_does_not_add_up(company, audit):
    load = company.load([], content="short", rows_read=3, rows_accepted=1, rows_quarantined=1, rows_collapsed=1)

    report = audit()

    assert failing(report) == {"DAT-01": {load}}
    assert report.failures[0].detail == "3 rows read, 1 accepted and 1 quarantined"


def test_dat_01_counts_the_rows_that_are_really_there(company, audit):
    rows = [{"kpi_id": "backlog", "day": date(2026, 1, 5), "value": 1.0}]
    load = company.load(rows, content="lost", rows_read=2, rows_accepted=2)

    report = audit()

    assert failing(report) == {"DAT-01": {load}}
    assert report.failures[0].detail == "the lake holds 1 of its rows, expected 2 accepted less 0 collapsed"


def test_dat_01_names_a_quarantine_that_lost_rows(company, audit):
    load = company.load([], quarantined=2, content="quarantine", rows_read=3, rows_quarantined=3)

    assert failing(audit()) == {"DAT-01": {load}}


def test_dat_01_names_rows_that_were_not_counted(company, audit):
    load = company.load([], content="uncounted", rows_read=None)

    assert failing(audit()) == {"DAT-01": {load}}


def test_dat_01_names_a_rejected_file_that_left_no_reason(company, audit):
    load = company.load([], content="rejected", status="rejected", rows_read=0)

    assert failing(audit()) == {"DAT-01": {load}}


def test_dat_01_passes_rejected_files_collapsed_rows_and_empty_files(company, audit):
    company.load([], quarantined=1, content="rejected", status="rejected", rows_read=500, rows_quarantined=500)
    rows = [{"kpi_id": "backlog", "day": date(2026, 1, 5), "value": 1.0}]
    company.load(rows, content="collapsed", rows_read=3, rows_accepted=3, rows_collapsed=2)
    company.load([], content="empty")

    assert failing(audit()) == {}


def test_dat_02_names_a_kpi_with_two_current_values(company, audit):
    company.run(
        """
        insert into marts.fct_kpi_observation
        select * replace (vintage_at + interval 1 second as vintage_at) from marts.fct_kpi_observation
        where kpi_id = 'backlog' and period_start_on = date '2026-02-10'
        """
    )

    report = audit()

    assert failing(report)["DAT-02"] == {"backlog"}
    assert "2 values are current for the period of 2026-02-10" in report.failures[0].detail


def test_dat_02_names_a_kpi_with_no_current_value(company, audit):
    company.run(
        "update marts.fct_kpi_observation set is_current = false where kpi_id = 'errors' and "
        "period_start_on = date '2026-02-10'"
    )

    # Without a current value the period is also missing.
    assert failing(audit()) == {"DAT-02": {"errors"}, "DAT-04": {"errors"}}


def test_dat_02_passes_a_restated_value(company, audit):
    rows = [{"kpi_id": "backlog", "day": date(2026, 2, 10), "value": 77.0}]
    company.load(rows, at=LOADED_AT + timedelta(hours=1), content="restated")

    assert failing(audit()) == {}
    assert company.query(
        "select count(*) from marts.fct_kpi_observation where period_start_on = date '2026-02-10'"
    ) == [(4,)]


def test_dat_02_names_a_kpi_whose_current_value_is_an_old_one(company, audit):
    rows = [{"kpi_id": "backlog", "day": date(2026, 2, 10), "value": 77.0}]
    company.load(rows, at=LOADED_AT + timedelta(hours=1), content="restated")
    company.run(
        "update marts.fct_kpi_observation set is_current = not is_current "
        "where period_start_on = date '2026-02-10' and kpi_id = 'backlog'"
    )

    report = audit()

    assert failing(report) == {"DAT-02": {"backlog"}}
    assert report.failures[0].detail == (
        "of the period of 2026-02-10 the vintage of 2026-02-15 06:00:00 is current, "
        "though that of 2026-02-15 07:00:00 is known"
    )


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("marts.dim_kpi", "kpi_id"),
        ("marts.dim_person", "person_id"),
        ("marts.dim_org_unit", "org_unit_id"),
        ("marts.dim_cycle", "cycle_id"),
        ("marts.dim_date", "date_on"),
        ("marts.dim_objective", "objective_id"),
        ("marts.dim_key_result", "key_result_id"),
        ("marts.dim_ownership", "ownership_key"),
        ("marts.bridge_key_result_kpi", "key_result_kpi_key"),
        ("marts.fct_key_result_kpi", "key_result_kpi_day_key"),
        ("marts.fct_key_result_daily", "key_result_day_key"),
        ("marts.fct_feed_load", "load_id"),
    ],
)
def test_dat_02_names_every_table_whose_grain_is_broken(company, audit, table, key):
    company.run(f"insert into {table} select * from {table} order by {key} limit 1")

    assert table in failing(audit())["DAT-02"]


@pytest.mark.parametrize("reference", REFERENCES["marts"], ids=lambda one: f"{one.table}.{one.column}")
@pytest.mark.parametrize("key", ["'gone'", "null"])
def test_dat_02_names_a_fact_whose_version_key_leads_nowhere(company, audit, reference, key):
    if not company.query(f"select 1 from {reference.table} limit 1"):
        company.run(f"insert into {reference.table} ({reference.column}) values ('some')")
    company.run(f"update {reference.table} set {reference.column} = {key}")

    report = audit()

    assert reference.table in failing(report)["DAT-02"]
    details = [finding.detail for finding in report.failures if finding.subject_id == reference.table]
    (count,) = company.query(f"select count(*) from {reference.table}")[0]
    assert details == [f"{count} rows have a {reference.column} that {reference.to} does not hold"]


def test_dat_02_names_a_model_without_declared_grain(company, audit):
    company.run("create table marts.fct_surprise as select 1 as one")

    report = audit()

    assert failing(report) == {"DAT-02": {"marts.fct_surprise"}}
    assert report.failures[0].owner_id == "gina"


@pytest.mark.parametrize(
    ("offset", "newest_age", "is_stale"), [(1, 1, False), (1, 2, True), (3, 3, False), (3, 4, True)]
)
def test_dat_03_names_a_day_kpi_that_is_older_than_agreed(company, audit, offset, newest_age, is_stale):
    company.run(f"update marts.dim_kpi set agreed_offset_days = {offset} where kpi_id = 'errors'")
    company.forget("errors", newer_than=AS_OF - timedelta(days=newest_age))

    report = audit()

    assert ("errors" in failing(report).get("DAT-03", set())) == is_stale
    if is_stale:
        newest = AS_OF - timedelta(days=newest_age)
        assert [finding.detail for finding in report.failures if finding.rule_id == "DAT-03"] == [
            f"the newest period ended on {newest}; the one that ended on {newest + timedelta(days=1)} was due on "
            f"{newest + timedelta(days=1 + offset)} (feed desk)"
        ]


@pytest.mark.parametrize(
    ("grain", "newest_end", "offset", "is_stale"),
    [
        ("week", date(2026, 2, 1), 7, True),  # the week to the 8th was due on the 15th
        ("week", date(2026, 2, 1), 8, False),
        ("month", date(2025, 12, 31), 15, True),  # January was due on 15 February
        ("month", date(2025, 12, 31), 16, False),
        ("quarter", date(2025, 9, 30), 46, True),  # the last quarter was due on 15 February
        ("quarter", date(2025, 9, 30), 47, False),
    ],
)
def test_dat_03_counts_the_offset_from_the_end_of_the_kpis_own_period(
    company, audit, grain, newest_end, offset, is_stale
):
    company.run(
        f"""
        update marts.dim_kpi set grain = '{grain}', agreed_offset_days = {offset} where kpi_id = 'errors';
        delete from marts.fct_kpi_observation where kpi_id = 'errors' and period_start_on <> date '2026-02-14';
        update marts.fct_kpi_observation set period_end_on = date '{newest_end}' where kpi_id = 'errors'
        """
    )

    assert ("errors" in failing(audit()).get("DAT-03", set())) == is_stale


def test_dat_03_names_a_kpi_that_never_sent_anything(company, audit):
    company.add_kpi("silent")
    company.add_link("kr_errors", "silent", "drives")

    report = audit()

    assert failing(report) == {"DAT-03": {"silent"}, "DAT-04": {"silent"}}
    assert report.failures[0].detail.startswith("no value ever arrived")


def test_dat_03_passes_a_kpi_whose_first_period_is_not_due_yet(company, audit):
    company.add_kpi("young")
    company.add_key_result("kr_young", {"measures": "young"}, starts_on=AS_OF)

    assert failing(audit()) == {}


def test_dat_03_passes_a_stale_kpi_that_no_open_key_result_uses(company, audit):
    company.add_kpi("unused")
    company.add_kpi("drafted")
    company.add_key_result("kr_draft", {"measures": "drafted"}, state="draft")

    assert failing(audit()) == {}


def test_dat_03_owes_nothing_after_the_key_results_are_due(company, audit):
    company.forget("errors", newer_than=date(2026, 2, 10))
    company.run("update marts.dim_key_result set due_on = date '2026-02-10'")

    assert "DAT-03" not in failing(audit())


def test_dat_03_still_asks_for_the_last_period_while_the_cycle_is_being_closed(company, audit):
    company.forget("errors", newer_than=date(2026, 2, 9))
    company.run(
        """
        update marts.dim_key_result set due_on = date '2026-02-10';
        update marts.dim_cycle set ends_on = date '2026-02-10', closes_on = date '2026-02-16'
        """
    )

    assert "errors" in failing(audit())["DAT-03"]


def test_dat_03_asks_for_nothing_once_the_cycle_is_closed(company, audit):
    company.forget("errors", newer_than=date(2026, 2, 9))
    company.run("update marts.dim_cycle set ends_on = date '2026-02-10', closes_on = date '2026-02-15'")

    assert "DAT-03" not in failing(audit())


@pytest.mark.parametrize(
    "tampering",
    [
        "update marts.fct_kpi_observation set value = value + 0.01 where kpi_id = 'backlog' and "
        "period_start_on = date '2026-02-10'",
        "delete from marts.fct_kpi_observation where kpi_id = 'backlog' and period_start_on = date '2026-02-10'",
        "update marts.fct_kpi_observation set source_feed = null where kpi_id = 'backlog' and "
        "period_start_on = date '2026-02-10'",
        # Two edits that cancel out in the sum.
        "update marts.fct_kpi_observation set value = value + case period_start_on when date '2026-02-10' then 1 "
        "else -1 end where kpi_id = 'backlog' and period_start_on between date '2026-02-10' and date '2026-02-11'",
        # Two values that change places.
        "update marts.fct_kpi_observation set value = 34 + 35 - value where kpi_id = 'backlog' and "
        "period_start_on between date '2026-02-10' and date '2026-02-11'",
        "update marts.fct_kpi_observation set value = 'nan'::double where kpi_id = 'backlog' and "
        "period_start_on = date '2026-02-10'",
        "update marts.fct_kpi_observation set value = null where kpi_id = 'backlog' and "
        "period_start_on = date '2026-02-10'",
    ],
)
def test_dat_06_names_the_kpi_of_a_tampered_mart_row(company, audit, tampering):
    company.run(tampering)

    assert failing(audit()) == {"DAT-06": {"backlog"}}


@pytest.mark.parametrize("column", ["load_id = 'x'", "source_row = 999", "vintage_at = vintage_at - interval 1 day"])
def test_dat_06_names_a_row_whose_origin_was_tampered_with(company, audit, column):
    company.run(
        f"update marts.fct_kpi_observation set {column} "
        "where kpi_id = 'backlog' and period_start_on = date '2026-02-10'"
    )

    assert failing(audit()) == {"DAT-06": {"backlog"}}


@pytest.mark.parametrize(("value", "subjects"), [(35.0, {}), (36.0, {"DAT-06": {"backlog"}})])
def test_dat_06_takes_the_newest_load_of_a_vintage_that_came_twice(company, audit, value, subjects):
    """The file was repaired and read again: one vintage, two loads, and the fact has the newer row."""
    rows = [
        {"kpi_id": "backlog", "day": date(2026, 2, 10), "value": 35.0, "vintage_at": LOADED_AT.replace(tzinfo=None)}
    ]
    load = company.load(rows, at=LOADED_AT + timedelta(hours=1), content="repaired", into_mart=False)
    company.run(
        f"""
        update marts.fct_kpi_observation set value = {value}, load_id = '{load}', source_row = 2
        where kpi_id = 'backlog' and period_start_on = date '2026-02-10'
        """
    )

    assert failing(audit()) == subjects


def test_dat_06_names_a_row_that_the_lake_never_held(company, audit):
    company.run(
        "insert into marts.fct_kpi_observation select * replace (date '2026-01-01' as period_start_on) "
        "from marts.fct_kpi_observation where kpi_id = 'backlog' and period_start_on = date '2026-02-10'"
    )

    assert failing(audit()) == {"DAT-06": {"backlog"}}


def test_dat_06_names_a_key_result_whose_value_is_not_the_observation(company, audit):
    company.run("update marts.fct_key_result_kpi set kpi_value = 1 where key_result_id = 'kr_errors'")

    report = audit()

    assert failing(report) == {"DAT-06": {"kr_errors"}}
    assert report.failures[0].detail == (
        "1 of its values of errors are not the observation that they name, such as 1.0 on 2026-02-15, expected 21.0"
    )


@pytest.mark.parametrize(
    ("table", "id_", "subject"),
    [
        ("marts.dim_kpi", "kpi_id", "backlog"),
        ("marts.dim_key_result", "key_result_id", "kr_errors"),
        ("marts.dim_objective", "objective_id", "faster"),
        ("marts.dim_person", "person_id", "fred"),
        ("marts.dim_org_unit", "org_unit_id", "ops"),
    ],
)
def test_dat_06_names_a_definition_that_the_marts_lost_or_invented(company, audit, table, id_, subject):
    company.run(f"update {table} set {id_} = 'invented' where {id_} = '{subject}'")

    assert {subject, "invented"} <= failing(audit())["DAT-06"]


def test_dat_06_passes_a_deleted_definition_and_what_became_known_later(company, audit):
    company.define("kpis", kpi_id="gone", is_deleted=True)
    rows = [{"kpi_id": "backlog", "day": date(2026, 2, 10), "value": 77.0}]
    company.load(rows, at=LOADED_AT + timedelta(hours=9), content="tomorrow", into_mart=False)

    assert failing(audit()) == {}


def test_dat_01_names_a_load_whose_file_is_there_twice(company, audit):
    path = next((company.lake.root / "observations").rglob("*-*.parquet"))
    path.with_name("20260101T000000000000-copied.parquet").write_bytes(path.read_bytes())

    assert failing(audit()) == {"DAT-01": {path.stem}}


def test_rows_of_a_load_that_was_never_committed_do_not_exist(company, audit):
    rows = [{"kpi_id": "backlog", "day": date(2026, 2, 10), "value": 77.0}]
    load = company.load(rows, content="crashed", into_mart=False)
    (company.lake.root / "loads" / f"{load}.parquet").unlink()

    assert failing(audit()) == {}


@pytest.mark.parametrize(
    ("share", "limit", "state", "is_over"),
    [
        (0.21, 0.2, "active", True),
        (0.2, 0.2, "active", False),
        (0.1 + 0.2, 0.3, "active", False),
        (1.0, 1.0, "active", False),
        (0.01, 0.0, "closing", True),
        (1.0, 0.2, "closed", False),
    ],
)
def test_dat_08_names_a_kpi_that_is_made_by_hand_beyond_its_limit(company, audit, share, limit, state, is_over):
    company.run(f"update marts.dim_cycle set state = '{state}'")
    company.add(
        "marts.fct_kpi_provenance",
        kpi_cycle_key="errors|2026-Q1",
        kpi_id="errors",
        cycle_id="2026-Q1",
        manual_share=share,
        manual_share_limit=limit,
        observation_count=100,
    )

    report = audit()

    assert failing(report) == ({"DAT-08": {"errors"}} if is_over else {})
    if is_over:
        expected = f"of 100 observations in 2026-Q1 {100 * share:.1f} % are made by hand, {100 * limit:.1f} % are borne"
        assert report.failures[0].detail == expected


def test_dat_08_names_a_kpi_of_which_nobody_knows_the_share(company, audit):
    company.add("marts.fct_kpi_provenance", kpi_id="errors", cycle_id="2026-Q1", observation_count=1)
    assert failing(audit()) == {"DAT-08": {"errors"}}
