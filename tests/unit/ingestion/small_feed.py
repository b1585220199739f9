"""One feed, four KPIs and a lake, for tests that write a file and look at what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.load import ingest_feed
from orchestration.ingestion.registry import KpiEntry, KpiRegistry
from orchestration.ingestion.report import FeedLoadReport
from orchestration.lake.store import Lake

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KPIS = (
    KpiEntry("latency", "minutes"),
    KpiEntry("on_time", "share", valid_min=0.0, valid_max=1.0),
    KpiEntry("backlog", "orders", grain="month"),
    KpiEntry("fax_count", "faxes", lifecycle="retired"),
    KpiEntry("größe", "cm"),
)
LONG = {"kpi": "kpi", "period": "day", "value": "value"}
HEADER = "kpi,day,value\n"


def contract(**changes) -> FeedContract:
    """Return the contract of a long CSV feed, changed."""
    fields = {
        "id": "ops",
        "name": "Operations",
        "source": {"type": "file", "path": "ops/*"},
        "format": "csv",
        "columns": LONG,
    }
    return FeedContract.model_validate(fields | changes)


class SmallFeed:
    """A landing folder and a lake."""

    def __init__(self, root: Path) -> None:
        self.landing = root / "landing"
        self.lake = Lake(root / "lake")
        self.registry = KpiRegistry(KPIS)
        (self.landing / "ops").mkdir(parents=True)

    def put(self, content: str | bytes, name: str = "ops/1.csv") -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, clock: datetime = NOW, registry: KpiRegistry | None = None, **changes) -> FeedLoadReport:
        report = ingest_feed(
            contract(**changes),
            landing_dir=self.landing,
            lake=self.lake,
            registry=registry or self.registry,
            clock=clock,
            memory_limit="512MB",
        )
        assert report.rows_read == report.rows_accepted + report.rows_quarantined
        assert report.rows_quarantined == sum(report.quarantined_by_reason.values())
        return report

    def load(self, content: str | bytes, name: str = "ops/1.csv", **changes) -> FeedLoadReport:
        self.put(content, name)
        return self.ingest(**changes)

    def rows(self, entity: str) -> list[dict]:
        """Return the rows of a lake table, committed loads only, in the order of load and line."""
        with duckdb.connect() as connection:
            found = connection.execute(
                f"""
                select * from read_parquet('{self.lake.glob(entity)}', union_by_name = true)
                where load_id in (select load_id from read_parquet('{self.lake.glob("loads")}', union_by_name = true))
                order by loaded_at, load_id, source_file{"" if entity == "loads" else ", source_row, 1"}
                """
            )
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def values(self) -> list[tuple]:
        """Return (kpi_id, period, value) of every observation."""
        return [(row["kpi_id"], str(row["period_start_on"]), row["value"]) for row in self.rows("observations")]

    def reasons(self) -> list[tuple]:
        """Return (line, reason code, column) of everything in quarantine."""
        return [(row["source_row"], row["reason_code"], row["column_name"]) for row in self.rows("quarantine")]
