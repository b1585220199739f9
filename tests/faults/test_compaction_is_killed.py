"""kill -9 at any moment of a compaction, and readers all along: no row is seen twice, and none is missing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.lake.compaction import STEPS
from tests.faults.compact_until_killed import right_answer

SCRIPT = Path(__file__).with_name("compact_until_killed.py")
SEED = 20260401


def killed_compactions(root: Path, attempts: int) -> tuple[list[dict], list[dict]]:
    """Run the script; returns what it told of each attempt and of the readers."""
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
    *told, last = [json.loads(line) for line in finished.stdout.splitlines()]
    return told, last["readers"]


def check(attempts: list[dict], readers: list[dict]) -> None:
    """Every answer is the one of all loads, and what went undisturbed did its work."""
    killed = set()
    for attempt in attempts:
        told, found, loads = f"{attempt} (seed {SEED})", attempt["found"], attempt["loads"]
        assert right_answer(loads).items() <= found.items(), told
        if isinstance(attempt["moment"], list):
            assert attempt["status"] == signal.SIGKILL, told
            killed.add(tuple(attempt["moment"]))
        if attempt["moment"] is None:
            assert attempt["answer"] == ["loads", "things/s0", "things/s1"], told
            assert found["files"] == 3, told  # one for each folder, and the table's schema
    assert killed == {(step, folder) for step in STEPS for folder in (1, 2, 3)}
    for reader in readers:
        assert reader["wrong"] == [], reader
        assert reader["right"] > 20, reader
        assert set(reader["errors"]) <= {"IOException: True"}, reader


def test_kill_at_every_step_leaves_every_answer(tmp_path):
    check(*killed_compactions(tmp_path, 5))


@pytest.mark.slow
def test_many_kills_leave_every_answer(tmp_path):
    check(*killed_compactions(tmp_path, 300))
