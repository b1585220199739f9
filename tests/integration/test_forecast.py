"""Forecasts of the warehouse against ones worked out another way. Each docstring is the failure it prevents."""

from __future__ import annotations

import math
import random
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.integration.acme import key_result, kpi, link
from tests.integration.tiny_lake import TinyLake, Warehouse, days, record

FIRST = date(2025, 11, 1)
START, DUE = date(2026, 1, 1), date(2026, 2, 28)
EARLY, LATE = date(2026, 1, 20), date(2026, 2, 10)
COLUMNS = "key_result_id, first_day, forecast_value, forecast_low, forecast_high, probability_of_target, is_settled"
MEASURES = {"latest": None, "sum_to_date": None, "mean_to_date": None, "trailing_mean": 14}
WINDOW, LEVEL_FACTOR, TRUST = 56, 6.0, 0.5  # docs/forecast.md


def values() -> list[float]:
    """A noisy process with memory and a weekly rhythm, long enough to fill the window."""
    chance = random.Random(7)
    noise, found = 0.0, []
    for number in range((DUE - FIRST).days + 1):
        noise = 0.6 * noise + chance.gauss(0, 2)
        found.append(round(20 + 4 * ((FIRST + timedelta(days=number)).weekday() >= 5) + noise, 3))
    return found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> TinyLake:
    lake = TinyLake(tmp_path_factory.mktemp("forecast") / "lake")
    lake.define(
        datetime(2025, 11, 1),
        record("company", "acme", name="Acme", time_zone="UTC", currency="USD"),
        record("units", "ops", name="Operations"),
        record("feeds", "operations", name="Operations feed", agreed_offset_days=1.0),
        record("cycles", "2026-Q1", name="Q1", starts_on=START, ends_on=date(2026, 3, 31), locks_on=START),
        record("objectives", "o_ops", title="Run well", cycle_id="2026-Q1", org_unit_id="ops", state="committed"),
        kpi("noisy"),
        *(
            key_result(
                measure,
                link("noisy"),
                starts_on=START,
                due_on=DUE,
                measured_as=measure,
                trailing_periods=trailing,
                baseline=0.0,
                target=21.0 * ((DUE - START).days + 1 if measure == "sum_to_date" else 1),
            )
            for measure, trailing in MEASURES.items()
        ),
    )
    lake.observe(datetime(2026, 1, 1), {"noisy": days(FIRST, values())})
    return lake


def build(lake: TinyLake, folder: Path, as_of: date) -> Warehouse:
    warehouse = Warehouse(lake.root, folder / "warehouse.duckdb", folder / "target", as_of, datetime(2026, 3, 1))
    # The model is a view of what the fact asked of it last: after a whole build, of everything.
    models = "+fct_key_result_kpi"
    done = warehouse.dbt("build", "--select", models, "--exclude-resource-type", "unit_test", "test")
    assert done.returncode == 0, done.stdout
    return warehouse


@pytest.fixture(scope="module")
def late(lake: TinyLake, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return build(lake, tmp_path_factory.mktemp("late"), LATE)


def expected(measure: str, day: date) -> tuple[float, float]:
    """Mean and standard deviation of the final figure, with the covariance matrix of every day to come."""
    known = np.array(values()[: (day - FIRST).days + 1])
    recent = known[-WINDOW:]
    weekdays = np.array([(FIRST + timedelta(days=len(known) - len(recent) + i)).weekday() for i in range(len(recent))])
    level = recent.mean()
    raw = {weekday: recent[weekdays == weekday].mean() - level for weekday in range(7)}
    effect = {weekday: TRUST * size for weekday, size in raw.items()}
    believed = 2 * TRUST - TRUST**2
    variance = recent.var() - believed * sum(size**2 for size in raw.values()) / 7
    previous = known[len(known) - len(recent) - 1 : -1] if len(known) > len(recent) else recent[:-1]
    following = recent[-len(previous) :]
    lagged = np.mean((following - following.mean()) * (previous - previous.mean()))
    phi = (lagged - believed * sum(raw[i] * raw[(i + 1) % 7] for i in range(7)) / 7) / variance
    assert 0 < phi < 0.95

    ahead = (DUE - day).days
    gap = np.abs(np.subtract.outer(np.arange(ahead), np.arange(ahead)))
    lead = phi ** np.arange(1, ahead + 1)
    covariance = variance * (phi**gap - np.outer(lead, lead))
    covariance = covariance + LEVEL_FACTOR * variance * (1 + phi) / (1 - phi) / len(recent)
    deviation = known[-1] - level - effect[day.weekday()]
    means = np.array(
        [level + effect[(day + timedelta(days=i)).weekday()] + deviation * phi**i for i in range(1, ahead + 1)]
    )

    length = (DUE - START).days + 1
    in_time = known[(START - FIRST).days :]
    trailing = 14
    weights, kept = {
        "latest": (np.eye(ahead)[-1], 0.0),
        "sum_to_date": (np.ones(ahead), in_time.sum()),
        "mean_to_date": (np.ones(ahead) / length, in_time.sum() / length),
        "trailing_mean": (
            np.where(np.arange(ahead) >= ahead - trailing, 1, 0) / trailing,
            known[len(known) - max(trailing - ahead, 0) :].sum() / trailing,
        ),
    }[measure]
    return float(kept + weights @ means), math.sqrt(weights @ covariance @ weights)


def test_forecast_is_what_the_covariance_matrix_says(late: Warehouse) -> None:
    """A closed form has a slip, and every probability is a little wrong."""
    rows = late.rows(f"select {COLUMNS} from intermediate.int_key_result_kpi__forecasts order by all")
    assert len(rows) == len(MEASURES) * ((LATE - START).days + 1)
    for measure, first_day, value, low, high, probability, is_settled in rows:
        mean, deviation = expected(measure, first_day)
        target = 21.0 * ((DUE - START).days + 1 if measure == "sum_to_date" else 1)
        assert not is_settled
        assert value == pytest.approx(mean, rel=1e-9), (measure, first_day)
        assert low == pytest.approx(mean - 1.2815515655446004 * deviation, rel=1e-7), (measure, first_day)
        assert high == pytest.approx(mean + 1.2815515655446004 * deviation, rel=1e-7), (measure, first_day)
        exact = math.erfc(-(mean - target) / deviation / math.sqrt(2)) / 2
        assert probability == pytest.approx(exact, abs=1e-7), (measure, first_day)


def test_forecast_knows_nothing_of_later_days(
    lake: TinyLake, late: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A forecast is graded that had seen the answer."""
    early = build(lake, tmp_path_factory.mktemp("early"), EARLY)
    table = "intermediate.int_key_result_kpi__forecasts"
    query = f"select {COLUMNS} from {table} where first_day <= '{EARLY}' order by all"
    assert early.rows(query) == late.rows(query)
    assert early.rows(f"select max(first_day) from {table}") == [(EARLY,)]
