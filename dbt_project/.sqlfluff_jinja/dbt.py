"""Cross-database macros of dbt, as the linter renders them: it renders without dbt."""

from __future__ import annotations


def type_string() -> str:
    """Return a type."""
    return "varchar"


def hash(field: str) -> str:
    """Return an expression."""
    return f"md5({field})"


def split_part(text: str, delimiter: str, part: int) -> str:
    """Return an expression."""
    return f"split_part({text}, {delimiter}, {part})"
