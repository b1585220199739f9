"""One cycle from its plan to the next one, by the pipeline itself. Each docstring is the failure it prevents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lake.store import Lake
from orchestration.settings import Settings, load_settings

PLAN, REVIEW, CLOSE, AFTER = date(2025, 12, 20), date(2026, 2, 20), date(2026, 4, 10), date(2026, 4, 20)
STAGES = (PLAN, REVIEW, CLOSE, AFTER)
# The integrity failures speak of their own audit too, and a report built again is audited again.
PUBLISHED = (
    "rpt_plan_readiness", "rpt_shared_kpi", "rpt_capacity", "rpt_okr_scorecard", "rpt_goalpost_ledger",
    "rpt_cycle_score",
)  # fmt: skip

ORGANIZATION = """
company: {{id: acme, name: Acme, time_zone: UTC, currency: EUR, fiscal_year_starts_month: 1}}
units:
  - {{id: group, name: Group, head: chief}}
  - {{id: operations, name: Operations, parent: group, head: head}}
  - {{id: product, name: Product, parent: group, head: manager}}
people:
  - {{id: chief, name: Chief, unit: group, active_from: 2020-01-01}}
  - {{id: head, name: Head, unit: operations, active_from: 2020-01-01}}
  - {{id: manager, name: Manager, unit: product, active_from: 2020-01-01}}
  - {{id: lead, name: Lead, unit: product, active_from: 2020-01-01{lead_leaves}}}
  - {{id: deputy, name: Deputy, unit: product, active_from: 2020-01-01}}
  - {{id: steward, name: Steward, unit: group, active_from: 2020-01-01}}
"""
CYCLES = """
cycles:
  - {id: 2025-Q4, name: Q4, starts_on: 2025-10-01, ends_on: 2025-12-31, locks_on: 2025-10-08, closes_on: 2026-01-10}
  - {id: 2026-Q1, name: Q1, starts_on: 2026-01-01, ends_on: 2026-03-31,
     readiness_due_on: 2025-12-17, locks_on: 2026-01-08, closes_on: 2026-04-10}
  - {id: 2026-Q2, name: Q2, starts_on: 2026-04-01, ends_on: 2026-06-30,
     readiness_due_on: 2026-03-17, locks_on: 2026-04-08, closes_on: 2026-07-10}
"""
FEEDS = """
feeds:
  - id: daily
    name: Daily
    owner: head
    steward: steward
    source: {type: file, path: "*.csv"}
    format: csv
    layout: long
    columns: {kpi: kpi, period: day, value: value, available_at: sent_at}
    source_type: system
    agreed_offset_days: 2
"""
KPIS = """
kpis:
  - {{id: orders, name: Orders, formula: count, unit: orders, org_unit: operations, feed: daily, direction: increase,
     grain: day, aggregation: sum, category: health,
     owners: [{{role: accountable_owner, person: head, acknowledged_on: 2025-12-01}},
              {{role: data_steward, person: steward, acknowledged_on: 2025-12-01}}]}}
  - {{id: adoption, name: Adoption, formula: share, unit: share, org_unit: product, feed: daily, direction: increase,
     grain: day, aggregation: mean, category: outcome,
     owners: [{{role: accountable_owner, person: manager, acknowledged_on: 2025-12-01}},
              {{role: data_steward, person: steward, acknowledged_on: 2025-12-01}}]}}
  - {{id: returns, name: Returns, formula: share, unit: share, org_unit: product, feed: daily, direction: decrease,
     grain: day, aggregation: mean, category: risk,
     owners: [{{role: accountable_owner, person: manager, acknowledged_on: 2025-12-01}},
              {{role: data_steward, person: steward{acknowledged}}}]}}
"""
OBJECTIVE = """
  - id: {id}
    title: {id}
    unit: {unit}
    owner: {owner}
    sponsor: chief
    state: committed
    key_results:
"""
KEY_RESULT = """
      - {{id: {id}, {since}title: {title}, champion: {champion}, reviewer: {reviewer}, type: metric,
         direction: {direction}, unit: {unit}, baseline: {baseline}, target: {target}, measured_as: latest,
         state: committed,
         links: [{{kpi: {kpi}, type: measures}}, {{kpi: {touched}, type: guardrail, guardrail_max: 1000}}]}}
"""
ORDERS = {
    "champion": "head", "reviewer": "chief", "direction": "increase", "unit": "orders", "kpi": "orders",
    "touched": "returns",
}  # fmt: skip
ADOPTION = ORDERS | {"champion": "manager", "unit": "share", "kpi": "adoption", "touched": "orders"}
RETURNS = ADOPTION | {"reviewer": "manager", "direction": "decrease", "kpi": "returns"}
OPERATIONS, PRODUCT = {"unit": "operations", "owner": "head"}, {"unit": "product", "owner": "manager"}
REQUESTS = """
change_requests:
  - {id: cr, subject_type: key_result, subject: adoption, field: target, reason_code: external_verifiable,
     reason: The market shrank by a fifth., requested_by: manager, requested_on: 2026-01-28,
     approved_by: chief, approved_on: 2026-01-30}
"""
CHECK_INS = """
check_ins:
  - {id: c1, key_result: orders, on: 2026-03-30, by: head, status: on_track, confidence: 0.8}
"""


def okrs(*objectives: str) -> str:
    """Return a file of objectives with their key results."""
    return "\n".join(["objectives:", *objectives])


def objective(id_: str, unit: dict[str, str], *key_results: str) -> str:
    return OBJECTIVE.format(id=id_, **unit) + "".join(key_results)


def key_result(id_: str, like: dict[str, str], **facts: Any) -> str:
    return KEY_RESULT.format(**{"id": id_, "title": id_, "since": "", **like, **facts})


def evening(day: date) -> str:
    return f"{day}T20:00:00+00:00"


class Company:
    """A company that lives through a quarter; what was published at each stage is kept."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, str] = {
            "cycles.yml": CYCLES,
            "feeds.yml": FEEDS,
            "governance/check_ins.yml": CHECK_INS,
        }
        self.write(
            lead_leaves="",
            acknowledged="",
            orders_target=120,
            adoption_target=0.3,
            adoption_title="Adoption",
            handover="",
        )

    def write(self, **facts: Any) -> None:
        """Write the company files; facts that are not given stay as they are."""
        self.facts = {**getattr(self, "facts", {}), **facts}
        self.files["organization.yml"] = ORGANIZATION.format(**self.facts)
        self.files["kpis/all.yml"] = KPIS.format(**self.facts)
        self.files["okrs/2025-Q4/all.yml"] = okrs(
            objective("o_before", OPERATIONS, key_result("before", ORDERS, baseline=90, target=95))
        )
        self.files["okrs/2026-Q1/all.yml"] = okrs(
            objective(
                "o_orders",
                OPERATIONS,
                key_result("orders", ORDERS, baseline=100, target=self.facts["orders_target"]),
            ),
            objective(
                "o_product",
                PRODUCT,
                key_result(
                    "adoption",
                    ADOPTION,
                    baseline=0.1,
                    target=self.facts["adoption_target"],
                    title=self.facts["adoption_title"],
                ),
                key_result("returns", RETURNS, baseline=0.08, target=0.05, champion="lead"),
                self.facts["handover"],
            ),
        )
        for name, text in self.files.items():
            path = self.root / "company" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def deliver(self, name: str, rows: Iterable[tuple[str, date, float, datetime]]) -> None:
        folder = self.root / "landing"
        folder.mkdir(exist_ok=True)
        lines = [f"{kpi},{day},{value:.6f},{sent.isoformat()}+00:00" for kpi, day, value, sent in rows]
        (folder / f"{name}.csv").write_text("\n".join(["kpi,day,value,sent_at", *lines, ""]), encoding="utf-8")

    def live(self, first: date, until: date) -> None:
        """Deliver every day from the first up to, not including, the last, each on the morning after."""
        rows = []
        for number in range((until - first).days):
            day = first + timedelta(days=number)
            share = max(0, min((day - date(2025, 12, 31)).days, 90)) / 90
            sent = datetime(day.year, day.month, day.day, 6) + timedelta(days=1)
            rows += [("orders", day, 100 + 10 * share, sent), ("returns", day, 0.08 - 0.02 * share, sent)]
            if day >= date(2025, 12, 15):
                rows.append(("adoption", day, 0.1 + 0.15 * share, sent))
        self.deliver(f"{first}", rows)

    def settings(self, **overrides: str) -> Settings:
        values = {
            "LOS_COMPANY_DIR": str(self.root / "company"),
            "LOS_LANDING_DIR": str(self.root / "landing"),
            "LOS_DATA_DIR": str(self.root / "data"),
            "LOS_FIRST_AS_OF": "2025-12-01",
            "LOS_DUCKDB_MEMORY_LIMIT": "1GB",
        }
        return load_settings({**values, **overrides})

    def run(self, day: date, **overrides: str) -> int:
        from orchestration.cli import _dagster_home
        from orchestration.pipeline import run_pipeline

        settings = self.settings(**{"LOS_NOW": evening(day), "LOS_AS_OF": day.isoformat(), **overrides})
        _dagster_home(settings)
        return run_pipeline(settings, as_of=None, publish=True)

    def define(self, day: date) -> None:
        """Load the company files, and nothing else."""
        from orchestration.company.loader import load_company
        from orchestration.company.publish import write_definitions
        from orchestration.ingestion.contracts import feed_records, load_contracts

        settings = self.settings(LOS_NOW=evening(day))
        records = [
            *load_company(settings.company_dir).records,
            *feed_records(load_contracts(settings.company_dir / "feeds.yml")),
        ]
        write_definitions(Lake(settings.lake_dir), records, clock=settings.clock())

    def rows(self, query: str, day: date) -> list[tuple[Any, ...]]:
        """Query the newest release of a business date."""
        newest = max((self.root / "data" / "releases").glob(f"{day}-*"), key=lambda path: path.stat().st_mtime_ns)
        with duckdb.connect(str(newest / "reports.duckdb"), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def published(self, day: date) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.rows(f"select * from {table} order by all", day) for table in PUBLISHED}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The quarter, four releases of it; the runs that build an old report again come later, in its own test."""
    company = Company(tmp_path_factory.mktemp("cycle"))
    company.live(date(2025, 11, 1), PLAN)
    assert company.run(PLAN) == 0
    # The plan is mended: the steward acknowledges; adoption gets its history by waiting.
    company.write(acknowledged=", acknowledged_on: 2025-12-28")
    company.live(PLAN, date(2026, 2, 1))
    company.define(date(2026, 1, 5))
    # Targets are moved after the lock, one with a permitted reason; a champion leaves.
    company.files["governance/change_requests.yml"] = REQUESTS
    company.write(orders_target=110, adoption_target=0.25, lead_leaves=", active_to: 2026-02-15")
    company.live(date(2026, 2, 1), REVIEW)
    assert company.run(REVIEW) == 0
    # The deputy takes over from the day after; and somebody edits a title after the last day of the quarter.
    taken_over = {"champion": "deputy", "since": "effective_from: 2026-02-16, "}
    company.write(
        handover=key_result("returns", RETURNS | taken_over, baseline=0.08, target=0.05),
        adoption_title="Adoption at last",
    )
    company.live(REVIEW, CLOSE)
    assert company.run(CLOSE) == 0
    # Ten days after the close a value of March is restated, and the next cycle asks for less.
    company.deliver("restated", [("orders", date(2026, 3, 31), 116.0, datetime(2026, 4, 15, 6))])
    company.files["okrs/2026-Q2/all.yml"] = okrs(
        objective("o_next", OPERATIONS, key_result("orders_next", ORDERS, baseline=110, target=115))
    )
    company.write()
    company.live(CLOSE, AFTER)
    assert company.run(AFTER) == 0
    return company


def verdicts(company: Company, day: date, cycle: str = "2026-Q1") -> dict[str, str]:
    return dict(
        company.rows(f"select distinct key_result_id, verdict from rpt_plan_readiness where cycle_id = '{cycle}'", day)
    )


def test_plan_says_which_key_results_are_none_and_why(company: Company) -> None:
    """A quarter starts on numbers that nobody has, or answers for."""
    assert verdicts(company, PLAN) == {"orders": "ready", "adoption": "baseline_only", "returns": "not_a_plan"}
    open_criteria = company.rows(
        "select key_result_id, criterion, owner_id, evidence_number, is_overdue from rpt_plan_readiness"
        " where not is_met and needed_for <> 'decision' and cycle_id = '2026-Q1' order by all",
        PLAN,
    )
    assert open_criteria == [
        ("adoption", "enough_observations", "steward", 5.0, True),
        ("adoption", "fresh", "steward", pytest.approx(4 / 13), True),
        ("returns", "steward_acknowledged", "steward", 1.0, True),
    ]


def test_mended_plan_is_locked_ready_and_stays_so(company: Company) -> None:
    """What happens in the quarter changes what the plan was."""
    ready = {"orders": "ready", "adoption": "ready", "returns": "ready"}
    for day in (REVIEW, CLOSE, AFTER):
        assert verdicts(company, day) == ready
    days = company.rows(
        "select distinct judged_on, is_locked from rpt_plan_readiness where cycle_id = '2026-Q1'", AFTER
    )
    assert days == [(date(2026, 1, 8), True)]
    shared = "select kpi_id from rpt_shared_kpi where cycle_id = '2026-Q1' and is_acknowledged_in_time order by 1"
    assert company.rows(shared, AFTER) == [("orders",), ("returns",)]


def test_late_target_is_scored_on_the_locked_one(company: Company) -> None:
    """Goals are moved until they are met."""
    ledger = company.rows(
        "select subject_id, old_value, new_value, is_permitted from rpt_goalpost_ledger"
        " where is_after_lock and field = 'target' and kind = 'change' order by all",
        REVIEW,
    )
    assert ledger == [("adoption", "0.3", "0.25", True), ("orders", "120", "110", False)]
    found = company.rows("select rule_id, subject_id from rpt_integrity_failures where rule_id = 'CHG-01'", REVIEW)
    assert found == [("CHG-01", "orders")]


def test_figures_of_who_left_are_withheld_until_somebody_takes_over(company: Company) -> None:
    """A number goes on being reported that nobody answers for any more."""
    withheld = "select key_result_id from rpt_okr_scorecard where is_withheld order by 1"
    assert company.rows(withheld, REVIEW) == [("returns",)]
    assert company.rows(withheld, CLOSE) == []


def test_close_scores_against_the_locked_target(company: Company) -> None:
    """A score depends on who asks, and when."""
    assert company.rows("select key_result_id, is_achieved from rpt_cycle_score", REVIEW) == [("before", True)]
    scores = company.rows(
        "select key_result_id, round(score, 6), round(attainment_vs_current, 6), is_achieved, reported_confidence,"
        " round(brier_score, 6), closed_on from rpt_cycle_score where cycle_id = '2026-Q1' order by 1",
        CLOSE,
    )
    assert scores == [
        ("adoption", 0.75, 1.0, False, None, None, CLOSE),
        ("orders", 0.5, 1.0, False, 0.8, 0.64, CLOSE),
        ("returns", 0.666667, 0.666667, False, None, None, CLOSE),
    ]


def test_restatement_after_the_close_changes_no_score(company: Company) -> None:
    """An agreed score is another one a week later, and nobody decided that."""
    query = "select round(score, 6), round(restated_score, 6), restatement_count from rpt_cycle_score where "
    assert company.rows(query + "key_result_id = 'orders'", AFTER) == [(0.5, 0.8, 1)]
    assert company.rows(query + "key_result_id = 'adoption'", AFTER) == [(0.75, 0.75, 0)]
    found = company.rows("select subject_id from rpt_integrity_failures where rule_id = 'DAT-07'", AFTER)
    assert found == [("orders",)]


def test_next_cycle_that_asks_for_less_is_a_reset(company: Company) -> None:
    """A missed target comes back smaller under the same name."""
    assert company.rows(
        "select subject_id, previous_key_result_id, old_value, new_value from rpt_goalpost_ledger where kind = 'reset'",
        AFTER,
    ) == [("orders_next", "orders", "120", "115")]
    assert company.rows("select key_result_id from rpt_cycle_score where is_reset_afterwards", AFTER) == [("orders",)]


def test_scores_are_written_once(company: Company) -> None:
    """The lake holds two scores of one key result, and the reader must choose."""
    files = str(company.root / "data/lake/cycle_scores/**/*.parquet")
    written = duckdb.sql(
        f"select as_of, count(*) from read_parquet('{files}', union_by_name = true) group by 1 order by 1"
    ).fetchall()
    assert written == [(REVIEW, 1), (CLOSE, 3)]


def test_plan_and_close_can_be_built_again_from_the_lake(company: Company) -> None:
    """Somebody is held to a plan or a score that can no longer be shown as it was."""
    for day in (PLAN, CLOSE):
        then = company.published(day)
        known = (datetime.fromisoformat(evening(day)) + timedelta(seconds=1)).isoformat()
        assert company.run(day, LOS_NOW=evening(AFTER + timedelta(days=1)), LOS_KNOWN_AT=known) == 0
        assert company.published(day) == then
