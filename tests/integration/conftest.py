"""The warehouse of the small company, built once for all tests of the dbt project."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.integration import acme
from tests.integration.tiny_lake import TinyLake, Warehouse


@pytest.fixture(scope="session")
def acme_lake(tmp_path_factory: pytest.TempPathFactory) -> TinyLake:
    return acme.write(tmp_path_factory.mktemp("acme") / "lake")


@pytest.fixture(scope="session")
def acme_warehouse(acme_lake: TinyLake, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Everything built, without an audit: tests that change it build it back."""
    folder: Path = tmp_path_factory.mktemp("warehouse")
    return Warehouse(
        lake=acme_lake.root,
        path=folder / "warehouse.duckdb",
        target=folder / "target",
        as_of=acme.AS_OF,
        known_at=datetime(2026, 2, 11),
    ).build()
