from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, timedelta

import duckdb
import pytest

from expectations.catalogue import CATALOGUE, Catalogue
from expectations.rule import Check
from orchestration.audit.evaluate import Evaluation
from orchestration.audit.outcomes import newest_audits
from orchestration.audit.tables import INTEGRITY_RESULTS, RULE_OUTCOMES
from orchestration.errors import AuditError, LakeError
from tests.unit.audit.conftest import evaluate_plainly
from tests.unit.audit.small_company import AS_OF, KNOWN_AT, NOW, failing


def in_lake(company, entity):
    with duckdb.connect() as connection:
        return connection.sql(
            f"select * from read_parquet('{company.lake.glob(entity)}', union_by_name = true)"
        ).to_arrow_table()


def changed(rule_id, **changes):
    """The catalogue with other queries for one rule."""
    check = replace(CATALOGUE.rule(rule_id).checks["marts"], **changes)
    return Catalogue(
        tuple(
            replace(rule, checks={**rule.checks, "marts": check}) if rule.id == rule_id else rule
            for rule in CATALOGUE.rules
        )
    )


def test_an_audit_is_one_load_of_the_lake(company, audit):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")

    report = audit()

    outcomes, results = in_lake(company, "rule_outcomes"), in_lake(company, "integrity_results")
    assert outcomes.schema.names == RULE_OUTCOMES.names
    assert results.schema.names == INTEGRITY_RESULTS.names
    assert outcomes.num_rows == len(CATALOGUE.at("marts"))
    assert set(outcomes.column("audit_id").to_pylist()) == {report.audit_id}
    assert results.to_pylist() == [
        {
            "audit_id": report.audit_id,
            "run_id": "run",
            "stage": "marts",
            "as_of": AS_OF,
            "known_at": KNOWN_AT,
            "audited_at": NOW.replace(tzinfo=None),
            "rule_id": "OWN-01",
            "severity": "withhold",
            "outcome": "failed",
            "subject_type": "key_result",
            "subject_id": "kr_errors",
            "detail": "no champion is named",
            "owner_role": "objective_owner",
            "owner_id": "olga",
            "owner_source": "objective",
            "waiver_id": None,
            "source_file": "okrs/2026-Q1/ops.yml",
            "source_row": 1,
            "source_load_id": "definitions",
        }
    ]
    ledger = [row for row in in_lake(company, "loads").to_pylist() if row["load_id"] == report.audit_id]
    assert [(row["kind"], row["rows_read"], row["rows_accepted"]) for row in ledger] == [("audit", 1, 1)]


def test_an_outcome_says_how_many_were_judged(company, audit):
    report = audit()

    assert report.outcome("OWN-01").judged_count == 3
    assert report.outcome("DAT-03").judged_count == 2


def test_every_offending_subject_is_written_once_whatever_their_number(company, audit):
    company.run(
        """
        insert into marts.dim_key_result by name
        select dim.* replace ('kr_' || number as key_result_id, 'key_' || number as key_result_key, null as champion_id)
        from marts.dim_key_result as dim, range(5000) as numbers(number) where key_result_id = 'kr_errors'
        """
    )

    report = audit()

    mine = [finding for finding in report.failures if finding.rule_id == "OWN-01"]
    assert len(mine) == len({finding.subject_id for finding in mine}) == 5000
    assert {finding.owner_id for finding in mine} == {"olga"}
    assert report.outcome("OWN-01").failed_count == 5000


def test_the_details_of_one_subject_are_joined_and_counted(company, audit):
    for number in range(8):
        company.add(
            "intermediate.int_definitions__references",
            subject_type="kpi",
            subject_id="errors",
            reference=f"drivers[{number}]",
            referenced_type="kpi",
            referenced_id="gone",
            is_resolved=False,
        )

    (finding,) = audit().failures

    assert finding.detail.count("which does not exist") == 5
    assert finding.detail.endswith("; and 3 more")


@pytest.mark.parametrize(
    "value", ["<script>alert(1)</script>", "'; drop table x; --", "{batch} %s :bad", "=cmd()", "ü\u202e"]
)
def test_hostile_text_is_kept_as_text(company, audit, value):
    company.run("delete from marts.bridge_key_result_kpi where key_result_id = 'kr_errors'")
    company.run("update marts.dim_key_result set key_result_id = ? where key_result_id = 'kr_errors'", [value])
    company.run("update marts.dim_ownership set subject_id = ? where subject_id = 'kr_errors'", [value])

    assert value in failing(audit())["MAP-01"]


# --- what is not evaluated ------------------------------------------------------------------------------------------


def test_a_rule_that_raises_is_not_evaluated_and_the_others_are(company, audit):
    company.run("alter table marts.dim_kpi drop column lifecycle")

    report = audit()

    assert report.outcome("OWN-02").outcome == "not_evaluated"
    assert "lifecycle" in report.outcome("OWN-02").error_message
    assert "\n" not in report.outcome("OWN-02").error_message
    assert report.outcome("OWN-01").outcome == "passed"


def test_a_rule_that_hangs_is_not_evaluated_and_the_others_are(audit):
    endless = (
        "select 'kpi' as subject_type, 'x' as subject_id, 'y' as detail, null as source_file, null as source_row, "
        "null as load_id from range(1000000000) as a(i), range(1000000) as b(j) where i * j % 7 = 9"
    )

    report = audit(catalogue=changed("MAP-01", violations=endless), seconds_allowed=0.5)

    assert report.outcome("MAP-01").outcome == "not_evaluated"
    assert "not done after 0.5 s" in report.outcome("MAP-01").error_message
    assert report.outcome("OWN-01").outcome == "passed"


def test_a_rule_whose_query_lacks_a_column_is_not_evaluated(audit):
    report = audit(catalogue=changed("MAP-01", violations="select 'kpi' as subject_type, 'x' as subject_id"))

    assert report.outcome("MAP-01").outcome == "not_evaluated"


def test_a_rule_that_writes_is_not_evaluated(audit):
    report = audit(catalogue=changed("MAP-01", judged="delete from audit.run"))

    assert report.outcome("MAP-01").outcome == "not_evaluated"


@pytest.mark.parametrize(
    ("statement", "rules"),
    [
        ("delete from marts.dim_key_result", {"OWN-01", "MAP-01"}),
        ("update marts.dim_key_result set state = null", {"OWN-01", "MAP-01"}),
        ("update marts.dim_key_result set is_current = null", {"OWN-01", "MAP-01"}),
        ("delete from marts.dim_kpi", {"OWN-02", "POL-01", "POL-02"}),
        ("update marts.dim_kpi set lifecycle = null", {"OWN-02", "POL-01", "POL-02"}),
        ("delete from intermediate.int_definitions__references", {"MAP-03"}),
    ],
)
def test_a_rule_that_is_put_to_nothing_is_not_evaluated(company, audit, statement, rules):
    """Zero rows and all null pass every check; they prove nothing."""
    company.run(statement)

    report = audit()

    assert {entry.rule_id for entry in report.outcomes if entry.outcome == "not_evaluated"} == rules


def test_marts_that_lost_every_row_do_not_pass(company, audit):
    for (table,) in company.query("select table_name from information_schema.tables where table_schema = 'marts'"):
        company.run(f"delete from marts.{table}")

    outcomes = {entry.rule_id: entry.outcome for entry in audit().outcomes}

    assert outcomes["DAT-06"] == "failed"
    assert {outcomes[rule_id] for rule_id in ("OWN-01", "OWN-02", "MAP-01", "DAT-02")} == {"not_evaluated"}


def test_a_lake_that_lost_its_feeds_does_not_pass(company, audit):
    for path in (company.lake.root / "observations").rglob("*-*.parquet"):
        path.unlink()

    assert {"DAT-01", "DAT-06"} <= set(failing(audit()))


@pytest.mark.parametrize(
    "evaluator",
    [
        lambda session, catalogue, stage: [],
        lambda *args: [entry for entry in evaluate_plainly(*args) if entry.rule_id != "DAT-01"],
        lambda session, catalogue, stage: [*evaluate_plainly(session, catalogue, stage), Evaluation("DAT-01", 0, None)],
    ],
)
def test_a_rule_that_was_dropped_or_doubled_is_not_evaluated(audit, evaluator):
    entry = audit(evaluator=evaluator).outcome("DAT-01")

    assert entry.outcome == "not_evaluated"
    assert "expected once" in entry.error_message


def test_a_rule_that_nobody_asked_for_has_no_outcome(audit):
    report = audit(evaluator=lambda *args: [*evaluate_plainly(*args), Evaluation("XYZ-01", 0, None)])

    assert {entry.rule_id for entry in report.outcomes} == {rule.id for rule in CATALOGUE.at("marts")}


@pytest.mark.parametrize("lie", [5, 0.0, 1])
def test_a_count_that_does_not_match_the_rows_is_not_believed(company, audit, lie):
    company.run("update marts.dim_key_result set champion_id = null")

    def evaluator(session, catalogue, stage):
        return [
            replace(entry, violations=lie) if entry.rule_id == "OWN-01" else entry
            for entry in evaluate_plainly(session, catalogue, stage)
        ]

    entry = audit(evaluator=evaluator).outcome("OWN-01")

    if lie:
        assert entry.outcome == "not_evaluated"
        assert "were counted and 3 written down" in entry.error_message
        assert entry.failed_count == 0


def test_a_warehouse_of_another_day_is_not_evaluated(audit):
    report = audit(as_of=AS_OF - timedelta(days=1))

    assert {entry.outcome for entry in report.outcomes} == {"not_evaluated"}
    assert (
        report.outcome("OWN-01").error_message == "the warehouse was built for 2026-02-15, the audit is of 2026-02-14"
    )


def test_a_warehouse_of_another_state_of_knowledge_is_not_evaluated(audit):
    report = audit(known_at=KNOWN_AT.replace(tzinfo=UTC) + timedelta(hours=1))

    assert {entry.outcome for entry in report.outcomes} == {"not_evaluated"}


def test_the_state_of_knowledge_may_be_given_in_any_zone(audit):
    zone = (KNOWN_AT.replace(tzinfo=UTC)).astimezone()

    assert audit(known_at=zone).outcome("OWN-01").outcome == "passed"


# --- records --------------------------------------------------------------------------------------------------------


def test_two_audits_never_tie_and_a_clock_set_back_does_not_reorder_them(company, audit):
    first = audit(clock=lambda: NOW)
    second = audit(clock=lambda: NOW)
    third = audit(clock=lambda: NOW - timedelta(days=400))

    assert first.audit_id < second.audit_id < third.audit_id
    assert newest_audits(company.lake, AS_OF)["marts"].audit_id == third.audit_id


def test_results_that_cannot_be_written_leave_nothing(company, audit, monkeypatch):
    before = set(company.lake.root.rglob("*.parquet"))
    from orchestration.lake import store

    def refuse(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "_replace", refuse)

    with pytest.raises(LakeError, match="No space"):
        audit()
    assert set(company.lake.root.rglob("*.parquet")) == before


def test_an_audit_without_a_register_of_people_is_no_audit(company, audit):
    """Owners could not be found, so a finding would reach nobody."""
    company.run("drop table marts.dim_person")

    with pytest.raises(AuditError, match="owners of the findings"):
        audit()


def test_a_check_needs_no_memory_of_the_last_audit(company, audit):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")
    assert audit().outcome("OWN-01").outcome == "failed"
    company.run("update marts.dim_key_result set champion_id = 'carl' where key_result_id = 'kr_errors'")
    assert audit().outcome("OWN-01").outcome == "passed"
    assert in_lake(company, "integrity_results").num_rows == 1


def test_a_check_of_one_stage_needs_a_query_for_it():
    assert CATALOGUE.rule("DAT-06").checks["marts"] != CATALOGUE.rule("DAT-06").checks["reports"]
    assert isinstance(CATALOGUE.rule("DAT-06").checks["marts"], Check)
