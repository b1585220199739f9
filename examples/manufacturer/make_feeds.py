"""Make the manufacturer example's feeds: two years of an invented company, then the quarter of the portal.

    python examples/manufacturer/make_feeds.py --landing data-manufacturer/landing [--story portal] [--seed 2026]

Every figure is drawn from a stream of its own, seeded by the seed and the KPI's id. So two stories of one seed differ
in what the story changes and in nothing else, and a KPI added later leaves the others as they are.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees only its own folder

import landing as landing_folder

FIRST_DAY, LAST_DAY = date(2024, 4, 1), date(2026, 6, 30)
RELEASE_ON = date(2026, 4, 6)
PILOT_FROM = date(2026, 3, 2)
QUARTER_ENDS_ON = date(2026, 6, 30)
ORDERS_IN_WINDOW = 60_000
"""Orders from the release to the end of the quarter, whatever the seed: 1,000 on each of the 60 working days. The cost
of a minute in company/kpis/operations.yml rests on it: 400,000 USD / (3 minutes x 60,000 orders)."""
CHICAGO = ZoneInfo("America/Chicago")
DEFAULT_SEED = 2026

HOLIDAYS = frozenset(
    date.fromisoformat(day)
    for day in (
        *("2024-05-27", "2024-06-19", "2024-07-04", "2024-09-02", "2024-11-28", "2024-12-25"),
        *("2025-01-01", "2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25"),
        *("2026-01-01", "2026-05-25", "2026-06-19"),
    )
)


@dataclass(frozen=True)
class Story:
    """What happens to the company: one set of parameters per story.

    Attributes:
        is_released: whether customers use the portal from RELEASE_ON on.
        slower_by_minutes: what an order takes longer from RELEASE_ON on, in minutes.
        month_end_minutes: what it takes longer on the last three working days of every month, in minutes.
        silent_from: first day that the order desk's feed leaves out, if any.
        silent_to: last day that it leaves out.
    """

    is_released: bool = True
    slower_by_minutes: float = 3.0
    month_end_minutes: float = 0.0
    silent_from: date | None = None
    silent_to: date | None = None


STORIES: Mapping[str, Story] = {
    "portal": Story(),
    "no_effect": Story(slower_by_minutes=0),
    # The company files say that phase 1 is live: take `completed_on` of its milestone away with this story.
    "no_release": Story(is_released=False),
    "missing_data": Story(silent_from=RELEASE_ON, silent_to=RELEASE_ON + timedelta(days=20)),
    "month_end": Story(slower_by_minutes=0, month_end_minutes=2),
}


@dataclass(frozen=True)
class Observation:
    """One KPI value of one period; `sent_at` is when the source had it."""

    kpi: str
    period: date
    value: float
    unit: str
    sent_at: datetime


# Periods


def days(first: date = FIRST_DAY, last: date = LAST_DAY) -> Iterator[date]:
    """Yield every day of an interval."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def is_working_day(day: date) -> bool:
    """Return whether the company works: Monday to Friday but for holidays."""
    return day.weekday() < 5 and day not in HOLIDAYS


def working_days(first: date = FIRST_DAY, last: date = LAST_DAY) -> list[date]:
    """Return the working days of an interval."""
    return [day for day in days(first, last) if is_working_day(day)]


def _month_end_days() -> frozenset[date]:
    """Return the last three working days of every month."""
    by_month: dict[tuple[int, int], list[date]] = {}
    for day in working_days():
        by_month.setdefault((day.year, day.month), []).append(day)
    return frozenset(day for month in by_month.values() for day in month[-3:])


def _sent(period_end: date, at: time = time(5, 0), days_later: int = 1) -> datetime:
    return datetime.combine(period_end + timedelta(days=days_later), at, CHICAGO)


def _book_closing(month: date) -> datetime:
    """Return when a month's books are closed: on the eighth working day of the next one, at five in the afternoon."""
    first = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    eighth = [day for day in days(first, first + timedelta(days=20)) if is_working_day(day)][7]
    return datetime.combine(eighth, time(17, 0), CHICAGO)


# Figures


def _order_counts(seed: int) -> dict[date, int]:
    """Return orders per working day: 1,000 a day, more on Mondays, 3 % growth a year."""
    draw = Random(f"{seed}:orders_count")
    pattern = (1.12, 1.03, 1.0, 0.97, 0.88)
    raw = {
        day: 1000 * pattern[day.weekday()] * 1.03 ** ((day - RELEASE_ON).days / 365) * draw.normalvariate(1, 0.05)
        for day in working_days()
    }
    # From the release to the end of the quarter the orders add up to ORDERS_IN_WINDOW exactly: rounding the running
    # total, not each day, loses none.
    window = [day for day in raw if RELEASE_ON <= day <= QUARTER_ENDS_ON]
    scale = ORDERS_IN_WINDOW / sum(raw[day] for day in window)
    counts = {day: round(value) for day, value in raw.items()}
    exact, given = 0.0, 0
    for day in window:
        exact += raw[day] * scale
        counts[day] = round(exact) - given
        given += counts[day]
    return counts


def _latencies(seed: int, story: Story) -> dict[date, float]:
    """Return minutes per order and working day: 14, a weekday pattern, noise of sd 1, and what the story adds."""
    draw = Random(f"{seed}:order_processing_latency_minutes")
    pattern = (0.8, 0.2, -0.1, -0.4, -0.5)
    month_ends = _month_end_days()
    return {
        day: round(14 + pattern[day.weekday()] + draw.normalvariate(0, 1), 2)
        + (story.slower_by_minutes if day >= RELEASE_ON else 0)
        + (story.month_end_minutes if day in month_ends else 0)
        for day in working_days()
    }


def _order_desk(seed: int, story: Story) -> list[Observation]:
    observations = []
    orders = _order_counts(seed)
    for day, latency in _latencies(seed, story).items():
        if story.silent_from and story.silent_to and story.silent_from <= day <= story.silent_to:
            continue
        sent_at = _sent(day)
        observations += [
            Observation("order_processing_latency_minutes", day, round(latency, 2), "minutes", sent_at),
            Observation("orders_count", day, orders[day], "orders", sent_at),
        ]
    return observations


def _shipping(seed: int, story: Story) -> list[Observation]:
    on_time, defects = Random(f"{seed}:on_time_delivery_share"), Random(f"{seed}:defect_share")
    observations = []
    for day in working_days():
        sent_at = _sent(day)
        observations += [
            Observation(
                "on_time_delivery_share", day, round(min(1, on_time.normalvariate(0.945, 0.012)), 4), "share", sent_at
            ),
            Observation("defect_share", day, round(max(0, defects.normalvariate(0.018, 0.004)), 4), "share", sent_at),
        ]
    return observations


def _portal(seed: int, story: Story) -> list[Observation]:
    adoption, availability = Random(f"{seed}:portal_adoption_share"), Random(f"{seed}:portal_availability_share")
    observations = []
    for day in days(PILOT_FROM):
        sent_at = _sent(day, time(1, 0))
        uptime = 1 - abs(availability.normalvariate(0, 0.002))
        observations.append(Observation("portal_availability_share", day, round(uptime, 5), "share", sent_at))
        if is_working_day(day):
            noise = adoption.normalvariate(0, 0.006)
            elapsed = len(working_days(RELEASE_ON, day))
            share = max(0.0, 0.3 * (1 - math.exp(-elapsed / 25)) + noise) if elapsed and story.is_released else 0.0
            observations.append(Observation("portal_adoption_share", day, round(share, 4), "share", sent_at))
    return observations


def _sales(seed: int, story: Story) -> list[Observation]:
    leads, quotes = Random(f"{seed}:lead_velocity_count"), Random(f"{seed}:quote_turnaround_hours")
    observations = []
    for day in days():
        if day.weekday() == 0 and day + timedelta(days=6) <= LAST_DAY:
            growth = 1.12 ** ((day - RELEASE_ON).days / 365)
            count = max(0, round(88 * growth + leads.normalvariate(0, 7)))
            sent_at = _sent(day + timedelta(days=6), time(7, 0))
            observations.append(Observation("lead_velocity_count", day, count, "leads", sent_at))
        if is_working_day(day):
            hours = round(max(4, quotes.normalvariate(26, 3)), 1)
            observations.append(Observation("quote_turnaround_hours", day, hours, "hours", _sent(day, time(7, 0))))
    return observations


def _finance(seed: int, story: Story) -> list[Observation]:
    margin, age, overtime = (
        Random(f"{seed}:{kpi}") for kpi in ("gross_margin_share", "receivables_age_days", "order_desk_overtime_hours")
    )
    observations = []
    orders = _order_counts(seed)
    for month in sorted({day.replace(day=1) for day in days()}):
        closed_at = _book_closing(month)
        # Three tenths of the longer handling are worked as overtime; the rest is swallowed and shows nowhere.
        longer = sum(
            orders[day] * story.slower_by_minutes / 60
            for day in working_days(max(month, RELEASE_ON), LAST_DAY)
            if (day.year, day.month) == (month.year, month.month)
        )
        observations += [
            Observation("gross_margin_share", month, round(margin.normalvariate(0.312, 0.004), 4), "share", closed_at),
            Observation("receivables_age_days", month, round(age.normalvariate(46, 1.2), 1), "days", closed_at),
            Observation(
                "order_desk_overtime_hours",
                month,
                round(overtime.normalvariate(1150, 60) + 0.3 * longer, 1),
                "hours",
                closed_at,
            ),
        ]
    return observations


# Files

Table = tuple[Sequence[str], Iterable[Sequence[str]]]
"""Header, and rows as text."""


def _quarter(day: date) -> str:
    return f"{day.year}-Q{(day.month + 2) // 3}"


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _year(day: date) -> str:
    return f"{day.year}"


def _long(observations: Sequence[Observation]) -> Table:
    header = ("measure", "day", "value", "unit", "sent_at")
    return header, ((o.kpi, f"{o.period}", f"{o.value}", o.unit, o.sent_at.isoformat()) for o in observations)


def _wide(
    columns: Mapping[str, tuple[str, Callable[[float], str]]], period: str, sent: str, date_format: str
) -> Callable[[Sequence[Observation]], Table]:
    """Return a layout with one line per period: column -> KPI and how its value is written."""

    def layout(observations: Sequence[Observation]) -> Table:
        lines: dict[date, dict[str, Observation]] = {}
        for observation in observations:
            lines.setdefault(observation.period, {})[observation.kpi] = observation
        rows = []
        for day, figures in lines.items():
            sent_at = next(iter(figures.values())).sent_at
            cells = (write(figures[kpi].value) if kpi in figures else "" for kpi, write in columns.values())
            rows.append((day.strftime(date_format), *cells, f"{sent_at:%Y-%m-%d %H:%M}"))
        return (period, *columns, sent), rows

    return layout


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


_shipping_sheet = _wide(
    {"On time %": ("on_time_delivery_share", _percent), "Defects %": ("defect_share", _percent)},
    "Ship date",
    "Sent",
    "%Y-%m-%d",
)


def _finance_workbook(observations: Sequence[Observation]) -> Table:
    """Return the workbook as the finance analyst keeps it: thousands marked, n/a where nothing was recorded."""
    layout = _wide(
        {
            "Gross margin": ("gross_margin_share", lambda value: f"{value:.4f}"),
            "Days sales outstanding": ("receivables_age_days", lambda value: f"{value:.1f}"),
            "Order desk overtime (h)": (
                "order_desk_overtime_hours",
                # Nobody kept overtime before 2025.
                lambda value: f"{value:,.1f}" if observations[0].period.year >= 2025 else "n/a",
            ),
        },
        "Month",
        "Closed",
        "%m/%d/%Y",
    )
    header, rows = layout(observations)
    return (*header, "Entered by"), ((*row, "Finance Analyst") for row in rows)


@dataclass(frozen=True)
class Feed:
    """One feed: its figures, how they are cut into files, and how a file is laid out (None: one JSON object each)."""

    folder: str
    figures: Callable[[int, Story], list[Observation]]
    period_of: Callable[[date], str]
    layout: Callable[[Sequence[Observation]], Table] | None
    delimiter: str = ","


FEEDS = (
    Feed("order_desk", _order_desk, _quarter, _long),
    Feed("shipping", _shipping, _quarter, _shipping_sheet),
    Feed("portal", _portal, _month, None),
    Feed("sales_crm", _sales, _quarter, _long, ";"),
    Feed("finance_workbook", _finance, _year, _finance_workbook),
)


def write_feeds(
    folder: Path, seed: int = DEFAULT_SEED, story: Story = STORIES["portal"], until: datetime | None = None
) -> dict[str, int]:
    """Write every feed's files below a folder and return the rows of each file.

    Args:
        folder: where to; files that are there are written anew.
        seed: of the noise.
        story: what happens to the company.
        until: nothing that a source had later is written; None: everything.
    """
    rows: dict[str, int] = {}
    for feed in FEEDS:
        (folder / feed.folder).mkdir(parents=True, exist_ok=True)
        files: dict[str, list[Observation]] = {}
        for observation in feed.figures(seed, story):
            if until is not None and observation.sent_at > until:
                continue
            files.setdefault(feed.period_of(observation.period), []).append(observation)
        for period, observations in files.items():
            name = f"{feed.folder}/{period}.{'csv' if feed.layout else 'jsonl'}"
            rows[name] = _write(folder / name, feed, observations)
    return rows


def _write(path: Path, feed: Feed, observations: Sequence[Observation]) -> int:
    """Write one file and return its rows."""
    with path.open("w", encoding="utf-8", newline="") as target:
        if feed.layout is None:
            for observation in observations:
                sent_at = observation.sent_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                record = {
                    "measure": observation.kpi,
                    "day": f"{observation.period}",
                    "value": observation.value,
                    "unit": observation.unit,
                    "sent_at": sent_at,
                }
                target.write(json.dumps(record) + "\n")
            return len(observations)
        header, rows = feed.layout(observations)
        lines = list(rows)
        writer = csv.writer(target, delimiter=feed.delimiter, lineterminator="\n")
        writer.writerows([header, *lines])
        return len(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Make the feeds of the manufacturer example.")
    landing_folder.add_target(parser)
    parser.add_argument("--story", choices=list(STORIES), default="portal", help="what happens to the company")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of the noise")
    options = parser.parse_args(arguments)
    landing = landing_folder.target_of(options)
    version = landing_folder.version_of(
        Path(__file__), Path(landing_folder.__file__), options=f"{options.story} {options.seed}"
    )
    rows, is_new = landing_folder.make_once(
        landing,
        version,
        lambda folder: write_feeds(folder, options.seed, STORIES[options.story]),
        force=options.force,
    )
    print(landing_folder.summary(landing, rows, is_new=is_new))


if __name__ == "__main__":
    main()
