"""Each rule: a planted defect that fails it, alone and for the right subject, and a near miss that passes."""

from __future__ import annotations

from datetime import date

from tests.unit.audit.small_company import AS_OF, failing


def test_every_rule_holds_in_the_small_company(audit):
    assert failing(audit()) == {}


def test_own_01_names_a_key_result_without_champion(company, audit):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")

    report = audit()

    assert failing(report) == {"OWN-01": {"kr_errors"}}
    assert report.failures[0].detail == "no champion is named"


def test_own_01_names_a_key_result_without_reviewer(company, audit):
    company.run("update marts.dim_key_result set reviewer_id = ' ' where key_result_id = 'kr_errors'")

    assert failing(audit()) == {"OWN-01": {"kr_errors"}}


def test_own_01_names_a_champion_who_reviews_himself(company, audit):
    company.run("update marts.dim_key_result set reviewer_id = 'carl' where key_result_id = 'kr_portal'")

    report = audit()

    assert failing(report) == {"OWN-01": {"kr_portal"}}
    assert report.failures[0].detail == "carl is both champion and reviewer"


def test_own_01_names_a_key_result_with_two_champions_at_once(company, audit):
    company.add_owner("key_result", "kr_errors", "champion", "fred")

    assert failing(audit()) == {"OWN-01": {"kr_errors"}}


def test_own_01_passes_a_draft_and_a_former_champion(company, audit):
    company.add_key_result("kr_draft", {"measures": "latency"}, champion_id=None, reviewer_id=None, state="draft")
    company.add_owner("key_result", "kr_errors", "champion", "fred", owned_to=date(2025, 12, 31), is_current=False)

    assert failing(audit()) == {}


def test_own_02_names_a_kpi_without_owner(company, audit):
    company.run(
        "update marts.dim_ownership set person_id = '(unowned)' "
        "where subject_id = 'errors' and role = 'accountable_owner'"
    )

    report = audit()

    assert failing(report) == {"OWN-02": {"errors"}}
    assert report.failures[0].detail == "nobody is its accountable owner"


def test_own_02_names_a_kpi_with_two_owners_at_once(company, audit):
    company.add_owner("kpi", "errors", "accountable_owner", "carl", owned_from=date(2026, 2, 1))

    report = audit()

    assert failing(report) == {"OWN-02": {"errors"}}
    assert report.failures[0].detail == "2 people are its accountable owner at once: carl, olga"


def test_own_02_passes_a_handover_and_a_retired_kpi(company, audit):
    company.run(
        "update marts.dim_ownership set owned_to = date '2026-02-01', is_current = false where subject_id = 'errors' "
        "and role = 'accountable_owner'"
    )
    company.add_owner("kpi", "errors", "accountable_owner", "carl", owned_from=date(2026, 2, 1))
    company.add_kpi("fax", owner=None, lifecycle="retired")

    assert failing(audit()) == {}


def test_own_05_names_what_belongs_to_somebody_who_left(company, audit):
    company.run("update marts.dim_person set active_to = date '2026-02-14' where person_id = 'carl'")

    report = audit()

    assert failing(report) == {"OWN-05": {"kr_latency", "kr_errors", "kr_portal"}}
    assert report.failures[0].detail == ("carl left on 2026-02-14 and holds the role champion to 2026-02-15")


def test_own_05_names_an_owner_from_before_he_started(company, audit):
    company.run("update marts.dim_person set active_from = date '2026-02-06' where person_id = 'carl'")

    assert failing(audit()) == {"OWN-05": {"kr_latency", "kr_errors", "kr_portal"}}


def test_own_05_passes_whoever_leaves_today_or_was_there_from_the_first_day(company, audit):
    company.run(
        "update marts.dim_person set active_to = date '2026-02-15', active_from = date '2026-01-01' "
        "where person_id = 'carl'"
    )

    assert failing(audit()) == {}


def test_own_05_passes_an_owner_who_left_after_his_interval(company, audit):
    company.run("update marts.dim_person set active_to = date '2026-01-20' where person_id = 'fred'")
    company.add_owner(
        "kpi",
        "errors",
        "data_steward",
        "fred",
        owned_from=date(2026, 1, 1),
        owned_to=date(2026, 1, 21),
        is_current=False,
    )

    assert failing(audit()) == {}


def test_own_05_names_a_steward_who_left_one_day_too_early(company, audit):
    company.run("update marts.dim_person set active_to = date '2026-01-19' where person_id = 'fred'")
    company.add_owner(
        "kpi",
        "errors",
        "data_steward",
        "fred",
        owned_from=date(2026, 1, 1),
        owned_to=date(2026, 1, 21),
        is_current=False,
    )

    assert failing(audit()) == {"OWN-05": {"errors"}}


def test_own_05_judges_a_finished_cycle_up_to_its_end(company, audit):
    company.run(
        """
        update marts.dim_cycle set ends_on = date '2026-01-31', closes_on = date '2026-02-10';
        update marts.dim_person set active_to = date '2026-01-31' where person_id = 'carl'
        """
    )

    assert failing(audit()) == {}
    assert date(2026, 2, 10) < AS_OF
