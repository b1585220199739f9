"""Measure the ingestion of one large CSV file against DuckDB's own way from CSV to Parquet, in the same session.

The baseline is `copy (select * from read_csv(file, columns = {kpi VARCHAR, day DATE, value DOUBLE})) to ... (format
parquet, compression zstd)`, with `ignore_errors` where rows are bad: it counts nothing, checks nothing, keeps no bad
row and writes three columns. Ours is `ingest_feed` into an empty lake: the file's hash, rows counted by our own scan,
every check, duplicates, fifteen columns, bad rows in quarantine with line and text. Each run is a process of its own,
with the same threads and memory limit; the two take turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

KPIS = 2000
GOALS = {0: 1.5, 1: 2.5, 20: 2.5}
MEMORY_GIB = 2.0


def generate(path: Path, rows: int, bad_percent: int) -> None:
    """Write the file; bad rows are, in equal shares: no number, no date, unknown KPI, out of range, ragged."""
    import duckdb

    days = max(-(-rows // KPIS), 1)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            f"""
            copy (
                with numbered as (
                    select
                        i,
                        case when i % 100 < {bad_percent} then hash(i) % 5 end as fault,
                        'kpi_' || lpad(cast(i // {days} as varchar), 4, '0') as kpi,
                        cast(date '1990-01-01' + cast(i % {days} as integer) as varchar) as day,
                        cast(round((hash(i, 1) % 1000000) / 997.0, 3) as varchar) as value
                    from range({rows}) as numbers (i)
                )
                select
                    case when fault = 2 then 'no_' || kpi else kpi end
                    || ',' || case when fault = 1 then '31-Sep-2008' else day end
                    || ',' || case fault when 0 then 'n/a' when 3 then '5000' when 4 then value || ',1' else value end
                    as "kpi,day,value"
                from numbered
            ) to '{path}' (header, delimiter '\x01', quote '', escape '')
            """
        )


def ours(path: Path, lake: Path) -> dict[str, int]:
    """Load the file into an empty lake."""
    from orchestration.ingestion.contracts import FeedContract
    from orchestration.ingestion.load import ingest_feed
    from orchestration.ingestion.registry import KpiEntry, KpiRegistry
    from orchestration.lake.store import Lake

    contract = FeedContract.model_validate(
        {
            "id": "bench",
            "name": "Benchmark",
            "source": {"type": "file", "path": path.name},
            "format": "csv",
            "columns": {"kpi": "kpi", "period": "day", "value": "value"},
        }
    )
    units = ("minutes", "share", "orders")
    kpis = tuple(
        KpiEntry(f"kpi_{number:04d}", units[number % 3], valid_min=0.0, valid_max=1500.0) for number in range(KPIS)
    )
    report = ingest_feed(
        contract,
        landing_dir=path.parent,
        lake=Lake(lake),
        registry=KpiRegistry(kpis),
        clock=datetime.now(UTC),
        threads=2,
        memory_limit="1GB",
    )
    return {"read": report.rows_read, "accepted": report.rows_accepted, "quarantined": report.rows_quarantined}


def baseline(path: Path, folder: Path) -> dict[str, int]:
    """Turn the file into Parquet by DuckDB alone."""
    import duckdb

    folder.mkdir(parents=True)
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(folder)}) as connection:
        connection.execute(
            f"""
            copy (
                select *
                from read_csv(
                    '{path}', auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
                    columns = {{kpi: 'VARCHAR', day: 'DATE', value: 'DOUBLE'}},
                    ignore_errors = {"bad0" not in path.name}
                )
            ) to '{folder / "baseline.parquet"}' (format parquet, compression zstd)
            """
        )
    return {}


def measured(kind: str, path: Path, folder: Path) -> dict[str, float]:
    """Run one of the two in a process of its own; returns wall and CPU seconds, and the peak of memory in GiB."""
    target = folder / "out"
    command = [sys.executable, "-m", "tests.benchmarks.ingest", "--child", kind, str(path), str(target)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(target)
    return json.loads(finished.stdout.splitlines()[-1])


def child(kind: str, path: Path, target: Path) -> None:
    """Do the work and print its figures; imports do not count."""
    import duckdb  # noqa: F401
    import numpy  # noqa: F401

    import orchestration.ingestion.load  # noqa: F401

    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    counts = (ours if kind == "ours" else baseline)(path, target)
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": usage.ru_maxrss / 2**20, **counts}))


def main() -> None:
    """Print, for each share of bad rows: seconds and CPU seconds of both, their ratios, and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--bad", type=int, nargs="+", default=[0, 1, 20], help="percent of bad rows, one file each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kind, path, target = options.child
        child(kind, Path(path), Path(target))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for bad in options.bad:
            path = folder / f"bad{bad}.csv"
            generate(path, options.rows, bad)
            size = path.stat().st_size / 2**20
            print(f"{options.rows:,} rows, {bad} % bad, {size:,.0f} MiB", flush=True)
            runs: dict[str, list[dict[str, float]]] = {"ours": [], "baseline": []}
            for _ in range(options.rounds):
                for kind, done in runs.items():
                    done.append(measured(kind, path, folder))
            for kind, done in runs.items():
                seconds, cpu = (", ".join(f"{run[key]:.2f}" for run in done) for key in ("seconds", "cpu"))
                peak = max(run["peak"] for run in done)
                print(f"  {kind:8} {seconds} s; CPU {cpu} s; peak {peak:.2f} GiB")
            last = runs["ours"][-1]
            print(f"  read {last['read']:,} = accepted {last['accepted']:,} + quarantined {last['quarantined']:,}")
            ratios = {
                key: statistics.median(
                    one[key] / other[key] for one, other in zip(runs["ours"], runs["baseline"], strict=True)
                )
                for key in ("seconds", "cpu")
            }
            goal = GOALS.get(bad, 2.5)
            print(f"  median ratio {ratios['seconds']:.2f}, of CPU seconds {ratios['cpu']:.2f} (goal: at most {goal})")
            peak = max(run["peak"] for run in runs["ours"])
            print(f"  peak memory {peak:.2f} GiB (goal: under {MEMORY_GIB:.0f})", flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
