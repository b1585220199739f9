from __future__ import annotations

import pytest

from tests.unit.publication.reviewed_company import ReviewedCompany

NO_REVIEWER = ("OWN-01", "key_result", "kr_05", "no reviewer is named")
FAILURES = (
    NO_REVIEWER,
    ("OWN-01", "key_result", "kr_01", "its champion is also its reviewer"),
    ("DAT-03", "kpi", "latency_11", "its newest value is 9 days old, agreed are 2"),
    *(("OWN-02", "kpi", f"latency_{number:02d}", "no accountable owner") for number in range(8)),
)
BEFORE = (NO_REVIEWER, ("MAP-04", "key_result", "kr_02", "its weights add up to 0.9"))


@pytest.fixture(scope="session")
def finished_company(tmp_path_factory) -> ReviewedCompany:
    """Made once; nobody changes it."""
    return ReviewedCompany(tmp_path_factory.mktemp("finished") / "company", failures=FAILURES, before=BEFORE)


@pytest.fixture
def company(finished_company, tmp_path) -> ReviewedCompany:
    """A copy to do anything to."""
    return finished_company.copied(tmp_path / "company")
