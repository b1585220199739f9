"""Every finding has somebody who answers for it, and says how that person was found."""

from __future__ import annotations

import pytest

from tests.unit.audit.small_company import LOADED_AT


@pytest.fixture
def owner_of(audit):
    """Audit, and return role, person and source of the one subject's owner under one rule."""

    def find(rule_id: str, subject_id: str):
        found = [f for f in audit().failures if (f.rule_id, f.subject_id) == (rule_id, subject_id)]
        assert len(found) == 1
        return found[0].owner_role, found[0].owner_id, found[0].owner_source

    return find


def stale(company, kpi_id="errors"):
    company.run(f"delete from marts.fct_kpi_observation where kpi_id = '{kpi_id}'")


def leaves(company, person):
    company.run(f"update marts.dim_person set active_to = date '2026-01-31' where person_id = '{person}'")


def test_a_kpi_belongs_to_its_accountable_owner(company, owner_of):
    stale(company)

    assert owner_of("DAT-03", "errors") == ("accountable_owner", "olga", "kpi")


def test_then_to_its_steward(company, owner_of):
    stale(company)
    company.add_owner("kpi", "errors", "data_steward", "carl")
    leaves(company, "olga")

    assert owner_of("DAT-03", "errors") == ("data_steward", "carl", "kpi")


def test_then_to_the_owner_of_its_feed(company, owner_of):
    stale(company)
    leaves(company, "olga")

    assert owner_of("DAT-03", "errors") == ("feed_owner", "fred", "feed")


def test_then_to_the_head_of_the_nearest_unit_that_has_one(company, owner_of):
    stale(company)
    leaves(company, "olga")
    leaves(company, "fred")

    assert owner_of("DAT-03", "errors") == ("enterprise_head", "gina", "company")


def test_a_missing_owner_is_no_owner(company, owner_of):
    company.run("update marts.dim_ownership set person_id = '(unowned)' where subject_id = 'errors'")

    assert owner_of("OWN-02", "errors") == ("feed_owner", "fred", "feed")


def test_the_role_that_the_rule_asks_comes_first(company, owner_of):
    """OWN-05 goes to the head of the unit, not to the owner who left nor to his steward."""
    company.add_owner("kpi", "errors", "data_steward", "carl")
    company.add_owner("kpi", "errors", "controller", "fred")
    leaves(company, "fred")

    assert owner_of("OWN-05", "errors") == ("unit_head", "olga", "unit")


def test_a_key_result_belongs_to_its_champion(company, owner_of):
    company.run("delete from marts.bridge_key_result_kpi where key_result_id = 'kr_errors'")

    assert owner_of("MAP-01", "kr_errors") == ("champion", "carl", "key_result")


def test_then_to_the_owner_of_its_objective(company, owner_of):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")

    assert owner_of("OWN-01", "kr_errors") == ("objective_owner", "olga", "objective")


def test_then_to_its_sponsor(company, owner_of):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")
    company.run("update marts.dim_objective set owner_id = 'nobody'")

    assert owner_of("OWN-01", "kr_errors") == ("sponsor", "gina", "objective")


def test_a_load_belongs_to_the_owner_of_its_feed(company, owner_of):
    load = company.load([], content="bad", rows_read=5)

    assert owner_of("DAT-01", load) == ("feed_owner", "fred", "feed")


def test_a_feed_whose_contract_changed_belongs_to_its_new_owner(company, owner_of):
    from datetime import timedelta

    load = company.load([], content="bad", rows_read=5)
    company.define("feeds", at=LOADED_AT + timedelta(hours=1), feed_id="desk", owner_id="carl")

    assert owner_of("DAT-01", load) == ("feed_owner", "carl", "feed")


def test_what_belongs_to_nobody_goes_to_the_head_of_the_enterprise(company, owner_of):
    company.run("create table marts.fct_surprise as select 1 as one")

    assert owner_of("DAT-02", "marts.fct_surprise") == ("enterprise_head", "gina", "company")


def test_a_person_does_not_answer_for_himself(company, owner_of):
    company.add(
        "intermediate.int_definitions__references",
        subject_type="person",
        subject_id="olga",
        reference="unit",
        referenced_type="unit",
        referenced_id="nowhere",
        is_resolved=False,
    )

    assert owner_of("MAP-03", "olga") == ("enterprise_head", "gina", "company")


def test_an_owner_is_never_null(company, audit):
    """Not even where every person is gone and the units support each other."""
    company.run(
        """
        update marts.dim_person set active_to = date '2026-01-31';
        update marts.dim_org_unit set parent_org_unit_id = case org_unit_id when 'ops' then 'group' else 'ops' end
        """
    )
    stale(company)

    failures = audit().failures

    assert failures
    assert {(f.owner_role, f.owner_id, f.owner_source) for f in failures} == {
        ("enterprise_head", "(unowned)", "company")
    }
