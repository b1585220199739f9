"""Measure the dbt models against the leanest hand-written SQL for the same facts, in the same session.

For each size: a lake of so many observations (20,000 KPIs), 10,000 key results and 30,000 links; a build of three facts
with all that they stand on, without tests; the same facts by plain DuckDB, straight from the Parquet files into tables,
without check-ins; both compared; then one more day of observations, and the build that takes them in. What every model
up to the marts takes is told at the end. Every build is a process of its own with the same threads and memory limit.
dbt's own start, measured on an empty selection, is printed apart and is part of all its figures.

On a machine that others use, compare CPU seconds rather than wall time.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from orchestration.transformation import DBT_PROJECT_DIR, dbt_executable
from tests.benchmarks.model_lake import KPIS, LAST_DAY, BenchmarkLake

FULL_GOAL, DAY_GOAL = 1.5, 0.10
MEMORY_LIMIT = "6GB"
FACTS = ("fct_kpi_observation", "fct_key_result_kpi", "fct_key_result_daily")
NOT_BY_HAND = re.compile(r"reported_\w+|check_in_age_days|divergence")
"""Columns that the hand-written statements leave out: nobody reports anything in the benchmark's lake."""
BUILD = ("build", "--no-write-json", "--resource-type", "model", "--resource-type", "seed")
MODELS = (*BUILD, "--select", *(f"+{fact}" for fact in FACTS))
NOTHING = ("run", "--no-write-json", "--select", "int_run__context", "--exclude", "int_run__context")
EVERY_MODEL = (*BUILD, "--exclude", "fqn:line_of_sight.reports")


@dataclass(frozen=True)
class Spent:
    """What one process took: seconds of wall clock and of CPU, and GiB at its peak."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.wall:8.1f} s wall, {self.cpu:7.1f} s CPU, peak {self.peak:5.2f} GiB"


def spend(command: list[str], environment: dict[str, str] | None = None) -> Spent:
    """Run a command to its end and measure it.

    Raises:
        SystemExit: it failed; its output is shown.
    """
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, cwd=DBT_PROJECT_DIR.parent, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise SystemExit(said.read()[-6000:])
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def dbt(lake: Path, warehouse: Path, as_of: date, *arguments: str) -> Spent:
    """Run dbt as the pipeline does: the project parsed before, tests left out."""
    target = warehouse.parent / "target"
    return spend(
        [
            dbt_executable(), "--quiet", *(arguments or MODELS), "--project-dir", str(DBT_PROJECT_DIR),
            "--target-path", str(target), "--log-path", str(target),
        ],
        {
            "LOS_LAKE_DIR": str(lake),
            "LOS_WAREHOUSE_PATH": str(warehouse),
            "LOS_DUCKDB_MEMORY_LIMIT": MEMORY_LIMIT,
            "LOS_AS_OF": as_of.isoformat(),
            "LOS_KNOWN_AT": datetime(as_of.year, as_of.month, as_of.day, 23).isoformat(sep=" "),
            "LOS_RUN_ID": "benchmark",
            "LOS_PROJECT_HASH": "benchmark",
            "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        },
    )  # fmt: skip


def by_hand(lake: Path, database: Path, as_of: date) -> Spent:
    """Compute the facts by the hand-written statements, in a process of its own."""
    database.unlink(missing_ok=True)
    return spend([sys.executable, "-m", "tests.benchmarks.model", "--child", str(lake), str(database), str(as_of)])


def child(lake: Path, database: Path, as_of: date) -> None:
    """Run the hand-written statements."""
    import duckdb

    script = Path(__file__).with_name("model_by_hand.sql").read_text()
    config = {
        "threads": 2,
        "memory_limit": MEMORY_LIMIT,
        "preserve_insertion_order": False,
        "temp_directory": f"{database}.tmp",
    }
    with duckdb.connect(str(database), config=config) as connection:
        connection.execute(script.replace("{lake}", str(lake)).replace("{as_of}", as_of.isoformat()))


def differences(warehouse: Path, database: Path) -> dict[str, int]:
    """Return, per fact, its rows; stop when the two differ in any of them, or in any column that both must have.

    The observations, which are only copied, by count and order-free checksum of every column. The others row by row:
    sums of floating-point numbers depend on the order of the summands, and may differ by one part in 1e9.

    Raises:
        SystemExit: the facts differ.
    """
    import duckdb

    rows = {}
    with duckdb.connect(config={"threads": 2, "memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute(f"attach '{warehouse}' as ours (read_only)")
        connection.execute(f"attach '{database}' as theirs (read_only)")
        for fact in FACTS:
            columns = dict(
                connection.execute(
                    "select column_name, data_type from duckdb_columns() where database_name = 'ours' and "
                    "schema_name = 'marts' and table_name = ? order by column_index",
                    [fact],
                ).fetchall()
            )
            columns = {name: kind for name, kind in columns.items() if not NOT_BY_HAND.fullmatch(name)}
            sides = (f"ours.marts.{fact}", f"theirs.{fact}")
            if fact == "fct_kpi_observation":
                sums = ", ".join(f"sum(hash({name})) as {name}" for name in columns)
                one, other = (
                    dict(zip(["row_count", *columns], found, strict=True))
                    for side in sides
                    for found in connection.execute(f"select count(*), {sums} from {side}").fetchall()
                )
                wrong = [name for name, figure in one.items() if figure != other[name]]
                count = one["row_count"]
            else:
                key = next(iter(columns))
                differs = ", ".join(
                    f"count(case when {_differs(name, kind)} then 1 end) as {name}" for name, kind in columns.items()
                )
                found = connection.execute(
                    f"select count(*), {differs} from {sides[0]} as one full join {sides[1]} as other using ({key})"
                ).fetchall()[0]
                wrong = [f"{name} ({n:,} rows)" for name, n in zip(columns, found[1:], strict=True) if n]
                count = found[0]
            if wrong or not count:
                raise SystemExit(f"{fact} differs in {', '.join(wrong)}")
            rows[fact] = int(count)
    return rows


def _differs(name: str, kind: str) -> str:
    unequal = f"one.{name} is distinct from other.{name}"
    if kind != "DOUBLE":
        return unequal
    near = f"abs(one.{name} - other.{name}) <= 1e-9 * greatest(1, abs(one.{name}))"
    return f"({unequal} and not coalesce({near}, false))"


def measure(millions: float, rounds: int, folder: Path) -> None:
    """Print everything of one size."""
    days = max(round(millions * 1e6 / KPIS), 1)
    as_of = LAST_DAY + timedelta(days=1)
    lake, warehouse, database = folder / "lake", folder / "warehouse.duckdb", folder / "by_hand.duckdb"
    observations = BenchmarkLake(lake, days).build()
    print(f"{observations:,} observations ({days:,} days of {KPIS:,} KPIs)", flush=True)
    dbt(lake, warehouse, as_of, "parse")
    start = dbt(lake, warehouse, as_of, *NOTHING)
    print(f"  dbt's own start   {start}", flush=True)
    ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
    full = by_hand_spent = start
    for _ in range(rounds):
        by_hand_spent = by_hand(lake, database, as_of)
        print(f"  by hand           {by_hand_spent}", flush=True)
        warehouse.unlink(missing_ok=True)
        full = dbt(lake, warehouse, as_of)
        print(f"  full build        {full}", flush=True)
        for kind, done in ratios.items():
            done.append(getattr(full, kind) / getattr(by_hand_spent, kind))
    for fact, rows in differences(warehouse, database).items():
        print(f"  {fact}: {rows:,} rows, equal in every column computed by hand")
    wall, cpu = (sorted(done)[len(done) // 2] for done in ratios.values())
    print(f"  full build / by hand: {wall:.2f} of wall, {cpu:.2f} of CPU (goal: at most {FULL_GOAL})", flush=True)
    database.unlink()

    again = dbt(lake, warehouse, as_of)
    print(f"  nothing new       {again}", flush=True)
    added = BenchmarkLake(lake, days).add_day(as_of)
    dbt(lake, warehouse, as_of + timedelta(days=1), "parse")
    day = dbt(lake, warehouse, as_of + timedelta(days=1))
    print(f"  one day more      {day} ({added:,} observations)")
    print(
        f"  build with one day more / full build: {day.wall / full.wall:.3f} of wall, {day.cpu / full.cpu:.3f} of CPU; "
        f"beyond dbt's start {(day.cpu - start.cpu) / (full.cpu - start.cpu):.3f} of CPU (goal: at most {DAY_GOAL})",
        flush=True,
    )
    by_hand(lake, database, as_of + timedelta(days=1))
    differences(warehouse, database)
    print("  the facts of one day more equal those by hand, row by row", flush=True)
    database.unlink()
    every = dbt(lake, warehouse.with_name("every.duckdb"), as_of, *EVERY_MODEL)
    print(f"  every model       {every}", flush=True)
    warehouse.with_name("every.duckdb").unlink()


def main() -> None:
    """Measure each size in a folder of its own, removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10, 50], help="observations, in millions")
    parser.add_argument("--rounds", type=int, default=1, help="full builds and builds by hand, taking turns")
    parser.add_argument("--folder", type=Path, help="where to work; 50 million take 15 GB (default: a temporary one)")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        lake, database, as_of = arguments.child
        child(Path(lake), Path(database), date.fromisoformat(as_of))
        return
    print(f"2 threads, DuckDB memory limit {MEMORY_LIMIT}")
    for millions in arguments.millions:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            measure(millions, arguments.rounds, Path(folder))


if __name__ == "__main__":
    main()
