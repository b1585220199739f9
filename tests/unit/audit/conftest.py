from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from expectations.catalogue import Catalogue
from expectations.rule import Stage
from expectations.suites import violations_query
from orchestration.audit.evaluate import Evaluation
from orchestration.audit.run import AuditReport, run_audit
from orchestration.audit.session import AuditSession, first_line
from tests.unit.audit.small_company import AS_OF, NOW, SmallCompany


def evaluate_plainly(session: AuditSession, catalogue: Catalogue, stage: Stage) -> Sequence[Evaluation]:
    """The rules as plain SQL. Importing Great Expectations takes seconds; tests/integration has it in its place."""
    evaluations = []
    for rule in catalogue.active(stage):
        answer = session.ask(f"select count(*) from ({violations_query(rule.id, rule.checks[stage])}) as violation")
        error = first_line(answer.error) if answer.error else None
        evaluations.append(Evaluation(rule.id, None if error else answer.rows[0][0], error, answer.seconds))
    return evaluations


@pytest.fixture(scope="session")
def _template(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("small_company")
    SmallCompany.create(root)
    return root


@pytest.fixture
def company(_template, tmp_path) -> SmallCompany:
    """A company in which every rule holds, for one test to spoil."""
    root = tmp_path / "company"
    shutil.copytree(_template, root)
    return SmallCompany(root)


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """A clock that goes on by a second each time it is read."""
    ticks = iter(range(10_000))
    return lambda: NOW + timedelta(seconds=next(ticks))


@pytest.fixture
def audit(company, clock) -> Callable[..., AuditReport]:
    """Audit the company, without Great Expectations; its escalations are opened before its reports are audited."""

    def run(stage: Stage = "marts", *, escalated: bool = True, **overrides) -> AuditReport:
        if stage == "reports" and escalated:
            company.escalate()
        arguments = {
            "warehouse": company.warehouse,
            "lake": company.lake,
            "stage": stage,
            "as_of": AS_OF,
            "run_id": "run",
            "clock": clock,
            "evaluator": evaluate_plainly,
        }
        return run_audit(**arguments | overrides)

    return run
