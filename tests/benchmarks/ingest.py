"""Measure the ingestion of one large CSV file against DuckDB's own way from CSV to Parquet, in the same session.

The baseline is `copy (select * from read_csv(file, columns = {kpi VARCHAR, day DATE, value DOUBLE})) to ... (format
parquet, compression zstd)`, with `ignore_errors` where rows are bad: it counts nothing, checks nothing, keeps no bad
row and writes three columns. Ours is `ingest_feed` into an empty lake: the file's hash, rows counted by our own scan,
every check, duplicates, fourteen columns, bad rows in quarantine with line and text. Each run is a process of its own,
with the same threads and memory limit; the two take turns.

Where rows are bad, a third run is told beside the two: DuckDB with `store_rejects`, its own way to keep them. It keeps
those that it cannot parse, and not those whose KPI or value is wrong.

With `--excel` the file is a workbook of one sheet, and the baseline python-calamine alone, which makes every cell a
Python value and keeps none.
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
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

KPIS = 2000
GOALS = {0: 1.5, 1: 2.5, 20: 2.5}
EXCEL_ROWS = 500_000
MEMORY_GIB = 2.0


def id_digits(kpis: int) -> int:
    """Return how many digits the number in a KPI's id has."""
    return max(len(str(kpis - 1)), 4)


def generate(path: Path, rows: int, bad_percent: int, kpis: int = KPIS) -> None:
    """Write the file; bad rows are, in equal shares: no number, no date, unknown KPI, out of range, ragged."""
    import duckdb

    days = max(-(-rows // kpis), 1)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            f"""
            copy (
                with numbered as (
                    select
                        i,
                        case when i % 100 < {bad_percent} then hash(i) % 5 end as fault,
                        'kpi_' || lpad(cast(i // {days} as varchar), {id_digits(kpis)}, '0') as kpi,
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


def generate_workbook(path: Path, rows: int) -> None:
    """Write a workbook of one sheet, with texts, dates and numbers as cells of their types."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("feed")
    sheet.append(["kpi", "day", "value"])
    days = max(-(-rows // KPIS), 1)
    start = date(1990, 1, 1)
    for row in range(rows):
        kpi, day = divmod(row, days)
        sheet.append([f"kpi_{kpi:0{id_digits(KPIS)}d}", start + timedelta(day), row % 1_000_000 / 997])
    book.save(path)


def ours(path: Path, lake: Path, kpis: int = KPIS) -> dict[str, int]:
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
            "format": path.suffix.removeprefix("."),
            "columns": {"kpi": "kpi", "period": "day", "value": "value"},
        }
    )
    units = ("minutes", "share", "orders")
    entries = tuple(
        KpiEntry(f"kpi_{number:0{id_digits(kpis)}d}", units[number % 3], valid_min=0.0, valid_max=1500.0)
        for number in range(kpis)
    )
    report = ingest_feed(
        contract,
        landing_dir=path.parent,
        lake=Lake(lake),
        registry=KpiRegistry(entries),
        clock=datetime.now(UTC),
        threads=2,
        memory_limit="1GB",
    )
    return {"read": report.rows_read, "accepted": report.rows_accepted, "quarantined": report.rows_quarantined}


def _read(path: Path, bad_rows: str) -> str:
    """Return the query that reads the file; `bad_rows` are the options that say what becomes of them."""
    return f"""
        select *
        from read_csv(
            '{path}', auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
            columns = {{kpi: 'VARCHAR', day: 'DATE', value: 'DOUBLE'}}, {bad_rows}
        )
    """


def baseline(path: Path, folder: Path, kpis: int = KPIS) -> dict[str, int]:
    """Turn the file into Parquet by DuckDB alone, or read the workbook by python-calamine alone."""
    import duckdb

    folder.mkdir(parents=True)
    if path.suffix == ".xlsx":
        from python_calamine import CalamineWorkbook

        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        return {"read": sum(1 for _ in sheet.iter_rows()) - 1}
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(folder)}) as connection:
        connection.execute(
            f"""
            copy ({_read(path, f"ignore_errors = {'bad0' not in path.name}")})
            to '{folder / "baseline.parquet"}' (format parquet, compression zstd)
            """
        )
    return {}


def keeping(path: Path, folder: Path, kpis: int = KPIS) -> dict[str, int]:
    """Turn the file, and the rows that DuckDB cannot parse, into Parquet by DuckDB alone."""
    import duckdb

    folder.mkdir(parents=True)
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(folder)}) as connection:
        connection.execute(
            f"""
            copy ({_read(path, "store_rejects = true, rejects_limit = 0")})
            to '{folder / "baseline.parquet"}' (format parquet, compression zstd)
            """
        )
        (rows,) = connection.execute(
            f"copy reject_errors to '{folder / 'rejects.parquet'}' (format parquet, compression zstd)"
        ).fetchall()[0]
    return {"quarantined": rows}


def measured(kind: str, path: Path, folder: Path, kpis: int = KPIS) -> dict[str, float]:
    """Run one of them in a process of its own; returns wall and CPU seconds, and the peak of memory in GiB."""
    target = folder / "out"
    command = [sys.executable, "-m", "tests.benchmarks.ingest", "--child", kind, str(path), str(target)]
    command += ["--kpis", str(kpis)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(target)
    return json.loads(finished.stdout.splitlines()[-1])


def child(kind: str, path: Path, target: Path, kpis: int) -> None:
    """Do the work and print its figures; imports do not count."""
    import duckdb  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401 - Arrow does, at its first table of Python values

    import orchestration.ingestion.load  # noqa: F401

    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    counts = {"ours": ours, "baseline": baseline, "keeping": keeping}[kind](path, target, kpis)
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": usage.ru_maxrss / 2**20, **counts}))


def compare(path: Path, folder: Path, rounds: int, goal: float | None) -> None:
    """Let the two take turns, and print what came of it."""
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "baseline": []}
    for _ in range(rounds):
        for kind, done in runs.items():
            done.append(measured(kind, path, folder))
    for kind, done in runs.items():
        seconds, cpu = (", ".join(f"{run[key]:.2f}" for run in done) for key in ("seconds", "cpu"))
        peak = max(run["peak"] for run in done)
        print(f"  {kind:8} {seconds} s; CPU {cpu} s; peak {peak:.2f} GiB")
    last = runs["ours"][-1]
    print(f"  read {last['read']:,} = accepted {last['accepted']:,} + quarantined {last['quarantined']:,}")
    ratios = {
        key: statistics.median(one[key] / other[key] for one, other in zip(runs["ours"], runs["baseline"], strict=True))
        for key in ("seconds", "cpu")
    }
    wanted = f" (goal: at most {goal})" if goal else ""
    print(f"  median ratio {ratios['seconds']:.2f}, of CPU seconds {ratios['cpu']:.2f}{wanted}")
    peak = max(run["peak"] for run in runs["ours"])
    print(f"  peak memory {peak:.2f} GiB (goal: under {MEMORY_GIB:.0f})", flush=True)
    if last["quarantined"]:
        other = measured("keeping", path, folder)
        print(
            f"  DuckDB keeping {other['quarantined']:,} bad rows: {other['seconds']:.2f} s; CPU {other['cpu']:.2f} s; "
            f"peak {other['peak']:.2f} GiB; ours {last['seconds'] / other['seconds']:.2f} of it, of CPU seconds "
            f"{last['cpu'] / other['cpu']:.2f}",
            flush=True,
        )


def main() -> None:
    """Print, for each file: seconds and CPU seconds of both, their ratios, and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, help="of each file; 20 million, or half a million of a workbook")
    parser.add_argument("--bad", type=int, nargs="+", default=[0, 1, 20], help="percent of bad rows, one file each")
    parser.add_argument("--excel", action="store_true", help="a workbook instead, against python-calamine alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--kpis", type=int, default=KPIS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kind, path, target = options.child
        child(kind, Path(path), Path(target), options.kpis)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.excel:
            path, rows = folder / "feed.xlsx", options.rows or EXCEL_ROWS
            generate_workbook(path, rows)
            print(f"{rows:,} rows of a workbook, {path.stat().st_size / 2**20:,.0f} MiB", flush=True)
            compare(path, folder, options.rounds, None)
            return
        for bad in options.bad:
            path, rows = folder / f"bad{bad}.csv", options.rows or 20_000_000
            generate(path, rows, bad)
            print(f"{rows:,} rows, {bad} % bad, {path.stat().st_size / 2**20:,.0f} MiB", flush=True)
            compare(path, folder, options.rounds, GOALS.get(bad, 2.5))
            path.unlink()


if __name__ == "__main__":
    main()
