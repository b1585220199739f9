"""A file of 5 GB is loaded in bounded memory, and every row of it is accounted for."""

from __future__ import annotations

import shutil

import pytest

from tests.benchmarks.ingest import MEMORY_GIB, generate, measured

ROWS = 180_000_000
KPIS = 20_000
FREE_BYTES = 15 * 10**9
"""The file, what DuckDB spills, and the lake."""


@pytest.mark.slow
def test_file_of_five_gigabytes_takes_bounded_memory_and_loses_nothing(tmp_path, record_property):
    free = shutil.disk_usage(tmp_path).free
    if free < FREE_BYTES:
        pytest.skip(f"{free / 1e9:.0f} GB of disk are free, and it takes {FREE_BYTES / 1e9:.0f}")
    path = tmp_path / "big.csv"
    generate(path, ROWS, 1, KPIS)
    assert path.stat().st_size > 5 * 10**9
    run = measured("ours", path, tmp_path, KPIS)
    record_property("run", {**run, "bytes": path.stat().st_size})
    path.unlink()
    assert run["peak"] < MEMORY_GIB
    assert run["read"] == ROWS == run["accepted"] + run["quarantined"]
    assert run["quarantined"] == ROWS // 100
