"""The manufacturer of examples/, day by day: what its sources had sent by a morning, and what dbt makes of it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from orchestration.company.loader import load_company
from orchestration.company.publish import write_definitions
from orchestration.ingestion.contracts import feed_records, load_contracts
from orchestration.ingestion.key_results import registry_for
from orchestration.ingestion.load import ingest_feed
from orchestration.lake.store import Lake
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from tests.integration.tiny_lake import Warehouse

EXAMPLE = PROJECT_ROOT / "examples" / "manufacturer"
CHICAGO = ZoneInfo("America/Chicago")
SIGNALS = "+fct_silo_conflict +fct_objective_daily +fct_kpi_control_chart"
PORTAL = "okrs/2026-Q2/product.yml"


def _make_feeds() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_feeds_of_the_manufacturer", EXAMPLE / "make_feeds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


make_feeds = _make_feeds()


class Manufacturer:
    """The company in a folder of its own.

    Args:
        root: The folder.
        story: What happens to it, as make_feeds.py tells it.
    """

    def __init__(self, root: Path, story: Any = make_feeds.STORIES["portal"]) -> None:
        self.root, self.story = root, story
        self.company, self.landing = root / "company", root / "landing"
        shutil.copytree(EXAMPLE / "company", self.company)
        self.lake = Lake(root / "lake")

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a company file; it must stand there once."""
        path = self.company / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def send(self, day: date) -> datetime:
        """Write what the sources had sent by six in the morning of a day; return that moment."""
        morning = datetime.combine(day, time(6), CHICAGO)
        make_feeds.write_feeds(self.landing, story=self.story, until=morning)
        return morning

    def load(self, day: date) -> None:
        """Bring the company files and what was sent into the lake, at six in the morning of a day."""
        from orchestration.tables import LAKE_TABLES

        morning = self.send(day)
        self.lake.ensure(LAKE_TABLES)
        contracts = load_contracts(self.company / "feeds.yml")
        write_definitions(self.lake, [*load_company(self.company).records, *feed_records(contracts)], clock=morning)
        for contract in contracts:
            registry = registry_for(contract, self.lake)
            ingest_feed(contract, landing_dir=self.landing, lake=self.lake, registry=registry, clock=morning)

    def build(self, day: date) -> Warehouse:
        """Build the signals of a day from what was known by seven of its morning."""
        self.load(day)
        known_at = datetime.combine(day, time(7), CHICAGO).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
        warehouse = Warehouse(self.lake.root, self.root / "warehouse.duckdb", self.root / "target", day, known_at)
        done = warehouse.dbt("build", "--select", SIGNALS, "--exclude-resource-type", "unit_test", "test")
        assert done.returncode == 0, done.stdout + done.stderr
        return warehouse

    def settings(self, day: date, **more: str) -> Settings:
        """Settings of a whole run on the morning of a day."""
        morning = datetime.combine(day, time(6), CHICAGO)
        return load_settings(
            {
                "LOS_COMPANY_DIR": str(self.company),
                "LOS_LANDING_DIR": str(self.landing),
                "LOS_DATA_DIR": str(self.root / "data"),
                "LOS_AS_OF": day.isoformat(),
                "LOS_NOW": (morning + timedelta(hours=1)).isoformat(),
                "LOS_DUCKDB_MEMORY_LIMIT": "1GB",
                **more,
            }
        )

    def run(self, day: date) -> int:
        """Run the whole pipeline on the morning of a day, as `los run` does; return its exit code."""
        from orchestration.cli import _dagster_home
        from orchestration.pipeline import run_pipeline

        self.send(day)
        settings = self.settings(day)
        _dagster_home(settings)
        return run_pipeline(settings, as_of=None, publish=True)

    def published(self, query: str) -> list[tuple[Any, ...]]:
        """Query the current release."""
        import duckdb

        with duckdb.connect(str(self.root / "data/releases/current/reports.duckdb"), read_only=True) as connection:
            return connection.execute(query).fetchall()
