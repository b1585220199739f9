"""Which goal a KPI serves, in words, and since when it serves none. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration import acme
from tests.integration.acme import kpi, link
from tests.integration.tiny_lake import TinyLake, Warehouse, record

GOAL = "KR Be on time"


def driven(id_: str, *drivers: str, **columns: Any) -> Any:
    edges = [{"driver_kpi_id": driver, "sign": -1, "lag_periods": 2} for driver in drivers]
    return kpi(id_, {"person_id": "ada"}, kpi_drivers=edges, **columns)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("sight")
    lake = TinyLake(folder / "lake")
    objective = {"state": "committed", "org_unit_id": "ops", "owner_id": "dan"}
    links = [link("c"), link("c", "guardrail", guardrail_min=0.1), link("touched", "impacts")]
    lake.define(
        acme.DEFINED_AT,
        *acme.organisation(),
        record("objectives", "o_ops", title="Run well", cycle_id="2026-Q1", **objective),
        record("objectives", "o_old", title="Before", cycle_id="2025-Q4", **objective),
        driven("a"),
        driven("b", "a"),
        driven("c", "b", "b", "y"),
        driven("x", "y"),
        driven("y", "x"),
        driven("bounded", constraint_max=18.0, constraint_min=None),
        driven("reasoned", "leads_there", constraint_max=18.0, constraint_reason="trucks leave"),
        driven("leads_there"),
        driven("of_last_quarter"),
        driven("dropped"),
        driven("touched"),
        driven("alone"),
        driven("retired", "before_retired", lifecycle="retired"),
        driven("before_retired"),
        *[driven(f"k{i}", *([f"k{i - 1}"] if i > 1 else [])) for i in range(1, 8)],
        acme.key_result("goal", *links, link("dropped"), link("k7", "drives"), title="Be on time"),
        acme.key_result("goal", *links, link("k7", "drives"), title="Be on time", effective_from=date(2026, 2, 1)),
        acme.key_result("idea", link("alone"), state="draft"),
        acme.key_result("old", link("of_last_quarter"), objective_id="o_old", cycle_id="2025-Q4"),
    )
    return Warehouse(lake.root, folder / "w.duckdb", folder / "target", acme.AS_OF, datetime(2026, 2, 11)).build()


@pytest.mark.parametrize(
    ("kpi_id", "path", "steps", "ways"),
    [
        ("c", f"c -> measures -> {GOAL}", 1, 2),
        ("b", f"b -> drives -> c -> measures -> {GOAL}", 2, 2),
        ("a", f"a -> drives -> b -> drives -> c -> measures -> {GOAL}", 3, 2),
        ("x", f"x -> drives -> y -> drives -> c -> measures -> {GOAL}", 3, None),
        ("y", f"y -> drives -> c -> measures -> {GOAL}", 2, None),
        ("touched", f"touched -> impacts -> {GOAL}", 1, 1),
        ("bounded", "bounded -> keeps -> constraint at most 18", 1, 1),
        ("reasoned", "reasoned -> keeps -> constraint trucks leave", 1, 1),
        ("leads_there", "leads there -> drives -> reasoned -> keeps -> constraint trucks leave", 2, 1),
        ("k7", f"k7 -> drives -> {GOAL}", 1, 1),
        ("k2", " -> drives -> ".join([*(f"k{i}" for i in range(2, 8)), GOAL]), 6, 1),
    ],
)
def test_path_to_a_goal_is_told_in_words(
    warehouse: Warehouse, kpi_id: str, path: str, steps: int, ways: int | None
) -> None:
    """A KPI is reported every week and nobody can say what for."""
    row = warehouse.row(f"from marts.fct_kpi_line_of_sight where kpi_id = '{kpi_id}'")
    assert (row["line_of_sight"], row["step_count"], row["null_reason"], row["lost_on"]) == (path, steps, None, None)
    assert row["has_line_of_sight"]
    assert ways in (None, row["path_count"])
    assert warehouse.rows(f"select line_of_sight from marts.dim_kpi where kpi_id = '{kpi_id}'") == [(path,)]


@pytest.mark.parametrize(
    ("kpi_id", "reason", "lost_on"),
    [
        ("alone", "never_had_one", None),  # a draft is no goal
        ("before_retired", "never_had_one", None),
        ("k1", "never_had_one", None),  # seven steps away
        ("dropped", "lost", date(2026, 2, 1)),
        ("of_last_quarter", "lost", date(2026, 1, 1)),
    ],
)
def test_kpi_without_a_path_says_since_when(
    warehouse: Warehouse, kpi_id: str, reason: str, lost_on: date | None
) -> None:
    """Noise looks like a signal, or the day on which it became noise is forgotten."""
    row = warehouse.row(f"from marts.fct_kpi_line_of_sight where kpi_id = '{kpi_id}'")
    assert (row["line_of_sight"], row["path_count"], row["has_line_of_sight"]) == (None, 0, False)
    assert (row["null_reason"], row["lost_on"]) == (reason, lost_on)


def test_drivers_without_figures_are_no_evidence(warehouse: Warehouse) -> None:
    """A claim passes for evidence, or a driver that is stated twice counts twice."""
    assert warehouse.rows(
        "select driver_kpi_id, sign, lag_periods, evidence_state, evidence_null_reason, observation_count, p_value, "
        "is_current from marts.bridge_kpi_driver where kpi_id = 'c' order by 1"
    ) == [
        ("b", -1, 2, "not_testable", "too_little_history", None, None, True),
        ("y", -1, 2, "not_testable", "too_little_history", None, None, True),
    ]
