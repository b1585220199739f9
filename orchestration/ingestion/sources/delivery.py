"""One file of a feed, as a source hands it over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Delivery:
    """One file, ready to be read.

    Attributes:
        name: how the lake names it, the same in every run: for landed files the path below the landing folder.
        path: where it lies now.
        refusal: why it must not be read, when it must not.
    """

    name: str
    path: Path
    refusal: str | None = None
