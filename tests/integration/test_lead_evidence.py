"""Whether a KPI that is claimed to lead does lead. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import sqrt
from pathlib import Path
from random import Random
from statistics import correlation
from typing import Any

import pytest

from tests.integration import acme
from tests.integration.acme import key_result, kpi, link
from tests.integration.tiny_lake import TinyLake, Warehouse, days, record

FIRST, COUNT = date(2025, 9, 1), 160


def noise(name: str) -> list[float]:
    draw = Random(name)
    return [draw.normalvariate(0, 1) for _ in range(COUNT + 10)]


X = noise("x")
SERIES = {
    "x": [10 + X[i + 10] for i in range(COUNT)],
    # Three days later, and the other way.
    "follows": [10 - X[i + 7] + 0.5 * noise("follows")[i] for i in range(COUNT)],
    # On the same day: neither leads, though both fall back on the next.
    "together": [10 + X[i + 10] + 0.5 * noise("together")[i] for i in range(COUNT)],
    "apart": [10 + noise("apart")[i] for i in range(COUNT)],
    "young": [10.0 + i % 2 for i in range(40)],
    "still": [10.0] * COUNT,
}
# The same in another unit, far from 0.
SERIES["far"] = [1e9 + 1e5 * value for value in SERIES["follows"]]
CLAIMS = {name: {"driver_kpi_id": "x", "sign": 1, "lag_periods": 1} for name in SERIES if name != "x"}
CLAIMS["follows"]["sign"] = CLAIMS["far"]["sign"] = -1


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("lead")
    lake = TinyLake(folder / "lake")
    last = FIRST + timedelta(days=COUNT - 1)
    drivers = {name: [claim] for name, claim in CLAIMS.items()}
    lake.define(
        acme.DEFINED_AT,
        *acme.organisation(),
        record("objectives", "o", title="Run well", cycle_id="2026-Q1", org_unit_id="ops", state="committed"),
        *(kpi(name, {"person_id": "ada"}, kpi_drivers=drivers.get(name, [])) for name in SERIES),
        kpi("weekly", {"person_id": "ada"}, grain="week", kpi_drivers=[{**CLAIMS["apart"]}]),
        kpi("haunted", {"person_id": "ada"}, kpi_drivers=[{**CLAIMS["apart"], "driver_kpi_id": "ghost"}]),
        kpi("wrong_way", {"person_id": "ada"}, kpi_drivers=[{**CLAIMS["apart"]}]),
        key_result("goal", link("follows"), link("x", "drives", expected_sign=-1), link("apart", "drives"),
                   objective_id="o"),
    )  # fmt: skip
    series = {name: days(last - timedelta(days=len(values) - 1), values) for name, values in SERIES.items()} | {
        "wrong_way": days(FIRST, SERIES["follows"])
    }
    lake.observe(datetime(2026, 2, 10, 6), series)
    warehouse = Warehouse(lake.root, folder / "w.duckdb", folder / "target", acme.AS_OF, datetime(2026, 2, 11))
    done = warehouse.dbt(
        "build", "--select", "+bridge_kpi_driver +bridge_key_result_kpi", "--exclude-resource-type", "unit_test", "test"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return warehouse


def driver(warehouse: Warehouse, kpi_id: str) -> dict[str, Any]:
    return warehouse.row(f"from marts.bridge_kpi_driver where kpi_id = '{kpi_id}'")


def test_kpi_that_leads_is_supported_with_its_lead(warehouse: Warehouse) -> None:
    """A good indicator is thrown out with the bad ones."""
    row = driver(warehouse, "follows")
    assert (row["evidence_state"], row["lead_periods"], row["evidence_null_reason"]) == ("supported", 3, None)
    assert (row["correlation"] < -0.5, row["p_value"] < 0.001, row["observation_count"]) == (True, True, COUNT - 4)


def changes(warehouse: Warehouse, kpi_id: str) -> list[float]:
    """Without what the days of the week do; the first period has none."""
    found = warehouse.rows(
        f"select change from intermediate.int_tremor__points where kpi_id = '{kpi_id}' order by period_index offset 1"
    )
    return [change for (change,) in found]


@pytest.mark.parametrize("kpi_id", ["follows", "far"])
def test_correlation_is_the_published_formula(warehouse: Warehouse, kpi_id: str) -> None:
    """The evidence depends on the unit, or on how its sums are taken."""
    x, own, lag = changes(warehouse, "x"), changes(warehouse, kpi_id), 3
    both, past, memory = (
        correlation(x[:-lag], own[lag:]),
        correlation(x[:-lag], own[:-lag]),
        correlation(own[:-lag], own[lag:]),
    )
    expected = (both - past * memory) / sqrt((1 - past**2) * (1 - memory**2))
    assert driver(warehouse, kpi_id)["correlation"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kpi_id", ["together", "apart", "wrong_way"])
def test_kpi_that_does_not_lead_is_refuted(warehouse: Warehouse, kpi_id: str) -> None:
    """What moves at the same time, by chance, or the other way, passes for a leading indicator."""
    assert driver(warehouse, kpi_id)["evidence_state"] == "refuted"


@pytest.mark.parametrize(
    ("kpi_id", "reason"),
    [
        ("young", "too_little_history"),
        ("still", "never_changes"),
        ("weekly", "different_periods"),
        ("haunted", "unknown_kpi"),
    ],
)
def test_what_cannot_be_tested_says_why(warehouse: Warehouse, kpi_id: str, reason: str) -> None:
    """Absence of data is absence of effect."""
    row = driver(warehouse, kpi_id)
    assert (row["evidence_state"], row["evidence_null_reason"], row["p_value"]) == ("not_testable", reason, None)


def test_drives_link_is_tested_on_the_kpi_that_measures(warehouse: Warehouse) -> None:
    """A link is called leading because somebody wrote it down."""
    states = dict(
        warehouse.rows(
            "select kpi_id || ' ' || link_type, evidence_state || coalesce(', ' || evidence_null_reason, '')"
            " from marts.bridge_key_result_kpi where key_result_id = 'goal'"
        )
    )
    assert states == {
        "x drives": "supported",
        "apart drives": "refuted",
        "follows measures": "claimed, not_claimed_to_lead",
    }
