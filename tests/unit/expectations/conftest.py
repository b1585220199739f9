"""Rules are tested on the audit's small company, as plain SQL and without a record: what they find is what matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from expectations.catalogue import CATALOGUE
from expectations.rule import Stage
from orchestration.audit.evaluate import Evaluation
from orchestration.audit.findings import gather
from orchestration.audit.outcomes import Finding
from orchestration.audit.session import open_session
from tests.unit.audit.conftest import _template, clock, company, evaluate_plainly  # noqa: F401
from tests.unit.audit.conftest import audit as recorded_audit  # noqa: F401
from tests.unit.audit.small_company import AS_OF


@dataclass(frozen=True)
class Found:
    """What the rules found; enough of an `AuditReport` for `failing`."""

    evaluations: list[Evaluation]
    failures: tuple[Finding, ...]


@pytest.fixture
def audit(company) -> Callable[[], Found]:  # noqa: F811
    """Put the rules of the marts to the company."""

    def run(stage: Stage = "marts") -> Found:
        with open_session(company.warehouse, company.lake, stage=stage, run_id="run", as_of=AS_OF) as session:
            evaluations, results = gather(session, CATALOGUE, stage, evaluate_plainly(session, CATALOGUE, stage))
        names = list(Finding.__dataclass_fields__)
        rows = zip(*(results.column(name).to_pylist() for name in names), strict=True)
        return Found(evaluations, tuple(Finding(*row) for row in rows))

    return run
