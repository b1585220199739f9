"""Words that a terminal, a page and a message share."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
