from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from orchestration.settings import PREFIX, PROJECT_ROOT, load_settings

GOLDEN = PROJECT_ROOT / "tests" / "golden"
REAL = PROJECT_ROOT.parent / "shared" / "real"
_STATUS = pytest.StashKey[int]()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """A developer's own LOS_ variables must not reach a test."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    for name in ("DAGSTER_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "yes" if name.startswith("DAGSTER") else "1")


class GoldenProject:
    """A copy of the golden company in a folder of its own, with everything that runs make beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.company = root / "company"
        self.landing = root / "landing"
        shutil.copytree(GOLDEN / "company", self.company)
        shutil.copytree(GOLDEN / "landing", self.landing)

    def settings(self, **overrides):
        """Settings of the project, as of 2026-02-15."""
        values = {
            "LOS_COMPANY_DIR": str(self.company),
            "LOS_LANDING_DIR": str(self.landing),
            "LOS_DATA_DIR": str(self.root / "data"),
            "LOS_AS_OF": "2026-02-15",
            "LOS_FIRST_AS_OF": "2026-01-01",
            "LOS_DUCKDB_MEMORY_LIMIT": "1GB",
        }
        return load_settings({**values, **overrides})

    def edit(self, relative: str, old: str, new: str, count: int = 1) -> None:
        """Replace text in a file of the project; the text must stand there exactly `count` times."""
        path = self.root / relative
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == count, f"{relative} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *, publish: bool = True, rebuild: bool = False, **overrides) -> int:
        """Run the pipeline as `los run` does; returns its exit code."""
        from orchestration.cli import _dagster_home
        from orchestration.pipeline import run_pipeline

        settings = self.settings(**overrides)
        _dagster_home(settings)
        return run_pipeline(settings, as_of=None, publish=publish, rebuild=rebuild)

    def query(self, sql: str) -> list[tuple]:
        """Query the current release."""
        import duckdb

        with duckdb.connect(str(self.root / "data/releases/current/reports.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def golden(tmp_path) -> GoldenProject:
    return GoldenProject(tmp_path / "golden")


@pytest.fixture(scope="session")
def real() -> Path:
    """The public inputs beside the checkout."""
    if not REAL.is_dir():
        pytest.skip("the public inputs (../shared/real) are not on this machine")
    return REAL


def pytest_sessionfinish(session, exitstatus):
    session.config.stash[_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    # DuckDB 2.0 lists its own objects as leaks when the interpreter takes itself apart: forty lines after the result.
    # A worker of pytest-xdist still has its last results to hand over.
    if _STATUS in config.stash and not hasattr(config, "workerinput"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_STATUS])
