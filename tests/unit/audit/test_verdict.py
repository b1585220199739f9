"""Verdicts on file, and every way round the gate that we could think of."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest

from expectations.catalogue import CATALOGUE, Catalogue
from orchestration.audit.run import run_audit
from orchestration.audit.verdict import (
    confirm_publishable,
    decide_and_record,
    newest_verdict,
    read_verdict,
    require_publishable,
    verdict_from_dict,
    verdict_to_dict,
    write_verdict,
)
from orchestration.errors import AuditError, GateClosed
from tests.unit.audit.conftest import evaluate_plainly
from tests.unit.audit.small_company import AS_OF, NOW, SmallCompany

LATER = NOW.replace(tzinfo=None) + timedelta(hours=1)


class Gate:
    """The steps of a run, each with the arguments of the small company."""

    def __init__(self, company, audit, clock):
        self.company, self.audit = company, audit
        self.arguments = {
            "warehouse": company.warehouse,
            "lake": company.lake,
            "as_of": AS_OF,
            "mode": "standard",
            "clock": clock,
        }

    def decide(self, run_id="run", **changes):
        return decide_and_record(**self.arguments | {"run_id": run_id} | changes)

    def run(self, run_id="run", **changes):
        """Audit both stages and decide."""
        self.audit("marts", run_id=run_id)
        self.audit("reports", run_id=run_id)
        return self.decide(run_id, **changes)

    def publish(self, **changes):
        """Ask what publishing asks."""
        return confirm_publishable(**self.arguments | changes)


@pytest.fixture
def gate(company, audit, clock):
    return Gate(company, audit, clock)


@pytest.fixture(scope="module")
def _decided(_template, tmp_path_factory):
    root = tmp_path_factory.mktemp("decided") / "company"
    shutil.copytree(_template, root)
    company = SmallCompany(root)
    clock = itertools.count()

    def audit(stage, run_id):
        arguments = {
            "warehouse": company.warehouse,
            "lake": company.lake,
            "as_of": AS_OF,
            "evaluator": evaluate_plainly,
        }
        return run_audit(stage=stage, run_id=run_id, clock=lambda: NOW + timedelta(seconds=next(clock)), **arguments)

    assert Gate(company, audit, lambda: NOW + timedelta(seconds=next(clock))).run().passing
    return root


@pytest.fixture
def decided(_decided, audit, clock, company):
    """A gate with a passing verdict on file, for one test to attack; made once, for it takes two audits."""
    root = company.lake.root.parent
    shutil.rmtree(root)
    shutil.copytree(_decided, root)
    made = Gate(company, audit, clock)
    made.verdict = newest_verdict(company.lake)
    return made


def test_what_was_audited_and_passes_may_be_published(gate):
    verdict = gate.run()

    assert verdict.passing
    assert gate.publish() == verdict


def test_it_may_be_published_alone_and_later_as_long_as_nothing_changed(decided):
    assert decided.publish().passing
    assert decided.publish(clock=lambda: NOW + timedelta(days=30)).passing


def test_withheld_findings_do_not_keep_it_from_being_published(gate, company, audit):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")
    company.withhold("kr_errors", audit("marts"))
    audit("marts")
    audit("reports")

    verdict = gate.decide()

    assert verdict.passing, verdict.reasons
    assert verdict.withheld == ("OWN-01",)
    assert gate.publish() == verdict
    with pytest.raises(GateClosed, match="mode strict"):
        gate.publish(mode="strict")
    assert not gate.decide(mode="strict").passing


def test_nothing_was_audited(gate):
    with pytest.raises(GateClosed, match="nothing was audited for 2026-02-15"):
        gate.publish()


def test_another_day_was_audited(decided):
    with pytest.raises(GateClosed, match="nothing was audited for 2026-02-16"):
        decided.publish(as_of=AS_OF + timedelta(days=1))


@pytest.mark.parametrize("stage", ["marts", "reports"])
def test_one_stage_was_not_audited(gate, audit, stage):
    """As when the checks of an asset are deselected."""
    audit("marts" if stage == "reports" else "reports")

    assert not gate.decide().passing
    with pytest.raises(GateClosed, match=f"the {stage} were not audited"):
        gate.publish()


def test_the_verdict_of_another_run_on_other_data_is_refused(decided, company, audit):
    company.run("update reports.rpt_okr_scorecard set key_result_title = 'a rebuilt report'")
    audit("marts", run_id="tuesday")  # and then that run died

    with pytest.raises(GateClosed, match="not what was audited"):
        decided.publish()


@pytest.mark.parametrize(
    "edit",
    [
        "update reports.rpt_okr_scorecard set progress = 0.99 where key_result_id = 'kr_errors'",
        "update reports.rpt_okr_scorecard set key_result_title = 'Better'",
        "create view reports.rpt_surprise as select 1 as one",
        "alter table reports.rpt_okr_scorecard rename progress to progress_share",
        "update marts.fct_kpi_observation set value = value + 0.000001 where kpi_id = 'backlog'",
        "insert into marts.dim_person (person_id) values ('ghost')",
    ],
)
def test_a_table_was_edited_after_the_audit(decided, company, edit):
    company.run(edit)

    with pytest.raises(GateClosed, match="not what was audited"):
        decided.publish()


def test_an_edit_that_was_taken_back_does_no_harm(decided, company):
    company.run("update reports.rpt_okr_scorecard set key_result_title = key_result_title || '!'")
    company.run("update reports.rpt_okr_scorecard set key_result_title = rtrim(key_result_title, '!')")

    assert decided.publish().passing


@pytest.mark.parametrize("entity", ["rule_outcomes", "integrity_results", "loads"])
def test_the_results_were_deleted(gate, company, audit, entity):
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")
    marts = audit("marts")
    company.withhold("kr_errors", marts)
    audit("reports")
    assert gate.decide().withheld == ("OWN-01",)
    for path in (company.lake.root / entity).rglob(f"{marts.audit_id}.parquet"):
        path.unlink()

    with pytest.raises(GateClosed):
        gate.publish()
    assert not gate.decide().passing


def test_the_results_were_edited(gate, company, audit):
    """The same number of findings, about somebody else."""
    company.run("update marts.dim_key_result set champion_id = null where key_result_id = 'kr_errors'")
    marts = audit("marts")
    company.withhold("kr_errors", marts)
    audit("reports")
    assert gate.decide().passing
    (path,) = (company.lake.root / "integrity_results").rglob(f"{marts.audit_id}.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * replace ('kr_portal' as subject_id) from read_parquet('{path}')) to '{path}.new' "
            "(format parquet)"
        )
    path.with_name(path.name + ".new").replace(path)

    with pytest.raises(GateClosed, match="on record"):
        gate.publish()


def test_a_newer_audit_that_failed_outweighs_an_older_one_that_passed(decided, company):
    company.load([], content="bad", rows_read=5)
    assert not decided.run("tuesday").passing

    with pytest.raises(GateClosed, match="DAT-01 failed for 1 subject"):
        decided.publish()


def test_a_newer_audit_without_a_verdict_is_not_overlooked(decided, company, audit):
    """The audit found something, and the run died before it decided."""
    company.load([], content="bad", rows_read=5)
    audit("marts", run_id="tuesday")

    with pytest.raises(GateClosed, match="DAT-01 failed"):
        decided.publish()


def test_another_version_of_the_rules(decided):
    harder = Catalogue(
        tuple(replace(rule, severity="block") if rule.id == "OWN-02" else rule for rule in CATALOGUE.rules)
    )

    with pytest.raises(GateClosed, match="another version of the rules"):
        decided.publish(catalogue=harder)


def test_a_gate_that_became_strict(decided):
    with pytest.raises(GateClosed, match="reached in mode standard, the gate is in mode strict"):
        decided.publish(mode="strict")


def test_the_refusal_has_one_line_per_reason_with_what_to_do(gate, company):
    company.load([], content="bad", rows_read=5)
    company.run("create table marts.fct_surprise as select 1 as one")
    gate.run()

    with pytest.raises(GateClosed) as raised:
        gate.publish()

    lines = str(raised.value).splitlines()
    assert lines[0] == "the gate is closed"
    # The last one, because these reports were not built again and so do not list what the audit found.
    assert [line.split()[1] for line in lines[1:]] == ["DAT-01", "DAT-02", "DAT-06"]
    assert all(line.endswith(".") for line in lines[1:])


# --- on file --------------------------------------------------------------------------------------------------------


def test_a_verdict_is_filed_and_read_back(decided, company):
    verdict = decided.verdict

    path = company.lake.root / "verdicts" / "run.json"
    assert read_verdict(path) == verdict
    assert newest_verdict(company.lake) == newest_verdict(company.lake, AS_OF) == verdict
    assert newest_verdict(company.lake, AS_OF + timedelta(days=1)) is None
    assert verdict_from_dict(json.loads(json.dumps(verdict_to_dict(verdict)))) == verdict
    assert [entry.name for entry in path.parent.iterdir()] == ["run.json"]


def test_a_second_verdict_of_a_run_leaves_the_first(decided, company):
    first = decided.verdict
    second = decided.decide()

    folder = company.lake.root / "verdicts"
    assert read_verdict(folder / "run.json") == first
    assert read_verdict(folder / "run+2.json") == second
    assert newest_verdict(company.lake) == second


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"passing": false', '"passing": true'),
        ('"DAT-01"', '"DAT-09"'),
        ('"mode": "standard"', '"mode": "strict"'),
    ],
)
def test_a_verdict_edited_on_file_is_refused(gate, company, old, new):
    company.load([], content="bad", rows_read=5)
    gate.run()
    path = company.lake.root / "verdicts" / "run.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))

    with pytest.raises(AuditError, match="cannot be read"):
        gate.publish()


def test_a_forged_verdict_opens_nothing(gate, company):
    """Whole and with a good checksum, but the audits on record do not say so."""
    company.load([], content="bad", rows_read=5)
    verdict = gate.run()
    write_verdict(company.lake, replace(verdict, passing=True, reasons=(), blocked=(), decided_at=LATER))

    with pytest.raises(GateClosed, match="DAT-01 failed"):
        gate.publish()


def test_a_verdict_that_forgets_what_it_withholds_opens_nothing(decided, company):
    verdict = decided.verdict
    write_verdict(company.lake, replace(verdict, counts={}, decided_at=LATER))

    with pytest.raises(GateClosed, match="does not come out the same"):
        decided.publish()


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"passing": true}', "not json"])
def test_a_broken_verdict_is_refused_and_not_skipped(decided, company, content):
    (company.lake.root / "verdicts" / "zz.json").write_text(content)

    with pytest.raises(AuditError, match="cannot be read"):
        decided.publish()


def test_a_verdict_of_another_version_of_the_code_vouches_for_nothing(decided, company):
    verdict = decided.verdict
    values = verdict_to_dict(verdict) | {"format": 2, "decided_at": "2999-01-01T00:00:00", "surprise": True}
    (company.lake.root / "verdicts" / "zz.json").write_text(json.dumps(values))

    assert decided.publish() == verdict


@pytest.mark.parametrize("run_id", ["", "../escape", "a/b", "a b", "x" * 200])
def test_a_run_that_is_no_file_name_is_refused(decided, company, run_id):
    verdict = decided.verdict

    with pytest.raises(AuditError, match="cannot be filed"):
        write_verdict(company.lake, replace(verdict, run_id=run_id))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fingerprint": ""}, "not what was audited"),
        ({"fingerprint": "other"}, "not what was audited"),
        ({"catalogue_hash": "other"}, "another version of the rules"),
        ({"as_of": AS_OF + timedelta(days=1)}, "not of 2026-02-16"),
        ({"mode": "strict"}, "mode strict"),
    ],
)
def test_require_publishable_refuses_whatever_is_not_at_hand(decided, changes, message):
    verdict = decided.verdict
    at_hand = {"fingerprint": verdict.fingerprint, "catalogue_hash": verdict.catalogue_hash, "as_of": AS_OF}
    require_publishable(verdict, **at_hand)

    with pytest.raises(GateClosed, match=message):
        require_publishable(verdict, **at_hand | changes)


def test_require_publishable_refuses_no_verdict_and_one_without_reasons(decided):
    verdict = decided.verdict
    at_hand = {"fingerprint": verdict.fingerprint, "catalogue_hash": verdict.catalogue_hash, "as_of": AS_OF}

    with pytest.raises(GateClosed, match="nothing was audited"):
        require_publishable(None, **at_hand)
    with pytest.raises(GateClosed, match="does not say why"):
        require_publishable(replace(verdict, passing=False), **at_hand)
    with pytest.raises(GateClosed, match="but it rains"):
        require_publishable(replace(verdict, reasons=("but it rains",)), **at_hand)
