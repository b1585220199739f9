"""kill -9, a full disk and two loads at once leave whole loads only, and the next run completes the rest."""

from __future__ import annotations

import json
import multiprocessing
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.errors import LosError
from tests.faults.load_until_killed import FILES, ROWS, STEPS, KillableFeed, at_step, content, look

SCRIPT = Path(__file__).with_name("load_until_killed.py")
SEED = 20260301


def killed_loads(root: Path, attempts: int) -> list[dict]:
    """Run the script; returns what it told."""
    finished = subprocess.run(
        [sys.executable, str(SCRIPT), str(root), str(attempts), str(SEED)],
        capture_output=True,
        text=True,
        check=False,
        cwd=SCRIPT.parents[2],
        env={"PYTHONPATH": str(SCRIPT.parents[2]), "PATH": "/usr/bin:/bin"},
        timeout=3600,
    )
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def check(attempts: list[dict]) -> None:
    """Every reader found whole loads only, each once, and every undisturbed run completed what was missing."""
    landed: dict[str, float] = {}
    before: dict[str, float] = {}
    for attempt in attempts:
        told, found = f"{attempt} (seed {SEED})", attempt["found"]
        landed[f"ops/{attempt['version'] % FILES}.csv"] = float(attempt["version"])
        assert found.get("whole"), told
        assert found["distinct"] == found["loads"], told  # nothing was loaded a second time
        assert all(found["current"].get(name, -1) >= value for name, value in before.items()), told
        assert all(landed[name] >= value for name, value in found["current"].items()), told
        if attempt["moment"] is None:
            assert attempt["status"] == 0, told
            assert found["current"] == landed, told
        if attempt["moment"] in STEPS:
            assert attempt["status"] == signal.SIGKILL, told
        before = found["current"]
    by_step = {attempt["moment"]: attempt for attempt in attempts if attempt["moment"] in STEPS}
    assert set(by_step) == set(STEPS)
    loads = [by_step[step]["found"]["loads"] for step in STEPS]
    assert loads == [1, 1, 1, 2]  # only the ledger row commits


def test_kill_leaves_whole_loads_and_the_next_run_completes_the_rest(tmp_path):
    attempts = killed_loads(tmp_path, 20)
    check(attempts)
    assert (
        sum(attempt["status"] == signal.SIGKILL for attempt in attempts) >= len(STEPS) + 6
    )  # a late kill may find the work done
    feed = KillableFeed(tmp_path)
    feed.lake.collect_orphans()
    committed = {path.stem for path in (feed.lake.root / "loads").glob("*.parquet")}
    data = {path.stem for path in feed.lake.root.rglob("*.parquet")}
    assert data == committed
    assert not list((feed.lake.root / ".staging").iterdir())


@pytest.mark.slow
def test_many_kills_leave_whole_loads(tmp_path):
    check(killed_loads(tmp_path, 500))


def _load_with_little_room(root: Path, limit: int, results) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        report = KillableFeed(root).ingest(clock=datetime.now(UTC))
    except LosError as error:
        results.put(str(error))
    else:
        results.put([result.status for result in report.files])


@pytest.mark.parametrize("limit", [0, 500, 4000])
def test_file_size_limit_leaves_the_lake_as_it_was(tmp_path, limit):
    feed = KillableFeed(tmp_path)
    feed.put(content(1), "ops/1.csv")
    feed.ingest(clock=datetime.now(UTC))
    feed.put(content(2), "ops/2.csv")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    worker = context.Process(target=_load_with_little_room, args=(tmp_path, limit, results))
    worker.start()
    told = results.get(timeout=60)
    worker.join(timeout=60)
    assert isinstance(told, str), told  # an error that says what to do, not a rejected file
    assert look(tmp_path) == {"whole": True, "loads": 1, "distinct": 1, "current": {"ops/1.csv": 1.0}}
    feed.ingest(clock=datetime.now(UTC))
    assert look(tmp_path)["current"] == {"ops/1.csv": 1.0, "ops/2.csv": 2.0}


@pytest.mark.parametrize("step", ["before_data", "after_data", "before_ledger"])
def test_full_disk_at_a_step_of_the_commit_leaves_the_lake_as_it_was(tmp_path, step):
    def refuse() -> None:
        raise OSError(28, "No space left on device")

    feed = KillableFeed(tmp_path)
    feed.put(content(1), "ops/1.csv")
    with at_step(step, refuse), pytest.raises(LosError, match="No space left"):
        feed.ingest(clock=datetime.now(UTC))
    assert look(tmp_path)["loads"] == 0
    assert [result.status for result in feed.ingest(clock=datetime.now(UTC)).files] == ["loaded"]
    assert look(tmp_path)["current"] == {"ops/1.csv": 1.0}


def _load(root: Path, results) -> None:
    report = KillableFeed(root).ingest(clock=datetime.now(UTC))
    results.put([result.status for result in report.files])


def test_two_loads_at_once_load_every_file_once(tmp_path):
    feed = KillableFeed(tmp_path)
    for number in range(FILES):
        feed.put(content(number + 1), f"ops/{number}.csv")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_load, args=(tmp_path, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    told = sorted(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0
    assert told == [["loaded"] * FILES, ["unchanged"] * FILES]
    found = look(tmp_path)
    assert found["whole"]
    assert found["loads"] == FILES
    assert len(feed.rows("observations")) == ROWS * FILES
