"""What Spark would take for something else without a word. What it refuses, `make test-spark` finds."""

from __future__ import annotations

import re

import pytest

from orchestration.settings import PROJECT_ROOT

JINJA_AND_COMMENTS = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}|--[^\n]*", re.S)
PROJECT = PROJECT_ROOT / "dbt_project"
FILES = [*sorted((PROJECT / "models").rglob("*.sql")), *sorted((PROJECT / "macros").rglob("*.sql"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_quotes_no_identifier_by_hand(path):
    """On Spark "on" is the text `on`, and not the column: `adapter.quote` knows how each engine quotes."""
    assert '"' not in JINJA_AND_COMMENTS.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_joins_texts_by_our_own_macro(path):
    """dbt's listagg on Spark leaves the order open, and makes an empty text of no text at all."""
    assert "dbt.listagg" not in path.read_text(encoding="utf-8")
