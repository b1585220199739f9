"""A lake, and the warehouse that dbt builds on it as a run does, again and again, in one process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.dbt_process import DbtProcess, dbt_process
from orchestration.lake.store import Lake
from orchestration.settings import load_settings
from orchestration.tables import LAKE_TABLES
from orchestration.transformation import prepare
from tests.integration.tiny_lake import TinyLake

WITHOUT_TESTS = ("build", "--no-write-json", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@contextmanager
def dbt_of(folder: Path) -> Iterator[DbtProcess]:
    """dbt's process, on an empty lake in the folder."""
    settings = load_settings({"LOS_DATA_DIR": str(folder / "data"), "LOS_DUCKDB_MEMORY_LIMIT": "1GB"})
    Lake(settings.lake_dir).ensure(LAKE_TABLES)
    prepare(settings)
    with dbt_process(settings) as process:
        yield process


@dataclass
class BuiltLake:
    """An empty lake, no warehouse yet, and the time."""

    process: DbtProcess
    now: datetime
    lake: TinyLake = field(init=False)

    def __post_init__(self) -> None:
        shutil.rmtree(self.process.settings.lake_dir)
        self.process.settings.warehouse_path.unlink(missing_ok=True)
        self.lake = TinyLake(self.process.settings.lake_dir)

    def run(self, selection: list[str], as_of: date, changes: dict[str, str]) -> None:
        """Build models as a run does, knowing all that was loaded so far."""
        variables = {
            "LOS_AS_OF": as_of.isoformat(),
            "LOS_KNOWN_AT": self.now.isoformat(sep=" "),
            "LOS_RUN_ID": "run",
            "LOS_PROJECT_HASH": "project",
            "LOS_REBUILD": "",
        }
        list(self.process.run([*WITHOUT_TESTS, "--select", *selection], variables | changes))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.process.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def change(self, *statements: str) -> None:
        """Change the warehouse by hand."""
        with duckdb.connect(str(self.process.settings.warehouse_path)) as connection:
            for statement in statements:
                connection.execute(statement)


# Why any fact is built in full. Each returns what changes of a run's environment.


def asked(_: BuiltLake) -> dict[str, str]:
    return {"LOS_REBUILD": "yes"}


def project_changed(_: BuiltLake) -> dict[str, str]:
    return {"LOS_PROJECT_HASH": "another"}


def outside_of_a_run(_: BuiltLake) -> dict[str, str]:
    """dbt by itself knows no hash."""
    return {"LOS_PROJECT_HASH": ""}


def a_week_later(built: BuiltLake) -> dict[str, str]:
    built.now += timedelta(days=7)
    return {}


def known_earlier(built: BuiltLake) -> dict[str, str]:
    """Before the newest load."""
    return {"LOS_KNOWN_AT": (built.now - timedelta(seconds=1, microseconds=1)).isoformat(sep=" ")}
