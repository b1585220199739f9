"""Compacts a lake again and again and is killed each time, while readers go on asking. Run as a script by the test.

One process imports everything and opens no database; each attempt is a fork of it. Before each attempt some loads are
added, so that there is always something to compact. After it another fork asks the lake. Readers in forks of their own
ask again and again; an error is in order for them, a wrong answer never is. Prints one line of JSON per attempt, and
one about the readers at the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from orchestration.lake.compaction import STEPS, compact
from orchestration.lake.store import Lake
from tests.faults.publish_until_killed import finish, forked

SCHEMA = pa.schema([("load_id", pa.string()), ("number", pa.int64())])
LOADS = 6
ROWS = 50


def add(lake: Lake, attempt: int) -> int:
    """Add loads of one row number each; returns how many."""
    with held(lake, fcntl.LOCK_EX) as known:
        for number in range(attempt * LOADS, (attempt + 1) * LOADS):
            _add_one(lake, number)
        known.write_text(str((attempt + 1) * LOADS))
    return LOADS


def _add_one(lake: Lake, number: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    with lake.begin(moment, f"{number:064x}"[::-1]) as load:
        columns = {"load_id": [load.load_id] * ROWS, "number": [number] * ROWS}
        load.write("things", pa.table(columns, schema=SCHEMA), f"s{number % 2}")
        load.commit({"kind": "feed", "rows_read": ROWS, "rows_accepted": ROWS})


def look(lake: Lake) -> dict[str, int]:
    """What a reader finds: loads, rows, their sum, and files."""
    import duckdb

    with duckdb.connect() as connection:
        loads, rows, total, whole = connection.execute(
            """
            with loads as (select load_id from read_parquet($loads, union_by_name = true)),
            things as (
                select * from read_parquet($things, union_by_name = true)
                where load_id in (select load_id from loads)
            )
            select
                (select count(*) from loads),
                (select count(*) from things),
                (select sum(number) from things),
                (select count(*) from (select load_id from things group by load_id having count(*) = $rows))
            """,
            {"loads": lake.glob("loads"), "things": lake.glob("things"), "rows": ROWS},
        ).fetchall()[0]
    files = len(list((lake.root / "things").rglob("*.parquet")))
    return {"loads": loads, "rows": rows, "sum": int(total), "whole": whole, "files": files}


def read_on(lake: Lake, stop: Path) -> dict[str, object]:
    """Ask until told to stop; returns how many answers were right, the errors that came, and the wrong answers."""
    import duckdb

    right, wrong = 0, []
    errors: dict[str, int] = {}
    while not stop.exists():
        time.sleep(0.02)  # a pause, so that loads and compactions get their turn on a small machine
        with held(lake, fcntl.LOCK_SH) as known:
            loads = int(known.read_text())
            try:
                found = look(lake)
            except (duckdb.Error, OSError) as error:
                name = f"{type(error).__name__}: {'No such file' in str(error)}"
                errors[name] = errors.get(name, 0) + 1
                continue
        if right_answer(loads).items() <= found.items():
            right += 1
        else:
            wrong.append(found | {"expected": loads})
    return {"right": right, "wrong": wrong[:5], "errors": errors}


def right_answer(loads: int) -> dict[str, int]:
    """What a reader must find when so many loads are committed, `look` but for the files."""
    return {"loads": loads, "rows": loads * ROWS, "sum": ROWS * loads * (loads - 1) // 2, "whole": loads}


@contextlib.contextmanager
def held(lake: Lake, kind: int) -> Iterator[Path]:
    """Keep loads away from questions, and yield the file that tells how many there are: only compaction goes on."""
    known = lake.root.parent / "known"
    with (lake.root.parent / "adding").open("w") as handle:
        fcntl.flock(handle, kind)
        yield known


def main(root: Path, attempts: int, seed: int) -> None:
    """Kill at every named step of every folder, then at random moments; every fifth attempt goes undisturbed."""
    dice = random.Random(seed)
    lake = Lake(root / "lake")
    lake.ensure({"things": SCHEMA})
    moments: list[tuple[str, int] | float | None] = [None]
    moments += [(step, folder) for step in STEPS for folder in (1, 2, 3)]
    moments += [None if number % 5 == 4 else -1.0 for number in range(attempts)] + [None]
    stop = root / "stop"
    loads, usual = 0, math.inf
    finish(*forked(lambda: add(lake, 0)))
    loads += LOADS
    readers = [forked(lambda: read_on(lake, stop)) for _ in range(2)]
    for number, moment in enumerate(moments, start=1):
        loads += finish(*forked(lambda number=number: add(lake, number)))[1]

        def work(moment=moment) -> object:
            seen: dict[str, int] = {}

            def reached(step: str) -> None:
                seen[step] = seen.get(step, 0) + 1
                if moment == (step, seen[step]):
                    os.kill(os.getpid(), signal.SIGKILL)

            return [one.folder for one in compact(lake, min_files=2, reached=reached)]

        started = time.monotonic()
        process, reader = forked(work)
        if isinstance(moment, float):
            moment = dice.uniform(0, usual)
            time.sleep(moment)
            os.kill(process, signal.SIGKILL)
        status, answer = finish(process, reader)
        if moment is None:
            usual = min(usual, time.monotonic() - started)
        found = finish(*forked(lambda: look(lake)))[1]
        told = {"moment": moment, "status": status, "answer": answer, "loads": loads, "found": found}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    stop.touch()
    sys.stdout.write(json.dumps({"readers": [finish(*reader)[1] for reader in readers]}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
