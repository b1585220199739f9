"""Measure the audit of the marts against its own checks as plain DuckDB SQL, in the same session.

For each size: the lake of the model benchmark (20,000 KPIs, 10,000 key results), the warehouse that dbt builds of it,
and then, taking turns, each in a process of its own with the same threads and memory limit:

- the audit: Great Expectations, the fingerprint of every table, subjects counted, owners, waivers, results in the lake;
- the same checks by hand: the query of each active rule, counted, and nothing else.

The fixed cost is the audit of a lake without an observation. Importing Great Expectations is told apart: in a run it
happens while dbt builds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.benchmarks.model import Spent, dbt, spend
from tests.benchmarks.model_lake import KPIS, LAST_DAY, BenchmarkLake

WALL_GOAL, FIXED_GOAL, MEMORY_GOAL = 2.0, 3.0, 4.0
MEMORY_LIMIT = "3GB"


def measured(kind: str, lake: Path, warehouse: Path, as_of: date) -> tuple[Spent, float]:
    """Run one side in a process of its own; returns what it took, and the seconds of its work without imports."""
    seconds = warehouse.with_suffix(f".{kind}.seconds")
    spent = spend(
        [sys.executable, "-m", "tests.benchmarks.audit", "--child", kind, str(lake), str(warehouse), str(as_of),
         str(seconds)]
    )  # fmt: skip
    return spent, float(seconds.read_text())


def child(kind: str, root: Path, warehouse: Path, as_of: date, seconds: Path) -> None:
    """Do one side's work."""
    import great_expectations  # noqa: F401 - before the clock starts

    from expectations.catalogue import CATALOGUE
    from expectations.suites import violations_query
    from orchestration.audit.run import run_audit
    from orchestration.audit.session import open_session
    from orchestration.lake.store import Lake

    lake = Lake(root)
    started = time.perf_counter()
    if kind == "audit":
        report = run_audit(
            warehouse=warehouse,
            lake=lake,
            stage="marts",
            as_of=as_of,
            run_id="benchmark",
            clock=lambda: datetime.now(UTC),
            seconds_allowed=1800,
            threads=2,
            memory_limit=MEMORY_LIMIT,
        )
        broken = [f"{one.rule_id}: {one.error_message}" for one in report.outcomes if one.outcome == "not_evaluated"]
        laps = ", ".join(f"{step} {spent:.1f}" for step, spent in report.seconds.items())
        slowest = sorted(report.outcomes, key=lambda one: -one.duration_ms)[:5]
        rules = ", ".join(f"{one.rule_id} {one.duration_ms / 1000:.1f}" for one in slowest)
        seconds.with_suffix(".laps").write_text(
            f"    {report.results.num_rows:,} findings; seconds: {laps}; slowest rules: {rules}\n"
            + "".join(f"    not evaluated: {line}\n" for line in broken)
        )
    else:
        with open_session(
            warehouse, lake, stage="marts", run_id="benchmark", as_of=as_of, threads=2, memory_limit=MEMORY_LIMIT
        ) as session:
            for rule in CATALOGUE.active("marts"):
                query = violations_query(rule.id, rule.checks["marts"])
                session.connection.execute(f"select count(*) from ({query}) as violation").fetchall()
    seconds.write_text(str(time.perf_counter() - started))


def measure(millions: float, rounds: int, folder: Path) -> None:
    """Print everything of one size; nought is a lake without an observation."""
    from orchestration.lake.store import Lake
    from orchestration.tables import LAKE_TABLES

    as_of = LAST_DAY + timedelta(days=1)
    lake, warehouse = folder / "lake", folder / "warehouse.duckdb"
    observations = 0
    if millions:
        observations = BenchmarkLake(lake, max(round(millions * 1e6 / KPIS), 1)).build()
    else:
        Lake(lake).ensure(LAKE_TABLES)
    dbt(lake, warehouse, as_of, "parse")
    print(f"{observations:,} observations; the warehouse: {dbt(lake, warehouse, as_of)}", flush=True)
    works: dict[str, list[float]] = {"audit": [], "by hand": []}
    peak = 0.0
    for _ in range(rounds):
        for kind, done in works.items():
            spent, work = measured(kind.split()[0], lake, warehouse, as_of)
            done.append(work)
            print(f"  {kind:8} {work:6.1f} s of work; the process: {spent}", flush=True)
            if kind == "audit":
                print(warehouse.with_suffix(".audit.laps").read_text(), end="", flush=True)
                peak = max(peak, spent.peak)
    audit, by_hand = (statistics.median(done) for done in works.values())
    if millions:
        print(f"  audit / by hand: {audit / by_hand:.2f} (goal from 20 million up: at most {WALL_GOAL})")
        print(f"  peak memory {peak:.2f} GiB (goal: under {MEMORY_GOAL})", flush=True)
    else:
        print(f"  fixed cost {audit:.2f} s (goal: under {FIXED_GOAL})", flush=True)


def main() -> None:
    """Measure each size in a folder of its own, removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, nargs="+", default=[0, 1, 20], help="observations, in millions")
    parser.add_argument("--rounds", type=int, default=3, help="audits and checks by hand, taking turns")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary one)")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, lake, warehouse, as_of, seconds = arguments.child
        child(kind, Path(lake), Path(warehouse), date.fromisoformat(as_of), Path(seconds))
        return
    print(f"2 threads, DuckDB memory limit {MEMORY_LIMIT}")
    for millions in arguments.millions:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            measure(millions, arguments.rounds, Path(folder))


if __name__ == "__main__":
    main()
