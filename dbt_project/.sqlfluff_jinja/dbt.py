"""Cross-database macros of dbt, as the linter renders them: it renders without dbt."""

from __future__ import annotations


def type_string() -> str:
    """Return a type."""
    return "varchar"


def listagg(measure: str, delimiter: str, order_by: str) -> str:
    """Return an aggregate."""
    return f"string_agg({measure}, {delimiter} {order_by})"
