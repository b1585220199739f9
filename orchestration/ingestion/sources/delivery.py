"""One file of a feed, as a source hands it over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Delivery:
    """One file, ready to be read or to be fetched.

    Attributes:
        name: how the lake names it, the same in every run: for landed files the path below the landing folder.
        path: where it lies now, or will lie once it is fetched.
        refusal: why it must not be read, when it must not.
        fetch: brings it to `path`, just before it is read; the caller removes it there afterwards. Returns the sha256
            (hex) of its content where that is not the sha256 of its bytes: a query's rows have no order of their own.
            Raises FeedError when the source cannot be reached, Unreadable when what came is not whole.
    """

    name: str
    path: Path
    refusal: str | None = None
    fetch: Callable[[], str | None] | None = None
