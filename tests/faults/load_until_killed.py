"""Loads the files of a feed again and again and is killed each time. Run as a script by the test beside it.

One process imports everything; each attempt is a fork of it that opens DuckDB itself, so that an attempt costs no
start-up. Before each attempt one file is delivered anew; after it another fork reads the lake. Prints one line of JSON
per attempt.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orchestration.lake.store as store
from tests.faults.publish_until_killed import finish, forked
from tests.unit.ingestion.small_feed import HEADER, SmallFeed

FILES = 3
ROWS = 300
STEPS = ("before_data", "after_data", "before_ledger", "after_ledger")
"""Moments of a commit: around the first data file's move into place, and around the ledger's."""


def content(version: int) -> str:
    """A file whose every value is its version, one row of ten bad: mixed versions would show."""
    start = datetime(2020, 1, 1)
    lines = [f"latency,{(start + timedelta(days=day)):%Y-%m-%d},{version}\n" for day in range(ROWS)]
    return HEADER + "".join(lines) + "latency,2020-01-01,x\n" * (ROWS // 10)


class KillableFeed(SmallFeed):
    """A feed whose landing folder and lake may exist already."""

    def __init__(self, root: Path) -> None:
        (root / "landing" / "ops").mkdir(parents=True, exist_ok=True)
        with patch.object(Path, "mkdir", lambda *given, **options: None):
            super().__init__(root)


def at_step(step: str, act: Callable[[], None]) -> Any:
    """Patch the store so that `act` is called at a step of the first commit."""
    replace = store._replace

    def watched(source: Path, target: Path) -> None:
        kind = "ledger" if target.parent.name == "loads" else "data"
        is_file = target.name != store.SCHEMA_FILE
        if is_file and step == f"before_{kind}":
            act()
        replace(source, target)
        if is_file and step == f"after_{kind}":
            act()

    return patch.object(store, "_replace", watched)


def look(root: Path) -> dict[str, Any]:
    """What a reader finds: every committed load, and whether it is whole."""
    feed = KillableFeed(root)
    found: dict[str, list] = {}
    for row in feed.rows("observations"):
        found.setdefault(row["load_id"], []).append((str(row["period_start_on"]), row["value"]))
    bad: dict[str, int] = {}
    for row in feed.rows("quarantine"):
        bad[row["load_id"]] = bad.get(row["load_id"], 0) + 1
    loads = feed.rows("loads")
    whole = all(
        len(found.get(load["load_id"], ())) == load["rows_accepted"] - load["rows_collapsed"] == ROWS
        and bad.get(load["load_id"], 0) == load["rows_quarantined"] == ROWS // 10
        and len({value for _, value in found[load["load_id"]]}) == 1
        and len({day for day, _ in found[load["load_id"]]}) == ROWS
        for load in loads
    )
    current: dict[str, float] = {}
    for load in loads:  # ordered by time
        current[load["source_file"]] = found[load["load_id"]][0][1]
    return {
        "whole": whole,
        "loads": len(loads),
        "distinct": len({(load["source_file"], load["file_sha256"]) for load in loads}),
        "current": current,
    }


def main(root: Path, attempts: int, seed: int) -> None:
    """Kill at every named step, then at random moments; every tenth attempt and the last go undisturbed."""
    dice = random.Random(seed)
    usual = math.inf  # seconds that a load takes when nobody kills it
    moments: list[str | float | None] = [None, *STEPS, None]
    moments += [None if number % 10 == 9 else -1.0 for number in range(attempts)] + [None]
    feed = KillableFeed(root)
    for version, moment in enumerate(moments):
        feed.put(content(version), f"ops/{version % FILES}.csv")

        def ingest(moment=moment) -> object:
            def die() -> None:
                os.kill(os.getpid(), signal.SIGKILL)

            with at_step(moment if isinstance(moment, str) else "", die):
                report = feed.ingest(clock=datetime.now(UTC))
            return [result.status for result in report.files]

        started = time.monotonic()
        process, reader = forked(ingest)
        if isinstance(moment, float):
            moment = dice.uniform(0, usual)
            time.sleep(moment)
            os.kill(process, signal.SIGKILL)
        status, answer = finish(process, reader)
        if moment is None:
            usual = min(usual, time.monotonic() - started)
        found = finish(*forked(lambda: look(root)))[1]
        told = {"version": version, "moment": moment, "status": status, "answer": answer, "found": found}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
