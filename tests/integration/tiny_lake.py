"""A lake small enough to compute by hand, written straight from the tables' schemas, and dbt to build on it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.lake.store import Lake
from orchestration.settings import PROJECT_ROOT
from orchestration.tables import LAKE_TABLES

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
IDS = {
    "company": "company_id",
    "units": "unit_id",
    "people": "person_id",
    "cycles": "cycle_id",
    "kpis": "kpi_id",
    "objectives": "objective_id",
    "key_results": "key_result_id",
    "feeds": "feed_id",
    "change_requests": "change_request_id",
}


@dataclass
class Record:
    """One definition record with the rows of its child tables."""

    table: str
    columns: dict[str, Any]
    children: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    effective_from: date | None = None
    is_deleted: bool = False


def record(
    table: str, id_: str, *, effective_from: date | None = None, is_deleted: bool = False, **columns: Any
) -> Record:
    """Return a record; columns that are lists of dicts are child tables."""
    children = {name: rows for name, rows in columns.items() if isinstance(rows, list)}
    own = {name: value for name, value in columns.items() if name not in children}
    return Record(table, {IDS[table]: id_, **own}, children, effective_from, is_deleted)


def days(first: date, values: Iterable[float | None]) -> dict[date, float]:
    """Return consecutive days with a value each; None leaves a day out."""
    return {first + timedelta(days=i): value for i, value in enumerate(values) if value is not None}


class TinyLake:
    """Writes loads; times are naive UTC."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake = Lake(root)
        self.lake.ensure(LAKE_TABLES)

    def define(self, at: datetime, *records: Record) -> str:
        """Load definitions."""
        tables: dict[str, list[dict[str, Any]]] = {}
        lineage = {"source_feed": "okr_definitions", "source_file": "company.yml"}
        for number, entry in enumerate(records, start=1):
            id_ = entry.columns[IDS[entry.table]]
            key = hashlib.sha256(f"{entry.table}|{id_}|{entry.effective_from}|{at}".encode()).hexdigest()
            common = {"record_key": key, "source_row": number, **lineage}
            tables.setdefault(f"definitions/{entry.table}", []).append(
                {**entry.columns, "effective_from": entry.effective_from, "is_deleted": entry.is_deleted, **common}
            )
            for child, rows in entry.children.items():
                for position, row in enumerate(rows):
                    tables.setdefault(f"definitions/{child}", []).append(
                        {IDS[entry.table]: id_, **row, "position": position, **common}
                    )
        return self._write(at, tables, {"kind": "definitions", "source_feed": "okr_definitions"})

    def observe(
        self,
        at: datetime,
        series: Mapping[str, Mapping[date, float]],
        *,
        unit: str = "share",
        available_at: datetime | None = None,
        feed: str = "operations",
        commit: bool = True,
    ) -> str:
        """Load observations: KPI -> first day of period -> value."""
        rows = [
            {
                "kpi_id": kpi,
                "period_start_on": on,
                "value": value,
                "unit": unit,
                "obs_status": "A",
                "source_type": "system",
                "available_at": available_at,
                "vintage_at": available_at or at,
                "source_feed": feed,
                "source_file": f"{feed}.csv",
                "source_row": number,
            }
            for kpi, values in series.items()
            for number, (on, value) in enumerate(sorted(values.items()), start=2)
        ]
        periods = [row["period_start_on"] for row in rows]
        return self._write(
            at,
            {"observations": rows},
            {
                "kind": "feed",
                "source_feed": feed,
                "source_file": f"{feed}.csv",
                "rows_read": len(rows),
                "rows_accepted": len(rows),
                "rows_quarantined": 0,
                "rows_collapsed": 0,
                "oldest_period_on": min(periods),
                "newest_period_on": max(periods),
            },
            commit=commit,
        )

    def load(self, at: datetime, tables: Mapping[str, list[dict[str, Any]]]) -> str:
        """Load rows of any tables, as they stand."""
        return self._write(at, tables, {"kind": "definitions", "source_feed": "okr_definitions"})

    def audit(self, at: datetime, as_of: date, *failures: dict[str, Any], rules: Iterable[str] = ()) -> str:
        """Record an audit of the marts: the failures, and the rules that were put to the data.

        It knew what was known by the end of the business date, or by its own time when that is earlier.
        """
        rules = sorted({*rules, *(failure["rule_id"] for failure in failures)}) or ["DAT-01"]
        failed = {failure["rule_id"] for failure in failures}
        known_at = min(at, datetime.combine(as_of, time.max))
        run = {"run_id": "run", "stage": "marts", "as_of": as_of, "known_at": known_at, "audited_at": at}
        outcomes = [
            {**run, "rule_id": rule, "severity": "withhold", "outcome": "failed" if rule in failed else "passed"}
            for rule in rules
        ]
        results = [
            {**run, "severity": "withhold", "outcome": "failed", "owner_id": "ada", "owner_role": "champion", **failure}
            for failure in failures
        ]
        return self._write(at, {"rule_outcomes": outcomes, "integrity_results": results}, {"kind": "audit"})

    def _write(
        self, at: datetime, tables: Mapping[str, list[dict[str, Any]]], ledger: dict[str, Any], *, commit: bool = True
    ) -> str:
        moment = at.replace(tzinfo=UTC)
        with self.lake.begin(moment, hashlib.sha256(repr((at, tables)).encode()).hexdigest()) as load:
            for entity, rows in tables.items():
                schema = LAKE_TABLES[entity]
                stamp = {"load_id": load.load_id, "loaded_at": at, "audit_id": load.load_id}
                table = pa.Table.from_pylist(
                    [{name: {**stamp, **row}.get(name) for name in schema.names} for row in rows], schema=schema
                )
                load.write(entity, table, subject="tiny")
            load.commit({"status": "loaded", "started_at": at, "duration_seconds": 0.0, **ledger})
        if not commit:
            (self.root / "loads" / f"{load.load_id}.parquet").unlink()
        return load.load_id


@dataclass
class Warehouse:
    """dbt on one lake and one warehouse file."""

    lake: Path
    path: Path
    target: Path
    as_of: date
    known_at: datetime | None = None

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt in the project; its output folders stay outside."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LOS_", "DBT_"))}
        environment |= {
            "LOS_LAKE_DIR": str(self.lake),
            "LOS_WAREHOUSE_PATH": str(self.path),
            "LOS_AS_OF": self.as_of.isoformat(),
            "LOS_KNOWN_AT": self.known_at.isoformat(sep=" ") if self.known_at else "",
            "DBT_PROFILES_DIR": str(DBT_PROJECT),
        }
        command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "--no-use-colors", *arguments]
        return subprocess.run(
            [*command, "--target-path", str(self.target), "--log-path", str(self.target)],
            cwd=DBT_PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, *arguments: str) -> Warehouse:
        """Build and test every model; unit tests only when asked for."""
        done = self.dbt("build", "--exclude-resource-type", "unit_test", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def row(self, query: str) -> dict[str, Any]:
        """Return the only row of a query, by column."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or []]
            rows = cursor.fetchall()
        assert len(rows) == 1, rows
        return dict(zip(names, rows[0], strict=True))
