"""Measure how often the tremor test cries wolf on the flights series, how often it misses a shift, and how fast it is.

Calibration: sixty daily KPIs, events on random days on which nothing happened, with 80, 130 and 260 days of history
before each; the same again with a shift added from the event on, of so many standard deviations of the history (its
weekdays' means taken off) in the adverse direction. Every question is a KPI and a key result with a release of their
own, and the dbt models themselves answer. Beside them, on the same questions: the placebo test as it was first designed
(the greatest mean of three, and the share of placebo dates alone), plain XmR (a value beyond the process limits of the
history), and a threshold (a value 5 % worse than the mean of the twenty before).

Speed: `--links 30000 --days 730` makes as many KPIs and releases, and times the models from the observations to
the tests.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from tests.benchmarks.model import dbt
from tests.flights_series import Series, flights_series
from tests.integration.acme import kpi, link
from tests.integration.tiny_lake import Record, TinyLake, Warehouse, record

FIRST, LAST = date(2013, 1, 1), date(2013, 12, 31)
HISTORIES = (80, 130, 260)
SHIFTS = (0.0, 1.5, 3.0)
WINDOW = 15
SEED = 2013
MODELS = ("int_tremor__pairs", "int_tremor__points", "int_tremor__tests")

ANSWERS = """
create temp table answers as
with
asked as (
    select
        kpi_id, side, is_adverse, direction, found_index is not null as is_found, method, event_index, reference_level,
        detected_on - event_on + 1 as delay,
        cast(split_part(kpi_id, '|', 2) as integer) as history,
        cast(split_part(kpi_id, '|', 4) as double) as shift
    from intermediate.int_tremor__tests
),
points as (
    select
        points.*, asked.event_index, case asked.direction when 'decrease' then 1 else -1 end as worse,
        case asked.direction when 'decrease' then 1 else -1 end * max(
            case asked.direction when 'decrease' then 1 else -1 end * mean_of_three
        ) over (partition by points.kpi_id order by period_index rows between current row and 12 following) as farthest
    from intermediate.int_tremor__points as points
    inner join asked using (kpi_id)
),
limits as (
    select kpi_id, avg(value) as centre, 2.66 * avg(abs(step)) as distance
    from (
        select *, value - lag(value) over (partition by kpi_id order by period_index) as step
        from points where period_index < event_index
    )
    group by kpi_id
),
before as (
    select kpi_id, avg(value) as mean from points
    where period_index >= event_index - 20 and period_index < event_index group by kpi_id
),
plain as (
    select
        kpi_id,
        bool_or(worse * (value - centre) > distance) as is_xmr,
        bool_or(worse * (value - mean) > 0.05 * abs(mean)) as is_threshold
    from points inner join limits using (kpi_id) inner join before using (kpi_id)
    where period_index >= event_index group by kpi_id
),
moved as (
    select kpi_id, period_index, event_index, worse * (farthest - baseline) as moved
    from points where baseline is not null
),
designed as (
    select
        moved.kpi_id,
        count(case when placebo.moved >= moved.moved then 1 end) <= 0.05 * count(placebo.kpi_id) as is_designed,
        count(placebo.kpi_id) as placebos
    from moved
    left join moved as placebo
        on placebo.kpi_id = moved.kpi_id and placebo.period_index <= moved.event_index - 15
    where moved.period_index = moved.event_index
    group by moved.kpi_id
)
select *
from asked inner join plain using (kpi_id) inner join designed using (kpi_id)
"""
RATES = """
select
    history, count(*) filter (shift = 0) as questions, max(placebos) as placebos,
    {rates}
from answers group by history order by history
"""


def share(flag: str, shift: float) -> str:
    """SQL for the share of the questions of a shift for which the flag is true."""
    return f"avg(case when {flag} then 1.0 else 0.0 end) filter (shift = {shift})"


def deviation(values: list[float], first: date) -> float:
    """Standard deviation of consecutive days, the means of their weekdays taken off."""
    weekdays: dict[int, list[float]] = {}
    for offset, value in enumerate(values):
        weekdays.setdefault((first + timedelta(days=offset)).weekday(), []).append(value)
    means = {weekday: statistics.fmean(part) for weekday, part in weekdays.items()}
    return statistics.pstdev(
        value - means[(first + timedelta(days=offset)).weekday()] for offset, value in enumerate(values)
    )


def is_less_better(name: str) -> bool:
    """Whether a flights KPI is better when it is lower."""
    return "delay" in name or "cancel" in name


def release(kpi_id: str, on: date) -> Record:
    """A key result of its own, with one release and one link."""
    return record(
        "key_results",
        kpi_id,
        objective_id="o",
        cycle_id="c",
        title=kpi_id,
        type="milestone",
        direction="milestone",
        state="committed",
        key_result_links=[link(kpi_id, "impacts")],
        key_result_milestones=[{"milestone_id": "live", "title": "Live", "kind": "release", "completed_on": on}],
    )


def questions(name: str, series: Series, events: int) -> Iterator[tuple[str, date, Series]]:
    """Yield KPI, day of the placebo event, and values, for every history and shift."""
    values = [series[FIRST + timedelta(days=day)] for day in range((LAST - FIRST).days + 1)]
    worse = 1 if is_less_better(name) else -1
    for history in HISTORIES:
        draw = random.Random(f"{SEED}:{name}:{history}")
        for day in draw.sample(range(history, len(values) - WINDOW + 1), events):
            start, on = FIRST + timedelta(days=day - history), FIRST + timedelta(days=day)
            sigma = deviation(values[day - history : day], start)
            for shift in SHIFTS:
                shown = [
                    value + (worse * shift * sigma if offset >= history else 0)
                    for offset, value in enumerate(values[day - history : day + WINDOW])
                ]
                kpi_id = f"{name}|{history}|{on}|{shift}"
                yield kpi_id, on, {start + timedelta(days=offset): value for offset, value in enumerate(shown)}


def company(last: date) -> list[Record]:
    """The least that the models need beside KPIs and key results."""
    return [
        record("company", "c", name="C", time_zone="UTC", currency="USD"),
        record("units", "ops", name="Operations"),
        record("feeds", "operations", name="Feed", agreed_offset_days=1.0),
        record("cycles", "c", name="C", starts_on=FIRST, ends_on=last, locks_on=FIRST),
        record("objectives", "o", title="O", cycle_id="c", org_unit_id="ops", state="committed"),
    ]


def run(warehouse: Warehouse, *arguments: str) -> None:
    """Run dbt and stop with what it says when it fails."""
    done = warehouse.dbt(*arguments)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def calibrate(folder: Path, events: int) -> None:
    """Print the table of error rates."""
    import duckdb

    asked = [
        (*question, name)
        for name, series in flights_series(folder).items()
        for question in questions(name, series, events)
    ]
    lake = TinyLake(folder / "lake")
    lake.define(
        datetime(2013, 1, 1),
        *company(LAST),
        *(kpi(id_, direction="decrease" if is_less_better(name) else "increase") for id_, _, _, name in asked),
        *(release(id_, on) for id_, on, _, _ in asked),
    )
    lake.observe(datetime(2014, 1, 1), {id_: values for id_, _, values, _ in asked})
    warehouse = Warehouse(lake.root, folder / "warehouse.duckdb", folder / "target", LAST, datetime(2014, 1, 2))
    run(warehouse, "build", "--select", "+int_tremor__tests", "--exclude-resource-type", "unit_test", "test")
    adverse = "is_found and is_adverse"
    columns = {
        "false alarms, worse": share(adverse, 0),
        "better": share("is_found and not is_adverse", 0),
        "finds 1.5 sd": share(adverse, 1.5),
        "finds 3 sd": share(adverse, 3),
        "days to find it": f"median(delay) filter ({adverse} and shift = 3)",
        "as designed: false": share("is_designed", 0),
        "3 sd": share("is_designed", 3),
        "XmR: false": share("is_xmr", 0),
        "3 sd ": share("is_xmr", 3),
        "5 %: false": share("is_threshold", 0),
        "3 sd  ": share("is_threshold", 3),
    }
    with duckdb.connect(str(warehouse.path), read_only=True) as connection:
        connection.execute(ANSWERS)
        print("| days of history | questions | placebo dates | " + " | ".join(columns) + " |")
        print("|" + "---|" * (len(columns) + 3))
        rates = ", ".join(columns.values())
        for history, number, placebos, *found in connection.execute(RATES.format(rates=rates)).fetchall():
            shown = [f"{rate:.0f}" if rate > 1 else f"{rate:.3f}" for rate in found]
            print(f"| {history} | {number:,} | {placebos} | " + " | ".join(shown) + " |")
        print("\n| KPI | false alarms, worse | finds 3 sd | as designed: false |\n|---|---|---|---|")
        parts = f"regexp_extract(kpi_id, '^[^_]+_([^|]+)', 1), {share(adverse, 0)}, {share(adverse, 3)}, "
        parts += share("is_designed", 0)
        for name, *found in connection.execute(f"select {parts} from answers group by 1 order by 1").fetchall():
            print(f"| {name} | " + " | ".join(f"{rate:.3f}" for rate in found) + " |")


def measure(folder: Path, links: int, days: int) -> None:
    """Print how long the models take for so many links, each with a KPI of its own."""
    import duckdb
    import pyarrow as pa

    from orchestration.tables import LAKE_TABLES

    last = FIRST + timedelta(days=days - 1)
    lake = TinyLake(folder / "lake")
    ids = [f"kpi_{number:05}" for number in range(links)]
    lake.define(
        datetime(2013, 1, 1),
        *company(last),
        *(kpi(id_, direction="decrease") for id_ in ids),
        *(release(id_, last - timedelta(days=20 + number % 100)) for number, id_ in enumerate(ids)),
    )
    at = datetime(last.year, last.month, last.day, 20)
    with duckdb.connect() as connection:
        made: pa.Table = connection.execute(
            f"""
            select
                'kpi_' || printf('%05d', kpi) as kpi_id, date '{FIRST}' + cast(day as integer) as period_start_on,
                14 + (hash(kpi, day) % 1000) / 500.0 + {math.pi} * (day % 7) / 10 as value, 'share' as unit,
                'A' as obs_status, 'system' as source_type, cast('{at}' as timestamp) as vintage_at,
                'operations' as source_feed, 'operations.csv' as source_file, day + 2 as source_row,
                cast('{at}' as timestamp) as loaded_at
            from range({links}) as kpis (kpi) cross join range({days}) as days (day)
            """
        ).to_arrow_table()
    with lake.lake.begin(at.replace(tzinfo=None).astimezone(), "0" * 64) as load:
        schema = LAKE_TABLES["observations"]
        made = made.append_column("load_id", pa.array([load.load_id] * len(made)))
        columns = [
            made[name].cast(kind.type) if name in made.column_names else pa.nulls(len(made), kind.type)
            for name, kind in zip(schema.names, schema, strict=True)
        ]
        load.write("observations", pa.Table.from_arrays(columns, schema=schema), subject="many")
        load.commit(
            {
                "status": "loaded", "started_at": at, "duration_seconds": 0.0, "kind": "feed",
                "source_feed": "operations", "source_file": "operations.csv", "rows_read": len(made),
                "rows_accepted": len(made), "rows_quarantined": 0, "rows_collapsed": 0, "oldest_period_on": FIRST,
                "newest_period_on": last,
            }
        )  # fmt: skip
    print(f"{links:,} links, {len(made):,} observations", flush=True)
    del made, columns
    path = folder / "warehouse.duckdb"
    kinds = ("--resource-type", "model", "--resource-type", "seed")
    before = dbt(lake.root, path, last, "build", *kinds, "--select", "+int_tremor__tests", "--exclude", *MODELS)
    print(f"  what they build on {before}", flush=True)
    spent = dbt(lake.root, path, last, "run", "--select", *MODELS)
    with duckdb.connect(str(path), read_only=True) as connection:
        tests, tremors = connection.execute(
            "select count(*), count(found_index) from intermediate.int_tremor__tests"
        ).fetchall()[0]
    print(f"  {tests:,} tests     {spent}, dbt's own start included; {tremors:,} tremors (goal: 60 s on 2 cores)")


def main() -> None:
    """Measure calibration, or with `--links` the speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20, help="random events per KPI and length of history")
    parser.add_argument("--links", type=int, help="measure the speed with so many links instead")
    parser.add_argument("--days", type=int, default=730, help="of history for the speed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.links:
            measure(Path(folder), arguments.links, arguments.days)
        else:
            calibrate(Path(folder), arguments.events)


if __name__ == "__main__":
    main()
