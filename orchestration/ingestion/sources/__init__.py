"""Where a feed's files come from: one module per kind of source, each yielding `Delivery`s.

Whatever the source, what it delivers is files on this machine; everything after that is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestration.ingestion.contracts import FeedContract, FileSource, RestSource, S3Source
from orchestration.ingestion.sources.delivery import Delivery
from orchestration.ingestion.sources.files import landed_files


def deliveries(contract: FeedContract, landing_dir: Path, spool_dir: Path) -> Iterator[Delivery]:
    """Yield the feed's files in the order of their names.

    Args:
        contract: the feed's contract.
        landing_dir: folder that the paths of landed files are relative to.
        spool_dir: an existing folder for what is fetched, removed after the load.

    Raises:
        FeedError: a remote source cannot be listed, or a credential is missing.
    """
    source = contract.source
    if isinstance(source, FileSource):
        return landed_files(source, landing_dir)
    # The clients of remote sources are loaded only where a feed has one.
    if isinstance(source, S3Source):
        from orchestration.ingestion.sources.s3 import s3_objects

        return s3_objects(source, contract.id, spool_dir)
    if isinstance(source, RestSource):
        from orchestration.ingestion.sources.rest import rest_records

        return rest_records(source, contract.id, spool_dir)
    from orchestration.ingestion.sources.sql import query_result

    return query_result(source, contract.id, spool_dir)


__all__ = ["Delivery", "deliveries"]
