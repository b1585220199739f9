"""The moment that dbt gives to models, as the linter renders it."""

from __future__ import annotations


def strftime(_form: str) -> str:
    """Return a date."""
    return "2026-01-01"
