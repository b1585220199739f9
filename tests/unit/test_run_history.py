"""Dagster's history of runs is written without waiting for the disk, and can be read all the same."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from orchestration.run_history import write_without_waiting

OFF, NORMAL, FULL = 0, 1, 2
RUN = "0b5a6d0e-6a3c-4f6e-9f3e-5d6c1c8f2a17.db"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "history" / "runs").mkdir(parents=True)
    write_without_waiting()
    return tmp_path / "home"


def use(path):
    """Open a file as Dagster does, write, and close it; return how far SQLite waits for the disk."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    for _ in range(2):
        with engine.begin() as connection:
            connection.execute(sa.text("pragma journal_mode = wal"))
            connection.execute(sa.text("create table if not exists t (x integer)"))
            connection.execute(sa.text("insert into t values (1)"))
            level = connection.execute(sa.text("pragma synchronous")).scalar()
    engine.dispose()
    return level


@pytest.mark.parametrize(
    ("file", "level", "stays_open"),
    [
        ("home/history/runs/index.db", NORMAL, True),
        ("home/history/runs.db", NORMAL, True),
        (f"home/history/runs/{RUN}", OFF, False),
        ("elsewhere.db", FULL, False),
        (f"{RUN}", FULL, False),
    ],
)
def test_only_the_history_of_runs_waits_less(home, file, level, stays_open):
    path = home.parent / file
    assert use(path) == level
    assert path.with_name(path.name + "-wal").exists() == stays_open
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        assert connection.execute(sa.text("select count(*) from t")).scalar() == 2


def test_what_a_process_wrote_is_there_for_the_next(home):
    import dagster as dg

    program = """
import os
import dagster as dg
from orchestration.run_history import write_without_waiting
write_without_waiting()
@dg.asset
def kept(): return dg.MaterializeResult(metadata={"dagster/row_count": 3})
with dg.DagsterInstance.get() as instance:
    assert dg.materialize([kept], instance=instance).success
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        event = instance.get_latest_materialization_event(dg.AssetKey("kept"))
        assert event.asset_materialization.metadata["dagster/row_count"].value == 3
        kinds = {entry.dagster_event.event_type_value for entry in instance.all_logs(run.run_id) if entry.dagster_event}
        assert {"ASSET_MATERIALIZATION", "STEP_SUCCESS", "PIPELINE_SUCCESS"} <= kinds
