from __future__ import annotations

import csv
import json
from datetime import date, datetime
from pathlib import Path
from types import ModuleType

import pytest

RELEASE, QUARTER_END = date(2026, 4, 6), date(2026, 6, 30)


def _order_desk(landing: Path) -> dict[str, dict[date, float]]:
    series: dict[str, dict[date, float]] = {}
    for path in sorted((landing / "order_desk").iterdir()):
        with path.open(newline="") as source:
            for line in csv.DictReader(source):
                series.setdefault(line["measure"], {})[date.fromisoformat(line["day"])] = float(line["value"])
    return series


def _make(manufacturer: ModuleType, folder: Path, story: str, seed: int = 2026) -> dict[str, dict[date, float]]:
    folder.mkdir()
    manufacturer.write_feeds(folder, seed, manufacturer.STORIES[story])
    return _order_desk(folder)


def _bytes(landing: Path) -> dict[str, bytes]:
    return {
        path.relative_to(landing).as_posix(): path.read_bytes()
        for path in landing.rglob("*")
        if path.is_file() and path.name != ".made_by.json"
    }


def test_output_is_the_same_bytes_every_time(
    manufacturer: ModuleType, manufacturer_landing: Path, tmp_path: Path
) -> None:
    _make(manufacturer, tmp_path / "again", "portal")
    assert _bytes(tmp_path / "again") == _bytes(manufacturer_landing)


def test_another_seed_makes_other_figures(manufacturer: ModuleType, manufacturer_landing: Path, tmp_path: Path) -> None:
    _make(manufacturer, tmp_path / "other", "portal", seed=7)
    assert _bytes(tmp_path / "other").keys() == _bytes(manufacturer_landing).keys()
    assert _bytes(tmp_path / "other") != _bytes(manufacturer_landing)


def test_every_file_has_the_rows_that_the_script_prints(manufacturer_landing: Path) -> None:
    rows = json.loads((manufacturer_landing / ".made_by.json").read_text())["files"]
    assert set(rows) == set(_bytes(manufacturer_landing))
    assert len(rows) == 34
    for name, count in rows.items():
        lines = (manufacturer_landing / name).read_text().splitlines()
        assert count == len(lines) - name.endswith(".csv"), name


@pytest.mark.parametrize("seed", [2026, 1, 99])
def test_three_minutes_cost_400_000_by_the_end_of_the_quarter(
    manufacturer: ModuleType, tmp_path: Path, seed: int
) -> None:
    with_portal = _make(manufacturer, tmp_path / "portal", "portal", seed)
    without = _make(manufacturer, tmp_path / "no_effect", "no_effect", seed)
    latency, orders = with_portal["order_processing_latency_minutes"], with_portal["orders_count"]
    added = {day: value - without["order_processing_latency_minutes"][day] for day, value in latency.items()}
    window = [day for day in latency if RELEASE <= day <= QUARTER_END]
    assert len(window) == 60
    assert all(added[day] == pytest.approx(3 if day in window else 0, abs=1e-9) for day in latency)
    assert orders == without["orders_count"]
    assert sum(orders[day] for day in window) == 60_000
    cost = sum(added[day] * orders[day] * 2.2222222222 for day in window)
    assert cost == pytest.approx(400_000, abs=0.01)


def test_history_before_the_release_suffices_for_detection(manufacturer_landing: Path) -> None:
    latency = _order_desk(manufacturer_landing)["order_processing_latency_minutes"]
    before = [value for day, value in latency.items() if day < RELEASE]
    mean = sum(before) / len(before)
    spread = (sum((value - mean) ** 2 for value in before) / (len(before) - 1)) ** 0.5
    assert len(before) == 511
    assert mean == pytest.approx(14, abs=0.15)
    assert 0.9 < spread < 1.4  # noise of 1, and the pattern of the week


def test_stories_differ_from_the_portal_in_what_they_say_and_nothing_else(
    manufacturer: ModuleType, tmp_path: Path
) -> None:
    portal = _make(manufacturer, tmp_path / "portal", "portal")["order_processing_latency_minutes"]
    silent = _make(manufacturer, tmp_path / "missing_data", "missing_data")["order_processing_latency_minutes"]
    assert silent.items() <= portal.items()
    assert min(portal.keys() - silent.keys()) == RELEASE
    assert len(portal.keys() - silent.keys()) == 15

    month_end = _make(manufacturer, tmp_path / "month_end", "month_end")["order_processing_latency_minutes"]
    calm = _make(manufacturer, tmp_path / "no_effect", "no_effect")["order_processing_latency_minutes"]
    raised = [day for day in calm if month_end[day] != calm[day]]
    assert len(raised) == 3 * 27
    assert all(month_end[day] - calm[day] == pytest.approx(2) for day in raised)

    unreleased = _make(manufacturer, tmp_path / "no_release", "no_release")["order_processing_latency_minutes"]
    assert unreleased == portal
    adoption = [
        json.loads(line)["value"]
        for path in (tmp_path / "no_release" / "portal").iterdir()
        for line in path.read_text().splitlines()
        if json.loads(line)["measure"] == "portal_adoption_share"
    ]
    assert set(adoption) == {0}


def test_books_are_closed_on_the_eighth_working_day(manufacturer_landing: Path) -> None:
    with (manufacturer_landing / "finance_workbook" / "2026.csv").open(newline="") as source:
        lines = {line["Month"]: line for line in csv.DictReader(source)}
    assert lines["04/01/2026"]["Closed"] == "2026-05-12 17:00"
    overtime = {month: float(line["Order desk overtime (h)"].replace(",", "")) for month, line in lines.items()}
    assert overtime["05/01/2026"] > 1350 > overtime["03/01/2026"]
    early = (manufacturer_landing / "finance_workbook" / "2024.csv").read_text().splitlines()[1:]
    assert all(",n/a," in line for line in early)


def test_nothing_is_reported_before_it_happened(manufacturer_landing: Path) -> None:
    for path in (manufacturer_landing / "portal").iterdir():
        for line in path.read_text().splitlines():
            record = json.loads(line)
            assert datetime.fromisoformat(record["sent_at"]).date() > date.fromisoformat(record["day"])


def test_story_and_seed_are_part_of_the_version(
    manufacturer: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, is_new in (
        ([], True),
        ([], False),
        (["--story", "no_effect"], True),
        (["--story", "no_effect", "--seed", "3"], True),
    ):
        manufacturer.main(["--landing", str(tmp_path), *arguments])
        assert ("wrote 34 files" in capsys.readouterr().out) is is_new, arguments


def test_settings_file_names_the_landing_folder_and_the_environment_wins(
    manufacturer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text(f"LOS_DATA_DIR={tmp_path / 'from_file'}\n")
    manufacturer.main(["--settings", str(settings)])
    assert (tmp_path / "from_file" / "landing" / "order_desk" / "2026-Q2.csv").is_file()
    monkeypatch.setenv("LOS_LANDING_DIR", str(tmp_path / "elsewhere"))
    manufacturer.main(["--settings", str(settings)])
    assert (tmp_path / "elsewhere" / "order_desk" / "2026-Q2.csv").is_file()


def test_a_wrong_settings_file_is_told_in_one_line(manufacturer: ModuleType, tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text("LOS_DATADIR=x\n")
    with pytest.raises(SystemExit, match="did you mean LOS_DATA_DIR"):
        manufacturer.main(["--settings", str(settings)])
