"""The dbt process of a run: it serves one build after another, and holds nothing in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from orchestration.dbt_process import DbtError, DbtProcess, dbt_process, started_early
from orchestration.lake.store import Lake
from orchestration.tables import LAKE_TABLES
from orchestration.transformation import prepare, run_variables
from tests.conftest import GoldenProject

BUILD = ["build", "--no-write-json", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
SMALL = [*BUILD, "--select", "+rpt_integrity_failures"]
"""A few models, and ephemeral ones among them, which a second build must compile again."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    settings = GoldenProject(tmp_path_factory.mktemp("dbt") / "golden").settings()
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    Lake(settings.lake_dir).ensure(LAKE_TABLES)
    prepare(settings)
    return settings


@pytest.fixture
def environment(settings):
    return run_variables(settings, as_of=date(2026, 2, 15), run_id="run")


@pytest.fixture(scope="module")
def process(settings):
    """One process for all tests that leave it running."""
    with dbt_process(settings) as process:
        yield process


def names(events):
    return [event["data"]["node_info"]["node_name"] for event in events if event["info"]["name"] == "LogModelResult"]


def open_elsewhere(settings):
    """Open the warehouse for writing in another process; return what it says."""
    program = f"import duckdb; duckdb.connect({str(settings.warehouse_path)!r}).close(); print('opened')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def is_alive(pid):
    """Whether a process runs; one that ended and that nobody has asked for its exit code does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_build_after_build_gives_the_same_and_leaves_the_warehouse_to_others(process, settings, environment):
    built = []
    for _ in range(2):
        built.append(sorted(names(process.run(SMALL, environment))))
        assert open_elsewhere(settings) == "opened"
    assert built[0] == built[1]
    assert {"int_run__context", "dim_person", "rpt_integrity_failures"} < set(built[0])


def test_each_command_has_its_own_environment(process, settings, environment):
    import duckdb

    for day in ("2026-02-14", "2026-02-13"):
        list(process.run([*BUILD, "--select", "int_run__context"], environment | {"LOS_AS_OF": day}))
        with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
            assert connection.execute("select as_of from intermediate.int_run__context").fetchone() == (
                date.fromisoformat(day),
            )


def test_failing_model_is_named_in_one_line_and_the_process_goes_on(process, environment):
    with pytest.raises(DbtError) as raised:
        list(process.run([*BUILD, "--select", "int_run__context"], environment | {"LOS_AS_OF": "no-day"}))
    message, _, remedy = str(raised.value).partition("; do: ")
    assert message.startswith("Runtime Error in model int_run__context (models/intermediate/int_run__context.sql): ")
    assert 'invalid date field format: "no-day"' in message
    assert "\n" not in message
    assert remedy.endswith("dbt.log")
    assert names(process.run([*BUILD, "--select", "int_run__context"], environment)) == ["int_run__context"]


def test_locked_warehouse_is_told_with_who_holds_it(process, settings, environment):
    program = f"import duckdb, time; c = duckdb.connect({str(settings.warehouse_path)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        holder.stdout.readline()
        with pytest.raises(DbtError, match=rf"Could not set lock on file .*PID {holder.pid}"):
            list(process.run(SMALL, environment))
        holder.kill()


def test_wrong_command_says_so(process, environment):
    with pytest.raises(DbtError, match="No such option '--no-such'"):
        list(process.run(["build", "--no-such"], environment))


def test_process_that_is_killed_fails_the_build(settings, environment):
    with dbt_process(settings) as process:
        process._process.send_signal(signal.SIGKILL)
        with pytest.raises(DbtError, match="ended with code -9 before it was done"):
            list(process.run(SMALL, environment))


def test_build_that_is_given_up_lets_go_of_the_warehouse(settings, environment):
    with dbt_process(settings) as process:
        events = process.run(BUILD, environment)
        for event in events:
            if event["info"]["name"] == "LogModelResult":
                break
        assert open_elsewhere(settings) != "opened"
        events.close()
        assert not process.is_running
        assert open_elsewhere(settings) == "opened"


def test_process_ends_with_its_parent(settings, tmp_path):
    """Killed runs leave a process behind each."""
    program = (
        "import os, sys; from orchestration.dbt_process import DbtProcess; "
        "from orchestration.settings import load_settings; "
        "process = DbtProcess(load_settings(os.environ)); print(process._process.pid, flush=True); "
        "os.kill(os.getpid(), 9)"
    )
    environment = os.environ | settings.variables()
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    child = int(done.stdout)
    deadline = time.monotonic() + 60
    while is_alive(child):
        assert time.monotonic() < deadline, f"process {child} outlives the one that started it"
        time.sleep(0.2)


def test_process_started_early_serves_the_run_that_started_it_and_no_other(settings, golden):
    with started_early(settings):
        with dbt_process(golden.settings()) as other:
            pass
        with dbt_process(settings) as mine:
            assert mine is not other
        with dbt_process(settings) as second:
            assert second is not mine
    assert isinstance(mine, DbtProcess)
    assert not mine.is_running
