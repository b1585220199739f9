"""Where a feed's files come from: one module per kind of source, each yielding `Delivery`s.

Whatever the source, what it delivers is files on this machine; everything after that is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.sources.delivery import Delivery
from orchestration.ingestion.sources.files import landed_files


def deliveries(contract: FeedContract, landing_dir: Path) -> Iterator[Delivery]:
    """Yield the feed's files in the order of their names."""
    return landed_files(contract.source, landing_dir)


__all__ = ["Delivery", "deliveries"]
