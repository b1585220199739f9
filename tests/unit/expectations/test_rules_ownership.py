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


def stand_in(company, subject, role, person, delegator, **values):
    company.add_owner("kpi", subject, role, person, owned_from=date(2026, 2, 1), delegated_from_id=delegator, **values)


def test_own_02_passes_whoever_stands_in_for_the_owner(company, audit):
    stand_in(company, "errors", "accountable_owner", "carl", "olga")

    assert failing(audit()) == {}


def test_own_02_names_a_stand_in_for_somebody_else(company, audit):
    stand_in(company, "errors", "accountable_owner", "carl", "fred")

    assert failing(audit()) == {"OWN-02": {"errors"}}


def share(company, **steward):
    """Let a key result of a second unit read the latency, whose steward is Fred unless `steward` says otherwise."""
    company.add(
        "marts.dim_objective",
        objective_id="calmer",
        cycle_id="2026-Q1",
        title="Calmer",
        org_unit_id="group",
        owner_id="gina",
        sponsor_id="gina",
        state="committed",
        is_current=True,
    )
    company.define("objectives", objective_id="calmer")
    work = {"type": "milestone", "direction": "milestone", "unit": None}
    company.add_key_result("kr_calm", {"impacts": "latency"}, objective_id="calmer", champion_id="gina", **work)
    if steward.pop("person", "fred"):
        company.add_owner("kpi", "latency", "data_steward", "fred", **{"acknowledged_on": date(2025, 12, 31)} | steward)


def test_own_03_names_a_shared_kpi_without_steward(company, audit):
    share(company, person=None)

    report = audit()

    assert failing(report) == {"OWN-03": {"latency"}}
    assert report.failures[0].detail == "shared by group, ops, and nobody is its data steward"


def test_own_03_names_two_stewards_at_once(company, audit):
    share(company)
    company.add_owner("kpi", "latency", "data_steward", "olga", acknowledged_on=date(2025, 12, 1))

    assert failing(audit()) == {"OWN-03": {"latency"}}


def test_own_03_names_a_steward_who_accepted_on_the_first_day(company, audit):
    share(company, acknowledged_on=date(2026, 1, 1))

    report = audit()

    assert failing(report) == {"OWN-03": {"latency"}}
    assert report.failures[0].detail == (
        "shared by group, ops, and its data steward fred acknowledged it on 2026-01-01, "
        "expected before 2026-Q1 starts on 2026-01-01"
    )


def test_own_03_names_a_successor_who_accepted_a_day_late(company, audit):
    share(company, owned_from=date(2026, 2, 1), acknowledged_on=date(2026, 2, 2))

    assert failing(audit()) == {"OWN-03": {"latency"}}


def test_own_03_passes_who_accepted_in_time_a_successor_and_a_stand_in(company, audit):
    share(company)
    assert failing(audit()) == {}

    stand_in(company, "latency", "data_steward", "olga", "fred", acknowledged_on=date(2026, 2, 1))
    assert failing(audit()) == {}


def test_own_03_passes_a_kpi_that_one_unit_reads_alone(company, audit):
    company.add_owner("kpi", "errors", "data_steward", "fred")

    assert failing(audit()) == {}


def gap(company, **values):
    facts = {
        "ownership_gap_key": "gap",
        "cycle_id": "2026-Q1",
        "subject_type": "kpi",
        "subject_id": "errors",
        "role": "accountable_owner",
        "kind": "gap",
        "from_on": date(2026, 2, 1),
        "until_on": date(2026, 2, 8),
    }
    company.add("marts.fct_ownership_gap", **facts | values)


def test_own_04_names_a_week_without_owner(company, audit):
    gap(company)

    report = audit()

    assert failing(report) == {"OWN-04": {"errors"}}
    assert report.failures[0].detail == "nobody is its accountable owner from 2026-02-01 to 2026-02-07"


def test_own_04_names_two_stewards_who_still_overlap(company, audit):
    gap(company, role="data_steward", kind="overlap", people="carl, olga", until_on=date(2026, 4, 1))

    report = audit()

    assert failing(report) == {"OWN-04": {"errors"}}
    assert report.failures[0].detail == "carl, olga are its data steward at once from 2026-02-01 on"


def test_own_04_passes_a_gap_to_come_and_one_of_a_closed_cycle(company, audit):
    gap(company, from_on=date(2026, 2, 16), until_on=date(2026, 3, 1))
    gap(company, ownership_gap_key="old", cycle_id="2025-Q4", from_on=date(2025, 12, 1), until_on=date(2025, 12, 9))
    company.add(
        "marts.dim_cycle",
        cycle_id="2025-Q4",
        starts_on=date(2025, 10, 1),
        ends_on=date(2025, 12, 31),
        closes_on=date(2026, 2, 15),
    )

    assert failing(audit()) == {}


def test_own_06_names_a_steward_who_is_measured_by_the_kpi(company, audit):
    share(company)
    company.run(
        "update marts.dim_key_result set champion_id = 'fred' where key_result_id = 'kr_latency';"
        "update marts.dim_ownership set person_id = 'fred' where subject_id = 'kr_latency' and role = 'champion'"
    )

    report = audit()

    assert failing(report) == {"OWN-06": {"latency"}}
    assert report.failures[0].detail == "its data steward fred champions kr_latency, which it measures"


def test_own_06_passes_a_steward_whose_key_result_only_touches_the_kpi(company, audit):
    share(company)
    company.run(
        "update marts.dim_key_result set champion_id = 'fred' where key_result_id = 'kr_calm';"
        "update marts.dim_ownership set person_id = 'fred' where subject_id = 'kr_calm' and role = 'champion'"
    )

    assert failing(audit()) == {}


def control(company, share):
    company.run(
        f"update marts.dim_ownership set controlled_input_share = {share}, levers_elsewhere = 'schedule (group, 51 %)' "
        "where subject_id = 'errors' and role = 'accountable_owner'"
    )


def test_own_07_names_an_owner_who_controls_less_than_half(company, audit):
    control(company, 0.49)

    report = audit()

    assert failing(report) == {"OWN-07": {"errors"}}
    assert report.failures[0].detail == (
        "olga controls 49 % of its inputs, expected at least 50 %; held elsewhere: schedule (group, 51 %)"
    )


def test_own_07_passes_exactly_half_and_a_kpi_without_inputs(company, audit):
    control(company, 0.5)
    assert failing(audit()) == {}

    control(company, "null")
    assert failing(audit()) == {}
