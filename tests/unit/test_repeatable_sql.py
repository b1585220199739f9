"""Models must come out the same when they are built again: the last digit of a sum of floats depends on its order."""

from __future__ import annotations

import math
import re
from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration.transformation import DBT_PROJECT_DIR

MODELS = sorted((DBT_PROJECT_DIR / "models").rglob("*.sql"))
UNORDERED = re.compile(r"\b(avg|stddev\w*|var_\w+|covar_\w+|corr|regr_\w+)\(")
# The window that follows states the order, or what is added up are whole numbers: those are exact.
IN_ORDER = {"int_tremor__points"}
WHOLE_NUMBERS = {
    "rpt_integrity_history": ["days_between"],
    "rpt_owner_calibration": ["divergence", "case when confidence is not null then outcome end"],
}


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_means_and_deviations_say_in_which_order_they_add_up(model: Path) -> None:
    """A second run over the same data publishes another release, for figures differ in the last digit."""
    lines = [line for line in model.read_text().splitlines() if UNORDERED.search(line)]
    if model.stem in IN_ORDER:
        lines = [line for line in lines if not re.search(r" over \(", line)]
    excused = WHOLE_NUMBERS.get(model.stem, [])
    assert not [line for line in lines if not any(words in line for words in excused)]


MACROS = (DBT_PROJECT_DIR / "macros" / "exact_sum.sql").read_text()


def exact_sums(
    connection: duckdb.DuckDBPyConnection, values: list[float], macro: str = "exact_sum"
) -> tuple[float, float]:
    """The sum of the values, or of their squares, by the project's macros, in their order and backwards."""
    unit, total = (
        jinja2.Template(MACROS + call).render() for call in ("{{ sum_unit('x') }}", f"{{{{ {macro}('x', 'u') }}}}")
    )
    query = f"select {total} from rows cross join (select {unit} as u from rows) as units"
    found = []
    for rows in (values, values[::-1]):
        connection.execute("create or replace temp table rows as select unnest(cast(? as double[])) as x", [rows])
        found.append(connection.execute(query).fetchall()[0][0])
    return found[0], found[1]


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30))
@example([5e-324])
@example([2.225073858507203e-309, 1e-300])
@settings(max_examples=60, deadline=None)
def test_an_exact_sum_does_not_depend_on_the_order(values: list[float]) -> None:
    """A mean differs in its last digit between two builds of the same data."""
    with duckdb.connect() as connection:
        forward, backward = exact_sums(connection, values)
    assert forward == backward
    assert forward == pytest.approx(math.fsum(values), rel=1e-12, abs=1e-15 * max(map(abs, values)))


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30))
@example([5e-324])
@example([1e-160, -1e-155])
@example([1e-200, 3.0])
@settings(max_examples=60, deadline=None)
def test_an_exact_sum_of_squares_does_not_depend_on_the_order(values: list[float]) -> None:
    """A deviation differs in its last digit between two builds of the same data."""
    with duckdb.connect() as connection:
        forward, backward = exact_sums(connection, values, "exact_sum_of_squares")
    assert forward == backward
    assert forward == pytest.approx(math.fsum(value * value for value in values), rel=1e-12, abs=5e-324)


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_whole_numbers_add_up_to_whole_numbers(values: list[int]) -> None:
    """A value exactly on a limit falls beside it."""
    with duckdb.connect() as connection:
        assert exact_sums(connection, [float(value) for value in values])[0] == sum(values)
