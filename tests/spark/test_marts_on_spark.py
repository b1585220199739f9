"""The dbt project on DuckDB and on Spark, from the same lakes: every published table is the same, row by row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.settings import PROJECT_ROOT, read_settings_file
from tests.integration import acme
from tests.integration.tiny_lake import DBT_PROJECT, Warehouse
from tests.spark.comparison import differences

pytestmark = pytest.mark.spark
PYTHON = PROJECT_ROOT / ".venv-spark" / "bin" / "python"
LAKES = ["acme", "flights", "manufacturer"]
PUBLISHED = ("marts", "reports")
# Small queries, planned for longer than they run: no compiling to machine code, and no inferring of filters.
SPARK_DEFAULTS = """\
spark.driver.defaultJavaOptions -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m
spark.sql.adaptive.enabled false
spark.sql.codegen.wholeStage false
spark.sql.constraintPropagation.enabled false
spark.sql.files.minPartitionNum 1
"""
SPARK_ENVIRONMENT = {"LOS_SPARK_PARTITIONS": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


@dataclass(frozen=True)
class Source:
    """A lake, and what a build may know of it."""

    lake: Path
    as_of: date
    known_at: datetime

    def warehouse(self, folder: Path) -> Warehouse:
        """Build it on DuckDB."""
        return Warehouse(
            lake=self.lake,
            path=folder / "warehouse.duckdb",
            target=folder / "target",
            as_of=self.as_of,
            known_at=self.known_at,
        ).build()

    def variables(self) -> dict[str, str]:
        """Return what dbt is told, as `Warehouse` tells it."""
        return {
            "LOS_LAKE_DIR": str(self.lake),
            "LOS_AS_OF": self.as_of.isoformat(),
            "LOS_KNOWN_AT": self.known_at.isoformat(sep=" "),
        }


def audited_acme(folder: Path) -> Source:
    """The small company, with several reasons to withhold one key result, and none for most."""
    lake = acme.write(folder / "lake")
    lake.audit(
        datetime(2026, 2, 10, 20),
        acme.AS_OF,
        {"rule_id": "RPT-01", "subject_type": "key_result", "subject_id": "up", "detail": "reported otherwise"},
        {"rule_id": "CHG-01", "subject_type": "key_result", "subject_id": "up", "detail": "changed"},
        {"rule_id": "OWN-01", "subject_type": "key_result", "subject_id": "pair"},
        {"rule_id": "DAT-03", "subject_type": "kpi", "subject_id": "steady", "detail": "stale"},
        {"rule_id": "OWN-02", "subject_type": "kpi", "subject_id": "latency", "detail": "nobody"},
        {"rule_id": "MAP-05", "subject_type": "objective", "subject_id": "o_portal", "detail": "a circle"},
        rules=["DAT-01"],
    )
    return Source(lake.root, acme.AS_OF, datetime(2026, 2, 11))


def example(name: str, folder: Path) -> Source:
    """Run an example as its users do, audit included, for its lake."""
    settings = Path("examples") / name / "settings.env"
    environment = os.environ | {"LOS_DATA_DIR": str(folder)}
    los = Path(sys.executable).with_name("los")
    for command in (
        [sys.executable, f"examples/{name}/make_feeds.py", "--settings", settings],
        [los, "--settings", settings, "run", "--dry-run"],
    ):
        subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=True, capture_output=True)
    as_of = date.fromisoformat(read_settings_file(PROJECT_ROOT / settings)["LOS_AS_OF"])
    return Source(folder / "lake", as_of, datetime.now(UTC).replace(tzinfo=None))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    return {
        name: audited_acme(tmp_path_factory.mktemp(name))
        if name == "acme"
        else example(name, tmp_path_factory.mktemp(name))
        for name in LAKES
    }


@pytest.fixture(scope="module")
def on_spark(sources: dict[str, Source], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per lake with the Parquet files of what Spark built; one session builds all of them."""
    assert PYTHON.exists(), "Spark is not installed; `make test-spark` installs it and runs this"
    folder = tmp_path_factory.mktemp("spark")
    (folder / "conf").mkdir()
    (folder / "conf" / "spark-defaults.conf").write_text(SPARK_DEFAULTS)
    plan = folder / "plan.json"
    builds = [{"name": name, "variables": source.variables()} for name, source in sources.items()]
    plan.write_text(json.dumps({"project": str(DBT_PROJECT), "folder": str(folder), "builds": builds}))
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("build_on_spark.py"), plan],
        cwd=folder,
        env=os.environ | SPARK_ENVIRONMENT | {"SPARK_CONF_DIR": str(folder / "conf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return folder


def published(warehouse: Warehouse) -> Iterator[tuple[str, str, list[str]]]:
    """Return schema, name and key of every published table, from the manifest."""
    manifest: dict[str, Any] = json.loads((warehouse.target / "manifest.json").read_text())
    keys = {
        node["attached_node"]: node["test_metadata"]["kwargs"]["columns"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "key_identifies_one_row"
    }
    for unique_id, node in manifest["nodes"].items():
        is_table = node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
        if is_table and node["schema"] in PUBLISHED:
            yield node["schema"], node["name"], keys[unique_id]


@pytest.mark.parametrize("name", LAKES)
def test_published_tables_are_the_same_on_spark(
    name: str, sources: dict[str, Source], on_spark: Path, tmp_path: Path
) -> None:
    """Spark orders nulls, joins texts or counts days otherwise, and a company that grows gets other numbers."""
    warehouse = sources[name].warehouse(tmp_path)
    tables = list(published(warehouse))
    found = []
    with duckdb.connect(str(warehouse.path), read_only=True) as connection:
        for schema, table, key in tables:
            files = on_spark / name / f"{schema}.db" / table / "*.parquet"
            unlike = differences(connection, f"{schema}.{table}", f"read_parquet('{files}')", key)
            found += [f"{schema}.{table}: {text}" for text in unlike]
    assert tables
    assert not found, "left is DuckDB, right is Spark\n" + "\n".join(found)
