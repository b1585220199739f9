"""Control charts of the warehouse against charts by hand, point by point. Each docstring is the failure it prevents."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.flights_series import IS_INSTALLED, Series, aggregated, flights_series
from tests.integration.acme import kpi
from tests.integration.tiny_lake import TinyLake, Warehouse, record
from tests.integration.xmr_by_hand import chart

AS_OF = date(2014, 6, 30)
AT = datetime(2014, 7, 1)
RANDOM_SERIES = 1000


def period_end(grain: str, start: date) -> date:
    if grain == "week":
        return start + timedelta(days=6)
    if grain in ("month", "quarter"):
        months = start.month - 1 + (1 if grain == "month" else 3)
        return date(start.year + months // 12, months % 12 + 1, 1) - timedelta(days=1)
    return start


def next_start(grain: str, start: date) -> date:
    return period_end(grain, start) + timedelta(days=1)


class Charts:
    """Series with their grain and rebases, as they go into the lake."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.grains: dict[str, str] = {}
        self.rebases: dict[str, list[date]] = {}

    def add(self, name: str, grain: str, values: Series, rebases: list[date]) -> None:
        self.series[name], self.grains[name], self.rebases[name] = values, grain, rebases

    def build(self, folder: Path) -> Warehouse:
        lake = TinyLake(folder / "lake")
        lake.define(
            datetime(2013, 1, 1),
            record("company", "acme", name="Acme", time_zone="UTC", currency="USD"),
            record("units", "ops", name="Operations"),
            record("feeds", "operations", name="Operations feed", agreed_offset_days=1.0),
            *(
                kpi(name, grain=grain, kpi_rebases=[{"rebased_on": day, "reason": "new"} for day in self.rebases[name]])
                for name, grain in self.grains.items()
            ),
        )
        lake.observe(AT, self.series)
        warehouse = Warehouse(lake.root, folder / "warehouse.duckdb", folder / "target", AS_OF, AT)
        done = warehouse.dbt("run", "--select", "+fct_kpi_control_chart")
        assert done.returncode == 0, done.stdout
        return warehouse


def a_random_series(chance: random.Random) -> tuple[str, Series, list[date]]:
    """Short and long, with gaps, ties, constants, drifts, jumps, huge and tiny figures, and rebases in odd places."""
    grain = chance.choice(["day", "day", "week", "month", "quarter"])
    start = {"day": date(2013, 1, 1), "week": date(2013, 1, 7)}.get(grain, date(2000, 1, 1))
    size = chance.choice([1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 20, 30, 40, 54])
    scale = chance.choice([1, 1, 1, 1e-6, 1e9])
    digits = chance.choice([0, 0, 1, 6])
    kind = chance.choice(["noise", "noise", "constant", "walk", "drift", "few levels", "jump", "stairs"])
    level = chance.choice([0, 0, 10, 1000])
    values: Series = {}
    walk = 0.0
    for number in range(size):
        walk += chance.gauss(0, 3)
        drawn = {
            "noise": chance.gauss(0, 3),
            "constant": 0.1,
            "walk": walk,
            "drift": number * 0.5 + chance.gauss(0, 1),
            "few levels": chance.choice([-1, 0, 1]),
            "jump": chance.gauss(0, 1) + (6 if number > size / 2 else 0),
            "stairs": number // 3,
        }[kind]
        if chance.random() > 0.1:
            values[start] = float(f"{round(level + drawn, digits if kind != 'constant' else 1) * scale:.10g}")
        start = next_start(grain, start)
    if not values:
        values[start] = 1.0
    first, last = min(values), period_end(grain, max(values))
    rebases = {
        first + timedelta(days=chance.randrange(-20, (last - first).days + 20))
        for _ in range(chance.choice([0, 0, 1, 1, 2, 4]))
    }
    return grain, values, sorted(rebases)


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Charts:
    charts = Charts()
    chance = random.Random(20130101)
    for number in range(RANDOM_SERIES):
        charts.add(f"random_{number}", *a_random_series(chance))
    if IS_INSTALLED:
        for name, values in flights_series(tmp_path_factory.mktemp("flights")).items():
            charts.add(name, "day", values, [])
            charts.add(f"{name}_rebased", "day", values, [date(2013, 3, 15), date(2013, 9, 1)])
            charts.add(f"{name}_week", "week", aggregated(values, "week"), [])
            charts.add(f"{name}_month", "month", aggregated(values, "month"), [])
    return charts


@pytest.fixture(scope="module")
def warehouse(charts: Charts, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return charts.build(tmp_path_factory.mktemp("charts"))


def test_charts_agree_with_charts_by_hand_point_by_point(charts: Charts, warehouse: Warehouse) -> None:
    """The warehouse sees a signal where the published method sees none, or draws other limits."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for kpi_id, *row in warehouse.rows(
        "select kpi_id, period_start_on, segment_number, is_outside_limits, is_in_trend, is_in_two_of_three, "
        "is_in_shift, special_cause, centre, lower_process_limit, upper_process_limit from marts.fct_kpi_control_chart "
        "order by kpi_id, period_start_on"
    ):
        found.setdefault(kpi_id, []).append(tuple(row))
    assert found.keys() == charts.series.keys()
    seen: set[object] = set()
    for name, series in charts.series.items():
        starts = sorted(series)
        ends = [period_end(charts.grains[name], start) for start in starts]
        expected = chart(ends, [series[start] for start in starts], charts.rebases[name])
        for start, row, point in zip(starts, found[name], expected, strict=True):
            where = (name, start)
            rules = (point.outside, point.trend, point.two_of_three, point.shift, point.cause)
            assert row[:7] == (start, point.segment, *rules), where
            assert row[7] == pytest.approx(float(point.centre), rel=1e-9, abs=1e-9 * point.size), where
            if point.lower is None or point.upper is None:
                assert row[8:] == (None, None), where
            else:
                limits = [float(point.lower), float(point.upper)]
                assert list(row[8:]) == pytest.approx(limits, rel=1e-9, abs=1e-9 * point.size), where
            seen.add((charts.grains[name], point.cause))
    if IS_INSTALLED:
        assert len(charts.series) == RANDOM_SERIES + 240
    causes = (None, "outside_limits", "trend", "two_of_three", "shift")
    assert {(grain, cause) for grain in ("day", "week", "month", "quarter") for cause in causes} <= seen


def test_each_series_has_one_newest_point(charts: Charts, warehouse: Warehouse) -> None:
    """The report shows the state of a KPI twice, or of an old segment."""
    newest = warehouse.rows("select kpi_id, period_start_on from marts.fct_kpi_control_chart where is_latest")
    assert sorted(newest) == sorted((name, max(series)) for name, series in charts.series.items())
