"""The audit through Great Expectations: it says what plain SQL says, and whatever it swallows is found out."""

from __future__ import annotations

from collections import Counter

import great_expectations as gx
import pytest

from expectations import suites
from expectations.catalogue import CATALOGUE
from expectations.rule import FINDING_COLUMNS
from orchestration.audit import evaluate as evaluation
from orchestration.audit.evaluate import evaluate
from orchestration.audit.session import open_session
from orchestration.audit.verdict import decide_and_record
from tests.unit.audit.conftest import _template, audit, clock, company, evaluate_plainly  # noqa: F401
from tests.unit.audit.small_company import AS_OF, failing

DEFECTS = {
    "OWN-01": "update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'",
    "OWN-02": "delete from marts.dim_ownership where subject_id = 'errors' and role = 'accountable_owner'",
    "OWN-05": "update marts.dim_person set active_to = date '2026-02-01' where person_id = 'carl'",
    "MAP-01": "delete from marts.bridge_key_result_kpi where key_result_id = 'kr_portal'",
    "MAP-03": "update intermediate.int_definitions__references set is_resolved = false",
    "MAP-04": "update marts.bridge_key_result_kpi set weight = 0.9 where weight = 1",
    "DAT-02": "create table marts.fct_surprise as select 1 as one",
    "DAT-03": "update marts.fct_kpi_observation set period_end_on = period_end_on - 9",
    "DAT-06": "update marts.fct_kpi_observation set value = value + 1 where kpi_id = 'backlog'",
}


@pytest.fixture
def session(company):  # noqa: F811
    with open_session(company.warehouse, company.lake, stage="marts", run_id="run", as_of=AS_OF) as opened:
        yield opened


def outcomes(evaluations):
    return {entry.rule_id: (entry.violations, entry.error) for entry in evaluations}


def test_a_clean_company_passes_both_stages_and_the_gate_opens(company, audit, clock):  # noqa: F811
    marts = audit("marts", evaluator=evaluate)
    reports = audit("reports", evaluator=evaluate)
    verdict = decide_and_record(
        warehouse=company.warehouse, lake=company.lake, as_of=AS_OF, run_id="run", mode="standard", clock=clock
    )

    assert failing(marts) == failing(reports) == {}
    assert verdict.passing


def test_every_rule_finds_its_defect_as_plain_sql_does(company, audit):  # noqa: F811
    for defect in DEFECTS.values():
        company.run(defect)
    load = company.load([], content="bad", rows_read=5)

    by_gx, by_sql = audit(evaluator=evaluate), audit(evaluator=evaluate_plainly)

    assert set(failing(by_gx)) == {*DEFECTS, "DAT-01"}
    assert failing(by_gx)["DAT-01"] == {load}
    assert by_gx.failures == by_sql.failures


def test_each_rule_is_asked_once(session):
    evaluate(session, CATALOGUE, "marts")

    asked = [query for query in session.answers if "/* " in query]
    assert len(asked) == len(CATALOGUE.active("marts"))
    assert all("count(*)" in query.lower() for query in asked), "no offending row travels through Great Expectations"


def test_a_rule_that_raises_is_not_evaluated_and_costs_the_others_nothing(company, session):  # noqa: F811
    """Great Expectations asks every question of a suite again when one of them raised."""
    broken = spoiled("OWN-02", "select nonsense")

    found = outcomes(evaluate(session, broken, "marts"))

    assert found["OWN-02"][0] is None
    assert "nonsense" in found["OWN-02"][1]
    assert found["OWN-01"] == (0, None)
    assert len([query for query in session.answers if "/* OWN-01 */" in query]) == 1


def test_a_rule_that_hangs_is_given_up_once(company):  # noqa: F811
    endless = "select " + ", ".join(f"null as {column}" for column in FINDING_COLUMNS)
    endless += " from range(1000000000) as a(i), range(1000000) as b(j) where i * j % 7 = 9"
    with open_session(
        company.warehouse, company.lake, stage="marts", run_id="run", as_of=AS_OF, seconds_allowed=0.5
    ) as session:
        evaluations = evaluate(session, spoiled("OWN-02", endless), "marts")

    found = outcomes(evaluations)
    assert "not done after 0.5 s" in found["OWN-02"][1]
    assert found["OWN-01"] == (0, None)
    assert next(entry.seconds for entry in evaluations if entry.rule_id == "OWN-02") < 3


def test_an_expectation_of_an_unknown_type_is_found_out(session, monkeypatch):
    """Great Expectations logs it, drops it, and runs the rest."""
    build = suites.build_suites

    def with_unknown_type(catalogue, stage):
        made = build(catalogue, stage)
        for number, suite in enumerate(made):
            if suite.name == "marts_ownership":
                entries = [
                    entry.to_domain_obj() if hasattr(entry, "to_domain_obj") else entry for entry in suite.expectations
                ]
                kept = [entry.configuration.to_json_dict() for entry in entries[1:]]
                unknown = {"type": "expect_key_result_to_have_champion", "kwargs": {}}
                made[number] = gx.ExpectationSuite(name=suite.name, expectations=[unknown, *kept])
        return made

    monkeypatch.setattr(evaluation, "build_suites", with_unknown_type)

    found = outcomes(evaluate(session, CATALOGUE, "marts"))

    assert found["OWN-01"][0] is None
    assert found["OWN-02"][0] is None
    count = sum(rule.suite == "ownership" for rule in CATALOGUE.active("marts"))
    assert f"{count} rules declared, {count - 1} loaded" in found["OWN-02"][1]
    assert found["DAT-01"] == (0, None)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_suite_that_lost_expectations_is_found_out(session, monkeypatch, kept):
    build = suites.build_suites

    def shortened(catalogue, stage):
        made = build(catalogue, stage)
        for suite in made:
            suite.expectations = suite.expectations[:kept]
        return made

    monkeypatch.setattr(evaluation, "build_suites", shortened)

    # A suite that has no more rules than are kept has lost nothing.
    sizes = Counter(rule.suite for rule in CATALOGUE.active("marts"))
    broken = {rule.id for rule in CATALOGUE.active("marts") if sizes[rule.suite] > kept}
    assert len(broken) > 20
    assert {entry.rule_id for entry in evaluate(session, CATALOGUE, "marts") if entry.violations is None} == broken


def test_a_suite_that_vanished_is_found_out(session, monkeypatch):
    build = suites.build_suites
    monkeypatch.setattr(
        evaluation, "build_suites", lambda *args: [suite for suite in build(*args) if suite.name != "marts_ownership"]
    )

    found = outcomes(evaluate(session, CATALOGUE, "marts"))

    assert found["OWN-01"] == (None, "evaluated 0 times, expected once")
    assert found["DAT-01"] == (0, None)


def test_an_expectation_that_stands_there_twice_is_found_out(session, monkeypatch):
    build = suites.build_suites

    def doubled(catalogue, stage):
        made = build(catalogue, stage)
        (ownership,) = [suite for suite in made if suite.name == "marts_ownership"]
        ownership.expectations = [*ownership.expectations, ownership.expectations[0]]
        return made

    monkeypatch.setattr(evaluation, "build_suites", doubled)

    assert outcomes(evaluate(session, CATALOGUE, "marts"))["OWN-01"][0] is None


def test_an_expectation_that_never_asks_is_found_out(session, monkeypatch):
    from expectations.rule_holds import RuleHolds

    monkeypatch.setattr(RuleHolds, "metric_dependencies", ())
    monkeypatch.setattr(
        RuleHolds, "_validate", lambda self, *_, **__: {"success": True, "result": {"observed_value": 0}}
    )

    assert {entry.error for entry in evaluate(session, CATALOGUE, "marts")} == {"its query never reached the warehouse"}


def test_a_great_expectations_that_does_not_work_at_all_passes_nothing(session, monkeypatch):
    monkeypatch.setattr(gx, "get_context", lambda **_: (_ for _ in ()).throw(RuntimeError("no context")))

    assert {entry.error for entry in evaluate(session, CATALOGUE, "marts")} == {"Great Expectations failed: no context"}


def test_the_audit_prints_nothing_and_opens_no_connection(company, audit, capfd, monkeypatch):  # noqa: F811
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a name was looked up"))

    audit(evaluator=evaluate)

    assert capfd.readouterr().out == ""


def spoiled(rule_id, violations):
    from dataclasses import replace

    from expectations.catalogue import Catalogue

    def spoil(rule):
        if rule.id != rule_id:
            return rule
        return replace(rule, checks={"marts": replace(rule.checks["marts"], violations=violations)})

    return Catalogue(tuple(spoil(rule) for rule in CATALOGUE.rules))
