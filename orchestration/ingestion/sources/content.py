"""The identity of content that has no order: the same records in any order are the same content."""

from __future__ import annotations

import hashlib
from typing import Final

_MODULUS: Final = 1 << 256


class UnorderedContent:
    """A sha256 over records whatever their order: the sum of the records' own digests, and their number.

    Args:
        start: what comes before the records and does matter, such as the names of the columns.
    """

    def __init__(self, start: str = "") -> None:
        self._start = start
        self._sum = 0
        self.records = 0

    def add(self, record: bytes) -> None:
        """Take one record."""
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(record).digest())) % _MODULUS
        self.records += 1

    def sha256(self) -> str:
        """Return the identity (hex) of what was taken so far."""
        text = f"{self._start}\n{self.records}\n{self._sum:064x}"
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
