"""The tremor test on series whose answer is known. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.integration import acme
from tests.integration.acme import kpi, link
from tests.integration.tiny_lake import TinyLake, Warehouse, days, record
from tests.integration.tremor_by_hand import tremor

AS_OF = date(2026, 2, 10)
RELEASED_ON = date(2026, 1, 20)  # a Tuesday; the window ends on 3 February
LAST = date(2026, 2, 9)
AFTER = (LAST - RELEASED_ON).days + 1


def series(name: str, history: int, shift: float = 0, *, lag: int = 0, noise: float = 1) -> dict[date, float]:
    """Days up to LAST with a weekday pattern and noise, and a shift from the release and the lag on."""
    draw = Random(name)
    pattern = (2.0, 1.0, 0.0, 0.0, 0.0, -1.0, -2.0)
    first = RELEASED_ON - timedelta(days=history)
    return days(
        first,
        [
            20
            + noise * (pattern[(first + timedelta(days=i)).weekday()] + draw.normalvariate(0, 1))
            + (shift if i >= history + lag else 0)
            for i in range(history + AFTER)
        ],
    )


SERIES: dict[str, dict[date, float]] = {
    "worse": series("worse", 200, 3),
    "better": series("better", 200, -3),
    "quiet": series("quiet", 200),
    "higher_is_better": series("higher_is_better", 200, -3),
    "lagged": series("lagged", 200, 3, lag=4),
    "few_dates": series("few_dates", 80, 4),
    "short": series("short", 50, 5),
    "shortest": series("shortest", 8, 5),
    "constant": series("constant", 200, 0, noise=0),
    "step": series("step", 200, 0.5, noise=0),
    "small": series("small", 200, 3),
    "gap": {day: value for day, value in series("gap", 200).items() if day != date(2026, 1, 28)},
    "gap_and_worse": {day: value for day, value in series("gap_and_worse", 200, 6).items() if day != date(2026, 1, 28)},
    "band": series("band", 200, 4),
    "recovered": series("recovered", 200),
}
for day in days(RELEASED_ON, [1.0] * 7):
    SERIES["recovered"][day] += 6
OPTIONS: dict[str, dict[str, Any]] = {
    "higher_is_better": {"direction": "increase"},
    "band": {"direction": "band", "lower_limit": 15.0, "upper_limit": 21.0},
}
LINKS: dict[str, dict[str, Any]] = {"lagged": {"lag_periods": 4}, "small": {"minimum_effect": 10.0}}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("tremor")
    lake = TinyLake(folder / "lake")
    lake.define(
        acme.DEFINED_AT,
        *acme.organisation(),
        record("objectives", "o", title="Launch", cycle_id="2026-Q1", org_unit_id="portal", state="committed"),
        *(kpi(name, {"person_id": "ada"}, **{"direction": "decrease", **OPTIONS.get(name, {})}) for name in SERIES),
        record(
            "key_results",
            "launch",
            objective_id="o",
            cycle_id="2026-Q1",
            title="Launch",
            champion_id="bob",
            type="milestone",
            direction="milestone",
            state="committed",
            measured_as="latest",
            key_result_links=[link(name, "impacts", **LINKS.get(name, {})) for name in SERIES],
            key_result_milestones=[
                {"milestone_id": "live", "title": "Live", "kind": "release", "weight": 1.0, "completed_on": RELEASED_ON}
            ],
        ),
    )
    lake.observe(datetime(2026, 2, 10, 6), SERIES)
    warehouse = Warehouse(lake.root, folder / "w.duckdb", folder / "target", AS_OF, datetime(2026, 2, 11))
    done = warehouse.dbt("build", "--select", "+fct_silo_conflict", "--exclude-resource-type", "unit_test", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    return warehouse


def found(warehouse: Warehouse, kpi_id: str) -> dict[str, Any]:
    return warehouse.row(f"from marts.fct_tremor where kpi_id = '{kpi_id}'")


@pytest.mark.parametrize(
    ("kpi_id", "sign", "lag", "is_adverse"),
    [
        ("worse", 1, 0, True),
        ("better", -1, 0, False),
        ("higher_is_better", -1, 0, True),
        ("lagged", 1, 4, True),
        ("few_dates", 1, 0, True),
    ],
)
def test_shift_is_found_with_the_figures_that_loops_find(
    warehouse: Warehouse, kpi_id: str, sign: int, lag: int, is_adverse: bool
) -> None:
    """A formula says one thing and the SQL does another."""
    row, expected = found(warehouse, kpi_id), tremor(SERIES[kpi_id], RELEASED_ON, sign, lag)
    assert (row["method"], row["attribution"], row["is_tremor"]) == ("placebo", "single", True)
    assert (row["history_count"], row["is_adverse"]) == (expected.placebo_count, is_adverse)
    assert row["baseline_level"] == pytest.approx(expected.baseline)
    assert row["statistic"] == pytest.approx(sign * expected.statistic)
    assert row["p_value"] == pytest.approx(expected.p_value, abs=2e-6)
    assert row["p_value"] <= 0.05
    assert row["shift_starts_on"] + timedelta(days=4) == row["detected_on"]
    assert row["detected_on"] >= RELEASED_ON + timedelta(days=4 + lag)


def test_no_shift_is_none_with_the_p_value_that_loops_find(warehouse: Warehouse) -> None:
    """Noise is a signal."""
    row = found(warehouse, "quiet")
    expected = min(tremor(SERIES["quiet"], RELEASED_ON, sign).p_value for sign in (1, -1))
    assert (row["attribution"], row["is_tremor"], row["is_adverse"]) == ("none", False, None)
    assert row["p_value"] == pytest.approx(expected, abs=2e-6)
    assert (row["cost_basis"], row["cost_to_date_amount"]) == ("no_tremor", None)


def test_short_history_falls_back_on_process_limits_and_says_so(warehouse: Warehouse) -> None:
    """A p-value of a handful of dates passes for evidence."""
    row = found(warehouse, "short")
    assert (row["method"], row["p_value"], row["history_count"]) == ("xmr_mean_of_3", None, 50)
    assert (row["is_tremor"], row["detected_on"]) == (True, RELEASED_ON + timedelta(days=2))
    row = found(warehouse, "shortest")
    assert (row["attribution"], row["null_reason"], row["method"]) == ("cannot_tell", "too_little_history", None)


def test_kpi_that_never_moves_is_quiet_until_it_does(warehouse: Warehouse) -> None:
    """A division by a deviation of nought, or last digits that count as movement."""
    assert found(warehouse, "constant")["attribution"] == "none"
    row = found(warehouse, "step")
    assert (row["attribution"], row["p_value"], row["is_adverse"]) == ("single", 0, True)
    assert row["effect"] == pytest.approx(0.5, abs=1e-3)  # the week of the step tells of weekdays too


def test_movement_below_the_least_that_matters_is_none(warehouse: Warehouse) -> None:
    """What is significant passes for what is important."""
    row = found(warehouse, "small")
    assert (row["attribution"], row["p_value"] <= 0.05, row["minimum_effect"]) == ("none", True, 10)


def test_gap_hides_nothing_that_is_there_and_clears_nobody(warehouse: Warehouse) -> None:
    """One value that is held back is an alibi."""
    row = found(warehouse, "gap")
    assert (row["attribution"], row["null_reason"], row["missing_period_count"]) == ("cannot_tell", "missing_data", 1)
    assert found(warehouse, "gap_and_worse")["attribution"] == "single"


def test_leaving_the_band_is_adverse_either_way(warehouse: Warehouse) -> None:
    """A KPI that is to stay where it is has no worse side."""
    assert (found(warehouse, "band")["is_tremor"], found(warehouse, "band")["is_adverse"]) == (True, True)


def test_kpi_that_came_back_ends_the_conflict(warehouse: Warehouse) -> None:
    """A harm that is mended is charged for ever, or one that goes on is forgotten."""
    row = found(warehouse, "recovered")
    assert (row["is_tremor"], row["is_adverse"]) == (True, True)
    assert date(2026, 1, 27) + timedelta(days=4) <= row["recovered_on"] <= date(2026, 2, 5)
    assert row["effect_until_on"] < row["recovered_on"]
    assert found(warehouse, "worse")["recovered_on"] is None
    conflicts = warehouse.rows(
        "select kpi_id, is_open, resolution from marts.fct_silo_conflict where kpi_id in ('recovered', 'worse')"
    )
    assert sorted(conflicts) == [("recovered", False, "kpi_recovered"), ("worse", True, None)]
