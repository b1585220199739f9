"""A company drawn at random, and drawn anew later. Each docstring is the failure that it prevents."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import PROJECT_ROOT
from tests.random_company import RandomCompany

# What is drawn later replaces every definition: versions, withdrawn records, goals changed after the lock.
DRAWN = [(2, date(2026, 5, 20)), (6, date(2026, 10, 20))]

Runs = tuple[Path, list[subprocess.CompletedProcess[str]]]


def run(folder: Path, as_of: date) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "LOS_COMPANY_DIR": str(folder / "company"),
        "LOS_DATA_DIR": str(folder / "data"),
        "LOS_LANDING_DIR": str(folder / "landing"),
        "LOS_AS_OF": as_of.isoformat(),
    }
    command = [str(Path(sys.executable).with_name("los")), "run"]
    return subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("random")
    done = []
    for seed, as_of in DRAWN:
        company = RandomCompany(seed, kpis=60, objectives=40, key_results_each=6)
        company.write(folder / "company")
        company.write_feeds(folder / "landing", as_of)
        done.append(run(folder, as_of))
    done.append(run(folder, DRAWN[-1][1]))
    return folder, done


def test_whatever_the_files_may_say_is_built_and_published(
    runs: Runs,
) -> None:
    """A combination that nobody thought of stops the run, or doubles a row and closes the gate."""
    for done in runs[1]:
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Gate:            open" in done.stdout


def test_a_run_without_news_publishes_nothing(runs: Runs) -> None:
    """Figures that depend on the order in which threads come make every run another release."""
    assert "(published)" in runs[1][1].stdout
    assert "(unchanged: it was published before)" in runs[1][2].stdout


def test_every_rule_was_evaluated(runs: Runs) -> None:
    """A rule that fails on unusual rows is taken for one that found nothing."""
    outcomes = runs[0] / "data" / "lake" / "rule_outcomes"
    with duckdb.connect() as connection:
        found = connection.execute(f"select outcome, count(*) from '{outcomes}/**/*.parquet' group by all").fetchall()
    assert {outcome for outcome, _ in found} == {"passed", "failed"}
