from __future__ import annotations

import csv
import importlib.util
import io
import sys
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


def load_script(name: str) -> ModuleType:
    """Import examples/<name>/make_feeds.py under a name of its own: both examples call their script alike."""
    spec = importlib.util.spec_from_file_location(f"make_feeds_{name}", EXAMPLES / name / "make_feeds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def flights() -> ModuleType:
    return load_script("flights")


@pytest.fixture(scope="session")
def manufacturer() -> ModuleType:
    return load_script("manufacturer")


@pytest.fixture(scope="session")
def flights_landing(flights: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing: Path = tmp_path_factory.mktemp("flights") / "landing"
    flights.main(["--landing", str(landing)])
    return landing


@pytest.fixture(scope="session")
def manufacturer_landing(manufacturer: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing: Path = tmp_path_factory.mktemp("manufacturer") / "landing"
    manufacturer.main(["--landing", str(landing)])
    return landing


Departures = Mapping[tuple[str, date], Sequence[float | None]]


@pytest.fixture(scope="session")
def departures(flights: ModuleType) -> Departures:
    """(carrier, airport or NYC, day) -> delay of each departure in minutes, None where it was cancelled.

    Read with nothing but the standard library, so that a mistake of the script is not made here as well.
    """
    found: dict[tuple[str, date], list[float | None]] = {}
    with zipfile.ZipFile(flights.flights_archive()) as archive, archive.open("flights.csv") as raw:
        rows = csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""))
        header = next(rows)
        at = {name: header.index(name) for name in header}
        year, month, day, left, late = (at[name] for name in ("year", "month", "day", "dep_time", "dep_delay"))
        carrier, origin = at["carrier"], at["origin"]
        for row in rows:
            flight_date = date(int(row[year]), int(row[month]), int(row[day]))
            delay = None if row[left] in ("", "NA") else float(row[late])
            for unit in (row[carrier], row[origin], "NYC"):
                found.setdefault((unit, flight_date), []).append(delay)
    return found
