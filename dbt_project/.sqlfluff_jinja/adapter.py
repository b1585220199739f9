"""What dbt's adapter gives to models, as the linter renders it."""

from __future__ import annotations

from collections.abc import Callable


def dispatch(name: str, _project: str) -> Callable[..., str]:
    """Return what stands in for a dispatched macro: a call of one function."""
    if name == "days_from_until":
        return lambda first, end: "cross join calendar as days"
    return lambda *arguments: f"{name}({', '.join(map(str, arguments))})"


def quote(identifier: str) -> str:
    """Return an identifier, quoted."""
    return f'"{identifier}"'
