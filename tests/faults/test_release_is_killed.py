"""kill -9 at any moment of a publication leaves the old release or the new one, and either is whole."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.audit.verdict import verdict_to_dict
from orchestration.publication.manifest import collect_manifest_inputs
from orchestration.publication.release import STEPS, list_releases, publish_release
from orchestration.publication.release_store import is_whole
from tests.unit.publication.reviewed_company import AS_OF, ReviewedCompany

SCRIPT = Path(__file__).with_name("publish_until_killed.py")
SEED = 20260215
SWITCHED = STEPS.index("switched")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def publications(tmp_path_factory):
    """Arguments of two publications that differ."""
    root = tmp_path_factory.mktemp("killed")
    both = []
    for number in range(2):
        company = ReviewedCompany(root / f"company-{number}", key_results=6 + number)
        company.write_site()
        both.append(
            {
                "warehouse": company.warehouse,
                "as_of": AS_OF,
                "verdict_dict": verdict_to_dict(company.verdict()),
                "manifest_inputs": collect_manifest_inputs(company.warehouse, company.outcomes()),
                "site_dir": company.root / "governance" / "current",
                "clock": now,
            }
        )
    return both


@pytest.mark.parametrize("kills", [30, pytest.param(500, marks=pytest.mark.slow)])
def test_kill_leaves_the_old_release_or_the_new_one_whole(publications, tmp_path, kills):
    arguments = tmp_path / "arguments.pickle"
    here = [given | {"releases_dir": tmp_path / "releases"} for given in publications]
    arguments.write_bytes(pickle.dumps(here))
    finished = subprocess.run(
        [sys.executable, str(SCRIPT), str(arguments), str(kills), str(SEED)],
        capture_output=True,
        text=True,
        check=False,
        cwd=SCRIPT.parents[2],
        env={"PYTHONPATH": str(SCRIPT.parents[2]), "PATH": "/usr/bin:/bin"},
        timeout=60 + 5 * kills,
    )
    assert finished.returncode == 0, finished.stderr
    attempts = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(attempts) == len(STEPS) + kills + 3
    before = None
    killed = 0
    for attempt in attempts:
        found, new = attempt["found"], f"{AS_OF}-{attempt['release']}"
        told = f"{attempt} (seed {SEED})"
        assert found.get("whole"), told
        assert found["others_whole"], told
        assert found["current"] in {before, new}, told
        if attempt["moment"] is None:
            assert attempt["status"] == 0, told
            assert found["current"] == new, told  # what the kill before left behind was no hindrance
        if attempt["moment"] in STEPS:
            assert attempt["status"] == signal.SIGKILL, told
            assert (found["current"] == new) == (STEPS.index(attempt["moment"]) >= SWITCHED), told
        killed += attempt["status"] == signal.SIGKILL
        before = found["current"]
    assert killed >= len(STEPS) + kills // 2  # a late kill may find the work done
    releases = tmp_path / "releases"
    left = {path.name for path in releases.iterdir()} - {release.name for release in list_releases(releases)}
    assert left == {".lock", "current", "history.jsonl"}


def _publish(given, release_id, results):
    release = publish_release(**given, release_id=release_id, keep=50)
    results.put((release.name, release.is_new))


def test_publishers_at_once_take_turns(publications, tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    here = [given | {"releases_dir": tmp_path / "releases"} for given in publications]
    workers = [context.Process(target=_publish, args=(here[number % 2], f"p{number}", results)) for number in range(4)]
    for worker in workers:
        worker.start()
    told = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0
    releases = list_releases(tmp_path / "releases")
    assert {release.name for release in releases} == {name for name, is_new in told if is_new}
    assert all(is_whole(release) for release in releases)
    assert sum(release.is_current for release in releases) == 1
    assert releases[0].is_current
