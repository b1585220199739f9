"""What Spark would take for something else without a word. What it refuses, `make test-spark` finds."""

from __future__ import annotations

import re

import pytest

from orchestration.settings import PROJECT_ROOT

JINJA_AND_COMMENTS = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}|--[^\n]*", re.S)
PROJECT = PROJECT_ROOT / "dbt_project"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
FILES = [*MODELS, *sorted((PROJECT / "macros").rglob("*.sql"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_quotes_no_identifier_by_hand(path):
    """On Spark "on" is the text `on`, and not the column: `adapter.quote` knows how each engine quotes."""
    assert '"' not in JINJA_AND_COMMENTS.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_joins_texts_by_our_own_macro(path):
    """dbt's listagg on Spark leaves the order open, and makes an empty text of no text at all."""
    assert "dbt.listagg" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_query_joins_texts_and_counts_distinct_values(path):
    """Spark cannot plan a listagg beside a `count(distinct ...)`: rows of a first mention can be counted."""
    for query in re.split(r"\bselect\b", path.read_text(encoding="utf-8")):
        assert not ("joined_texts(" in query and re.search(r"count\(distinct\b", query))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_models_without_a_table_of_their_own_are_kept_as_the_engine_can(path):
    """Spark plans and computes a view or an ephemeral model wherever it is named: there `kept_as` makes it a table."""
    assert not re.search(r"materialized=[\"'](view|ephemeral)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_columns_from_a_share_are_cast(path):
    """A decimal literal times a count is a decimal on Spark and a double on DuckDB; a contract wants one type."""
    for line in path.read_text(encoding="utf-8").splitlines():
        assert not re.match(r"\s+(\{\{ \w+_share\(\) \}\}|\d+\.\d+) \*[^()]* as \w+,?$", line), line
