"""Measure the forecast's calibration on the flights series: Brier score, log score, reliability, against "as today".

Questions like those that key results ask: sixty KPIs, four ways to measure, five targets around what the KPI did
before, cycles of 30 and 91 days, asked after 10, 25, 50, 75 and 90 % of the time. The dbt models themselves answer,
each from what was known by the day; the outcome is the measured value of the due day.

"As today" is the forecast that a status report makes without saying so: the measured value stays as it is (a sum to
date goes on at its pace), so the target is reached for sure or not at all.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from tests.flights_series import Series, flights_series
from tests.integration.acme import kpi, link
from tests.integration.tiny_lake import Record, TinyLake, Warehouse, record

AS_OF = date(2013, 12, 31)
STARTS = (date(2013, 3, 1), date(2013, 5, 1), date(2013, 7, 1), date(2013, 9, 1), date(2013, 10, 1))
LENGTHS = (30, 91)  # days
DISTANCES = (-0.25, 0.0, 0.1, 0.25, 0.5)  # of the target from the mean before, in standard deviations of a day
MEASURES = ("latest", "sum_to_date", "mean_to_date", "trailing_mean")
TRAILING = 14
MODELS = "+int_key_result_kpi__forecasts"

QUESTIONS = """
create temp table questions as
with asked as (
    select
        intervals.key_result_interval_key, intervals.key_result_id, intervals.measured_as, intervals.direction,
        intervals.target, intervals.starts_on, intervals.due_on, share,
        intervals.starts_on + cast(round((intervals.due_on - intervals.starts_on + 1) * share) as integer) as day
    from intermediate.int_key_result__intervals as intervals
    cross join unnest([0.1, 0.25, 0.5, 0.75, 0.9]) as shares (share)
),
figures as (
    select links.key_result_id, links.kpi_id, steps.measured_value, steps.period_end_on, steps.first_day, steps.end_day
    from intermediate.int_key_result_kpi__steps as steps
    inner join intermediate.int_key_result_kpi__intervals as links using (key_result_kpi_interval_key)
),
answered as (
    select
        asked.*, now.kpi_id, forecasts.probability_of_target as forecast, last.measured_value as final_value,
        forecasts.forecast_low, forecasts.forecast_high,
        case
            when asked.measured_as <> 'sum_to_date' then now.measured_value
            else now.measured_value / (now.period_end_on - asked.starts_on + 1) * (asked.due_on - asked.starts_on + 1)
        end as as_today
    from asked
    inner join figures as now
        on now.key_result_id = asked.key_result_id and asked.day >= now.first_day and asked.day < now.end_day
    inner join figures as last
        on last.key_result_id = asked.key_result_id and asked.due_on >= last.first_day and asked.due_on < last.end_day
    inner join intermediate.int_key_result_kpi__forecasts as forecasts
        on forecasts.key_result_id = asked.key_result_id
        and asked.day >= forecasts.first_day and asked.day < forecasts.end_day
)
select
    *,
    case when direction = 'increase' then final_value >= target else final_value <= target end::integer as reached,
    case when direction = 'increase' then as_today >= target else as_today <= target end::integer as naive,
    (final_value between forecast_low and forecast_high)::integer as is_inside
from answered
where forecast is not null and as_today is not null
"""
SCORES = """
select
    {part} as part, count(*) as questions, avg(reached) as reached,
    avg(power(forecast - reached, 2)) as brier, avg(power(naive - reached, 2)) as naive_brier,
    -avg(ln(case reached when 1 then greatest(forecast, 0.001) else greatest(1 - forecast, 0.001) end)) as log_score,
    -avg(ln(case when reached = naive then 0.999 else 0.001 end)) as naive_log_score,
    avg(is_inside) as inside
from questions group by 1 order by 1
"""
RELIABILITY = """
select
    least(floor(forecast * 10), 9) as tenth, count(*) as questions, avg(forecast) as said, avg(reached) as came
from questions group by 1 order by 1
"""


def key_results(name: str, series: Series) -> Iterator[Record]:
    """Ask every question of one KPI that has the data for it."""
    direction = "decrease" if "delay" in name or "cancel" in name else "increase"
    sign = -1 if direction == "decrease" else 1
    for start in STARTS:
        before = [value for day, value in series.items() if day < start]
        mean, deviation = statistics.fmean(before[-90:]), statistics.pstdev(before)
        for length in LENGTHS:
            due = start + timedelta(days=length - 1)
            if due > max(series):
                continue
            for measure in MEASURES:
                size = length if measure == "sum_to_date" else 1
                for distance in DISTANCES:
                    yield record(
                        "key_results",
                        f"{name}|{start}|{length}|{measure}|{distance}",
                        objective_id="o",
                        cycle_id="2013",
                        title=name,
                        type="metric",
                        direction=direction,
                        unit="share",
                        state="committed",
                        measured_as=measure,
                        trailing_periods=TRAILING if measure == "trailing_mean" else None,
                        starts_on=start,
                        due_on=due,
                        baseline=(mean - sign * 5 * deviation) * size,  # only its side counts
                        target=(mean + sign * distance * deviation) * size,
                        key_result_links=[link(name)],
                    )


def build(folder: Path) -> Warehouse:
    """Build the models on the flights series."""
    series = flights_series(folder)
    lake = TinyLake(folder / "lake")
    lake.define(
        datetime(2013, 1, 1),
        record("company", "c", name="C", time_zone="UTC", currency="USD"),
        record("units", "ops", name="Operations"),
        record("feeds", "operations", name="Feed", agreed_offset_days=1.0),
        record("cycles", "2013", name="2013", starts_on=date(2013, 1, 1), ends_on=AS_OF, locks_on=date(2013, 1, 1)),
        record("objectives", "o", title="O", cycle_id="2013", org_unit_id="ops", state="committed"),
        *(kpi(name) for name in series),
        *(entry for name, values in series.items() for entry in key_results(name, values)),
    )
    lake.observe(datetime(2014, 1, 1), series)
    warehouse = Warehouse(lake.root, folder / "warehouse.duckdb", folder / "target", AS_OF, datetime(2014, 1, 2))
    done = warehouse.dbt("build", "--select", MODELS, "--exclude-resource-type", "unit_test", "test")
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return warehouse


def main() -> None:
    """Print the scores, in all and by what was asked, and the reliability table."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        warehouse = build(Path(folder))
        with duckdb.connect(str(warehouse.path), read_only=True) as connection:
            connection.execute(QUESTIONS)
            print("| questions | number | reached | Brier | as today | log score | as today | 80 % interval holds |")
            print("|---|---|---|---|---|---|---|---|")
            parts = ("'all'", "measured_as", "'after ' || cast(share * 100 as integer) || ' %'")
            for part in (*parts, "(due_on - starts_on + 1) || ' days'", "'starts ' || starts_on"):
                for name, number, *scores in connection.execute(SCORES.format(part=part)).fetchall():
                    print(f"| {name} | {number:,} | " + " | ".join(f"{score:.3f}" for score in scores) + " |")
            print("\n| said | questions | mean forecast | came true |\n|---|---|---|---|")
            for tenth, number, said, came in connection.execute(RELIABILITY).fetchall():
                print(f"| {tenth / 10:.1f} to {(tenth + 1) / 10:.1f} | {number:,} | {said:.3f} | {came:.3f} |")


if __name__ == "__main__":
    main()
