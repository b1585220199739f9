"""Measure questions to a lake of many small loads before and after compaction, the two alternating in one run.

Two lakes hold the same loads. One is compacted; then both are asked the same, in turns, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.ingestion.tables import OBSERVATIONS, TABLES
from orchestration.lake.compaction import compact
from orchestration.lake.store import Lake

ROUNDS = 5
CURRENT_VALUES = """
    with committed as (select load_id from read_parquet($loads, union_by_name = true)),
    newest as (
        select kpi_id, period_start_on, max_by(value, {'a': vintage_at, 'b': loaded_at, 'c': load_id}) as value
        from read_parquet($observations, union_by_name = true)
        where load_id in (select load_id from committed)
        group by kpi_id, period_start_on
    )
    select count(*), sum(value) from newest
"""


def fill(lake: Lake, loads: int, rows: int) -> None:
    """Load small files of one feed: each day's values of a few KPIs, some of them restated later."""
    lake.ensure(TABLES)
    first = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(loads):
        moment = first + timedelta(hours=number)
        with lake.begin(moment, f"{number:064x}"[::-1]) as load:
            periods = [(first + timedelta(days=(number + row) % 400)).date() for row in range(rows)]
            columns = {
                "kpi_id": [f"kpi_{row % 10}" for row in range(rows)],
                "period_start_on": periods,
                "value": [float(number * row) for row in range(rows)],
                "unit": ["orders"] * rows,
                "obs_status": ["A"] * rows,
                "source_type": ["system"] * rows,
                "recorded_by": [None] * rows,
                "available_at": [None] * rows,
                "vintage_at": [load.loaded_at] * rows,
                "load_id": [load.load_id] * rows,
                "loaded_at": [load.loaded_at] * rows,
                "source_feed": ["ops"] * rows,
                "source_file": [f"ops/{number}.csv"] * rows,
                "source_row": list(range(2, rows + 2)),
                "row_hash": [f"{number:08x}{row:08x}" for row in range(rows)],
            }
            load.write("observations", pa.table(columns, schema=OBSERVATIONS), "ops")
            load.commit({"kind": "feed", "source_feed": "ops", "rows_read": rows, "rows_accepted": rows})


def ask(lake: Lake) -> tuple[float, tuple[object, ...]]:
    """Return the seconds and the answer of the question for current values."""
    places = {"loads": lake.glob("loads"), "observations": lake.glob("observations")}
    started = time.perf_counter()
    with duckdb.connect(config={"threads": 2}) as connection:
        answer = connection.execute(CURRENT_VALUES, places).fetchall()[0]
    return time.perf_counter() - started, answer


def main() -> None:
    """Print the times of both lakes and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=50, help="of each load")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compaction-") as folder:
        small, large = Lake(Path(folder) / "small"), Lake(Path(folder) / "compacted")
        fill(small, given.loads, given.rows)
        shutil.copytree(small.root, large.root)
        started = time.perf_counter()
        done = compact(large)
        seconds = time.perf_counter() - started
        moved = ", ".join(f"{one.folder} {one.files_before} -> {one.files_after}" for one in done)
        print(f"compaction of {given.loads:,} loads of {given.rows} rows: {seconds:.2f} s ({moved})")
        before, after = [], []
        for _ in range(ROUNDS):
            times = [ask(lake) for lake in (small, large)]
            assert times[0][1] == times[1][1], "compaction changed an answer"
            before.append(times[0][0])
            after.append(times[1][0])
        low, high = statistics.median(before), statistics.median(after)
        ratio = f"{low / high:.0f} times as fast (median of {ROUNDS})"
        print(f"current values: {low:.3f} s before, {high:.3f} s after: {ratio}")


if __name__ == "__main__":
    main()
