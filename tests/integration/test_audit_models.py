"""The rules on the marts and reports that dbt builds, for a company in which much is wrong on purpose."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from orchestration.audit.run import run_audit
from orchestration.audit.verdict import confirm_publishable, decide_and_record
from orchestration.errors import GateClosed
from orchestration.lake.store import Lake
from tests.integration import acme
from tests.integration.tiny_lake import Warehouse
from tests.unit.audit.small_company import failing

NOW = datetime(2026, 2, 12, 9, tzinfo=UTC)


class Copied:
    """A copy of the lake and the warehouse, for these tests alone."""

    def __init__(self, root, lake, warehouse):
        shutil.copytree(lake, root / "lake")
        shutil.copy(warehouse.path, root / "warehouse.duckdb")
        self.lake = Lake(root / "lake")
        self.models = Warehouse(
            lake=root / "lake",
            path=root / "warehouse.duckdb",
            target=root / "target",
            as_of=acme.AS_OF,
            known_at=warehouse.known_at,
        )
        self._seconds = 0

    def clock(self):
        self._seconds += 1
        return NOW + timedelta(seconds=self._seconds)

    def audit(self, stage):
        return run_audit(
            warehouse=self.models.path,
            lake=self.lake,
            stage=stage,
            as_of=acme.AS_OF,
            run_id="run",
            clock=self.clock,
        )

    def gate(self):
        return {
            "warehouse": self.models.path,
            "lake": self.lake,
            "as_of": acme.AS_OF,
            "mode": "standard",
            "clock": self.clock,
        }


@pytest.fixture(scope="module")
def copied(acme_lake, acme_warehouse, tmp_path_factory):
    return Copied(tmp_path_factory.mktemp("audited"), acme_lake.root, acme_warehouse)


@pytest.fixture(scope="module")
def marts(copied):
    return copied.audit("marts")


def test_every_rule_finds_what_is_wrong_and_nothing_else(marts):
    definitions = next(finding.subject_id for finding in marts.failures if finding.rule_id == "DAT-01")
    key_results = {goal.columns["key_result_id"] for goal in acme.goals() if goal.table == "key_results"}

    assert failing(marts) == {
        "CHG-01": {"up"},
        "DAT-01": {definitions},  # these definitions were loaded without counting them
        "DAT-03": {"silent", "stopped"},
        "DAT-04": {"silent", "stopped"},
        "MAP-01": {"unmapped"},
        # Nobody says what they touch but `portal`; `old` and its cycle are closed, `draft` is not committed.
        "MAP-02": {name for name in key_results if name not in ("portal", "old", "draft")},
        "MAP-03": {"ghostly"},
        "OWN-02": {"latency", "errors"},
        "OWN-04": {"latency", "errors"},
    }


def test_reports_built_after_the_audit_show_what_it_allows(copied, marts):
    copied.models.build("--select", "path:models/reports")

    reports = copied.audit("reports")
    verdict = decide_and_record(**copied.gate(), run_id="run")

    assert failing(reports) == {}
    # 16 key results; RPT-02 judges their objectives too.
    assert (reports.outcome("RPT-02").judged_count, reports.outcome("DAT-06").judged_count) == (19, 16)
    assert verdict.blocked == ("DAT-01",)
    assert verdict.withheld == ("DAT-03", "DAT-04", "MAP-01", "MAP-02", "MAP-03", "OWN-02", "OWN-04")
    with pytest.raises(GateClosed, match="DAT-01 failed for 1 subject"):
        confirm_publishable(**copied.gate())


def test_reports_that_stand_on_an_older_audit_are_found_out(copied, marts):
    """A later audit of the marts found more, and the reports were not built again."""
    with duckdb.connect(str(copied.models.path)) as connection:
        connection.execute("update marts.dim_key_result set champion_id = null where key_result_id = 'up'")
    assert failing(copied.audit("marts"))["OWN-01"] == {"up"}

    assert failing(copied.audit("reports"))["DAT-06"] == {"up"}
