"""A lake and a feed from a remote source, for tests that look at what came of it."""

from __future__ import annotations

from typing import Any

from orchestration.ingestion.report import FeedLoadReport
from tests.unit.ingestion.small_feed import NOW, SmallFeed


class RemoteFeed(SmallFeed):
    """A small feed whose source is not the landing folder."""

    def pull(self, source: dict[str, Any], *, columns: dict[str, str] | None = None, **changes: Any) -> FeedLoadReport:
        from orchestration.ingestion.contracts import FeedContract
        from orchestration.ingestion.load import ingest_feed

        fields = {
            "id": "ops",
            "name": "Operations",
            "source": source,
            "columns": columns or {"kpi": "kpi", "period": "day", "value": "value"},
        }
        report = ingest_feed(
            FeedContract.model_validate(fields | changes),
            landing_dir=self.landing,
            lake=self.lake,
            registry=self.registry,
            clock=NOW,
            memory_limit="512MB",
        )
        assert report.rows_read == report.rows_accepted + report.rows_quarantined
        assert not list((self.lake.root / ".staging").glob("feed-*")), "the spool stays behind"
        return report
