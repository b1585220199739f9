"""The company that the warehouse's tests run on: each key result shows one thing, in figures simple enough to check."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.integration.tiny_lake import Record, TinyLake, days, record

AS_OF = date(2026, 2, 10)
DEFINED_AT = datetime(2026, 1, 2, 8)
OBSERVED_AT = datetime(2026, 2, 10, 6)
RESTATED_AT = datetime(2026, 2, 10, 18)
Q1 = date(2026, 1, 1)


def organisation() -> list[Record]:
    return [
        record(
            "company",
            "acme",
            name="Acme",
            time_zone="UTC",
            currency="USD",
            fiscal_year_starts_month=4,
            working_days="mon,tue,wed,thu,fri",
            holidays=[{"holiday_on": Q1, "name": "New Year"}],
        ),
        record("units", "group", name="Acme Group", head_person_id="cyd"),
        record("units", "ops", name="Operations", parent_unit_id="group", head_person_id="dan"),
        record("units", "product", name="Product", parent_unit_id="group"),
        record("units", "portal", name="Portal", parent_unit_id="product"),
        record("people", "ada", name="Ada", email="ada@example.com", unit_id="ops"),
        record("people", "bob", name="Bob", email="bob@example.com", unit_id="portal"),
        record("people", "cyd", name="Cyd", email="cyd@example.com", unit_id="group"),
        record("people", "dan", name="Dan", email="dan@example.com", unit_id="ops"),
        record(
            "cycles",
            "2025-Q4",
            name="Q4 2025",
            starts_on=date(2025, 10, 1),
            ends_on=date(2025, 12, 31),
            locks_on=date(2025, 10, 8),
            closes_on=date(2026, 1, 10),
        ),
        record(
            "cycles",
            "2026-Q1",
            name="Q1 2026",
            starts_on=Q1,
            ends_on=date(2026, 3, 31),
            readiness_due_on=date(2025, 12, 17),
            locks_on=date(2026, 1, 8),
            closes_on=date(2026, 4, 10),
        ),
        record("feeds", "operations", name="Operations feed", owner_id="ada", steward_id="dan", agreed_offset_days=1.0),
    ]


def kpi(id_: str, *owners: dict[str, Any], **columns: Any) -> Record:
    columns = {
        "name": id_.replace("_", " "),
        "unit": "share",
        "org_unit_id": "ops",
        "feed_id": "operations",
        "direction": "increase",
        "grain": "day",
        "aggregation": "mean",
        "lifecycle": "active",
        "decision_threshold": "worse than last week",
        "decision": "look into it",
        **columns,
    }
    return record("kpis", id_, kpi_owners=[{"role": "accountable_owner", **owner} for owner in owners], **columns)


def kpis() -> list[Record]:
    ada = {"person_id": "ada"}
    steward = {"role": "data_steward", "person_id": "cyd", "acknowledged_on": date(2025, 12, 20)}
    return [
        kpi(
            "on_time",
            {"person_id": "ada", "owned_to": date(2026, 1, 31)},
            {"person_id": "dan", "owned_from": date(2026, 2, 1), "acknowledged_on": date(2026, 1, 20)},
            steward,
        ),
        kpi("steady", ada),
        kpi("latency", steward, unit="minutes", direction="decrease"),
        kpi("errors", {"person_id": "ada"}, {"person_id": "dan"}, steward, direction="decrease"),
        kpi("volume", ada, unit="orders", grain="week", aggregation="sum"),
        kpi("stopped", ada),
        kpi("silent", ada),
    ]


def link(kpi_id: str, link_type: str = "measures", **columns: Any) -> dict[str, Any]:
    return {"kpi_id": kpi_id, "link_type": link_type, **columns}


def key_result(id_: str, *links: dict[str, Any], effective_from: date | None = None, **columns: Any) -> Record:
    columns = {
        "objective_id": "o_ops",
        "cycle_id": "2026-Q1",
        "title": id_,
        "champion_id": "ada",
        "reviewer_id": "dan",
        "type": "metric",
        "direction": "increase",
        "unit": "share",
        "state": "committed",
        "measured_as": "latest",
        **columns,
    }
    return record("key_results", id_, effective_from=effective_from, key_result_links=list(links), **columns)


def goals() -> list[Record]:
    objective = {"state": "committed", "owner_id": "dan", "sponsor_id": "cyd"}
    return [
        record("objectives", "o_old", title="Last quarter", cycle_id="2025-Q4", org_unit_id="ops", **objective),
        record("objectives", "o_ops", title="Run well", cycle_id="2026-Q1", org_unit_id="ops", **objective),
        record("objectives", "o_portal", title="Launch", cycle_id="2026-Q1", org_unit_id="portal", **objective),
        key_result("old", link("on_time"), objective_id="o_old", cycle_id="2025-Q4", baseline=0.6, target=0.7),
        key_result("up", link("on_time"), baseline=0.7, target=0.8),
        key_result("up", link("on_time"), baseline=0.7, target=0.9, effective_from=date(2026, 2, 1)),
        key_result(
            "down",
            link("latency"),
            direction="decrease",
            unit="minutes",
            baseline=30.0,
            target=20.0,
            measured_as="trailing_mean",
            trailing_periods=3,
        ),
        key_result("total", link("volume"), unit="orders", baseline=0.0, target=120.0, measured_as="sum_to_date"),
        key_result("average", link("volume"), unit="orders", baseline=0.0, target=20.0, measured_as="mean_to_date"),
        key_result("stay", link("errors"), type="control", direction="stay_below", upper_limit=0.1),
        key_result("pair", link("on_time"), link("steady"), baseline=0.7, target=0.8),
        key_result("weighted", link("on_time", weight=0.8), link("steady", weight=0.2), baseline=0.7, target=0.8),
        key_result("half_known", link("on_time"), link("silent"), baseline=0.7, target=0.8),
        key_result("stale", link("stopped"), baseline=0.7, target=0.8),
        key_result("silent", link("silent"), baseline=0.7, target=0.8),
        key_result("flat", link("on_time"), baseline=0.7, target=0.7),
        key_result("aimless", link("on_time"), baseline=0.7),
        key_result("ghostly", link("ghost"), baseline=0.7, target=0.8),
        key_result("unmapped", baseline=0.7, target=0.8),
        key_result("draft", link("on_time"), baseline=0.7, target=0.8, state="draft"),
        record(
            "key_results",
            "portal",
            objective_id="o_portal",
            cycle_id="2026-Q1",
            title="Launch phase 1",
            champion_id="bob",
            reviewer_id="cyd",
            type="milestone",
            direction="milestone",
            state="committed",
            measured_as="latest",
            key_result_links=[
                link("latency", "impacts"),
                link("on_time", "guardrail", guardrail_min=0.75),
                link("errors", "drives"),
            ],
            key_result_milestones=[
                {"milestone_id": "m1", "title": "Design", "weight": 1.0, "completed_on": date(2026, 1, 20)},
                {"milestone_id": "m2", "title": "Release", "weight": 3.0, "completed_on": None},
            ],
            key_result_checkpoints=[
                {"checkpoint_on": date(2026, 1, 20), "expected_progress": 0.25},
                {"checkpoint_on": date(2026, 3, 1), "expected_progress": 0.5},
            ],
        ),
    ]


def series() -> dict[str, dict[date, float]]:
    errors = [0.05] * 40
    errors[2] = errors[9] = 0.2  # 3 and 10 January
    errors[39] = 0.1  # 9 February, exactly the limit
    return {
        "on_time": days(date(2025, 12, 1), [0.69] * 31) | days(Q1, [0.7 + 0.0025 * i for i in range(40)]),
        "steady": days(Q1, [0.75] * 40),
        "latency": days(Q1, [30 - 0.2 * i for i in range(40)]),
        "errors": days(Q1, [None if i == 4 else value for i, value in enumerate(errors)]),
        "volume": {date(2025, 12, 29) + timedelta(days=7 * i): 10.0 + i for i in range(6)},
        "stopped": days(Q1, [0.75] * 20),
    }


def write(root: Path) -> TinyLake:
    """Write the whole company: definitions, a load of observations, one of a restated value, and one that crashed."""
    lake = TinyLake(root)
    lake.define(DEFINED_AT, *organisation(), *kpis(), *goals())
    lake.observe(OBSERVED_AT, series())
    lake.observe(RESTATED_AT, {"steady": {date(2026, 2, 9): 0.76}})
    lake.observe(RESTATED_AT + timedelta(hours=1), {"steady": {date(2026, 2, 9): 9.0}}, commit=False)
    return lake
