"""Measure a warm run of the flights example against its fixed floor, in the same session.

The floor is what no run can do without: importing dagster, dagster-dbt and great_expectations once, and as many
starts of dbt as the run makes, on an empty project. A run makes one, for two builds; what the floor would be with a
start for each is told beside it. Run it with `make bench`, after one `make run`.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestration.settings import PROJECT_ROOT
from orchestration.transformation import dbt_executable

ROUNDS = 3
DBT_STARTS = 1  # one process builds the models, and after the audit the reports
BUILDS = 2
IMPORTS = "import dagster, dagster_dbt, great_expectations"


def timed(command: list[str], **options: object) -> tuple[float, str]:
    """Run a command; return its seconds and what it printed."""
    started = time.perf_counter()
    finished = subprocess.run(command, capture_output=True, text=True, check=True, **options)  # type: ignore[call-overload]
    return time.perf_counter() - started, finished.stdout + finished.stderr


def empty_project(folder: Path) -> list[str]:
    """Make a dbt project of one trivial model, parsed, and return the command that builds it."""
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "one.sql").write_text("select 1 as one")
    (folder / "dbt_project.yml").write_text(
        "name: empty\nprofile: empty\nversion: '1.0'\nflags: {send_anonymous_usage_stats: false}\n"
    )
    (folder / "profiles.yml").write_text(
        "empty: {target: t, outputs: {t: {type: duckdb, path: empty.duckdb, threads: 2}}}\n"
    )
    command = [dbt_executable(), "--quiet", "build", "--profiles-dir", ".", "--project-dir", "."]
    timed(command, cwd=folder)
    return command


def main() -> None:
    """Print floor, run, their ratio, and the steps of the last run."""
    run = [str(Path(sys.executable).with_name("los")), "--settings", "examples/flights/settings.env", "run"]
    timed(run, cwd=PROJECT_ROOT)
    floors, runs, steps = [], [], ""
    floors_by_build = []
    with tempfile.TemporaryDirectory() as folder:
        build = empty_project(Path(folder) / "empty")
        for _ in range(ROUNDS):
            imports, _ = timed([sys.executable, "-c", IMPORTS], cwd=PROJECT_ROOT)
            starts = [timed(build, cwd=Path(folder) / "empty")[0] for _ in range(BUILDS)]
            floors.append(imports + sum(starts[:DBT_STARTS]))
            floors_by_build.append(imports + sum(starts))
            print(f"floor {floors[-1]:6.2f} s = imports {imports:.2f} + dbt {starts[0]:.2f}; once more {starts[1]:.2f}")
            seconds, steps = timed(run, cwd=PROJECT_ROOT, env={**os.environ})
            runs.append(seconds)
            print(f"run   {seconds:6.2f} s")
    print(f"median: run {statistics.median(runs):.2f} s")
    for name, compared in (("one dbt start, as made", floors), ("a start for each build", floors_by_build)):
        ratio = statistics.median(run / floor for run, floor in zip(runs, compared, strict=True))
        print(f"floor with {name}: {statistics.median(compared):.2f} s, ratio {ratio:.2f} (goal: at most 1.5)")
    print("steps of the last run:")
    for line in steps.splitlines():
        if re.match(r"\s+done ", line):
            print(line)


if __name__ == "__main__":
    main()
