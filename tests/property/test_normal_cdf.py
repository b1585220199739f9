"""The normal distribution as SQL, against the standard library's error function."""

from __future__ import annotations

import math

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader

from orchestration.settings import PROJECT_ROOT

BOUND = 7.5e-8  # Abramowitz and Stegun, 26.2.17


@pytest.fixture(scope="module")
def macro() -> str:
    """The macro's SQL for a column called z."""
    module = Environment(loader=FileSystemLoader(PROJECT_ROOT / "dbt_project" / "macros")).get_template("forecast.sql")
    return str(module.module.normal_cdf("z"))  # type: ignore[attr-defined]


def cdf(macro: str, *values: float | None) -> list[float | None]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select {macro} from (select unnest(?::double[]) as z, generate_subscripts(?::double[], 1) as place) "
            "order by place",
            [list(values), list(values)],
        ).fetchall()
    return [row[0] for row in rows]


def exact(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def test_error_stays_below_the_published_bound(macro: str) -> None:
    grid = [step / 1000 for step in range(-9000, 9001)]
    found = cdf(macro, *grid)
    errors = [abs(value - exact(z)) for z, value in zip(grid, found, strict=True) if value is not None]
    assert len(errors) == len(grid)
    assert max(errors) < BOUND
    assert max(errors) > 1e-9  # it is the approximation that is tested, not another exact function


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=100))
def test_probability_lies_between_0_and_1_and_mirrors(macro: str, drawn: list[float]) -> None:
    below = cdf(macro, *(-abs(z) for z in drawn))
    above = cdf(macro, *(abs(z) for z in drawn))
    for z, low, high in zip(drawn, below, above, strict=True):
        assert low is not None
        assert high is not None
        assert 0 <= low <= 0.5 + BOUND
        assert low + high == pytest.approx(1, abs=2 * BOUND)
        assert high == pytest.approx(exact(abs(z)), abs=BOUND)


def test_unknown_stays_unknown(macro: str) -> None:
    assert cdf(macro, None) == [None]
