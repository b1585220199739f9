"""A lake for the benchmark of the models, written set-based from the lake's own schemas.

20 feeds of 1,000 daily KPIs each. History came in one load per feed and year, the last 30 days in one load per feed and
day; each of those restates one in a hundred values of three days before, and takes a few back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lake.columns import LOADS
from orchestration.lake.store import Lake
from orchestration.tables import LAKE_TABLES

FEEDS = 20
KPIS = 20_000
KEY_RESULTS = 10_000
OBJECTIVES = 1_000
LINKS_EACH = 3
DAILY_LOADS = 30
LAST_DAY = date(2026, 12, 14)
"""Newest day with observations before the day that is added; the active quarter started 74 days earlier."""

_DEFINED_AT = datetime(2015, 1, 1, 6)
_ARROW_TO_SQL = {
    pa.string(): "varchar",
    pa.float64(): "double",
    pa.int64(): "bigint",
    pa.date32(): "date",
    pa.bool_(): "boolean",
    pa.timestamp("us"): "timestamp",
}


@dataclass(frozen=True)
class BenchmarkLake:
    """Writes loads into a lake.

    Attributes:
        root: folder of the lake.
        days: days of history, each with one observation of every KPI.
    """

    root: Path
    days: int

    def build(self) -> int:
        """Write the definitions and the history; return the observations written, restatements included."""
        Lake(self.root).ensure(LAKE_TABLES)
        with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
            self._define(connection)
            first = LAST_DAY - timedelta(days=self.days - 1)
            bulk_end = max(LAST_DAY - timedelta(days=DAILY_LOADS), first)
            rows = 0
            start = first
            while start <= bulk_end:
                end = min(date(start.year, 12, 31), bulk_end)
                # History is handed over in one go, long after its days.
                loaded = datetime.combine(bulk_end + timedelta(days=1), time(2, start.year % 60))
                rows += sum(self._load(connection, feed, start, end, loaded) for feed in range(FEEDS))
                start = end + timedelta(days=1)
            while start <= LAST_DAY:
                rows += self.add_day(start, connection)
                start += timedelta(days=1)
        return rows

    def add_day(self, day: date, connection: duckdb.DuckDBPyConnection | None = None) -> int:
        """Load one day of every feed, with its restatements; return the observations written."""
        if connection is None:
            with duckdb.connect(config={"threads": 2}) as own:
                return self.add_day(day, own)
        loaded = datetime.combine(day + timedelta(days=1), time(5))
        return sum(self._load(connection, feed, day, day, loaded, restates=True) for feed in range(FEEDS))

    def _load(
        self,
        connection: duckdb.DuckDBPyConnection,
        feed: int,
        first: date,
        last: date,
        loaded_at: datetime,
        *,
        restates: bool = False,
    ) -> int:
        loaded_at += timedelta(seconds=feed)
        load_id = f"{loaded_at:%Y%m%dT%H%M%S%f}-{feed:012x}"
        each = KPIS // FEEDS
        restated = (
            f"""
            union all
            select
                k, date '{first}' - 3 as day, case when hash(k, date '{first}', 1) % 50 > 0
                then round((hash(k, date '{first}', 2) % 100000) / 97.0, 3) end as value
            from range({feed * each}, {(feed + 1) * each}) as kpis (k)
            where hash(k, date '{first}') % 100 = 0
            """
            if restates
            else ""
        )
        query = f"""
            with sent as (
                select
                    k, cast(days.day as date) as day,
                    round(
                        50 + k % 17 + 10 * sin(epoch(days.day) / 4e6 + k) + (hash(k, days.day) % 1000) / 97.0, 3
                    ) as value
                from range(timestamp '{first}', timestamp '{last}' + interval '1 day', interval '1 day') as days (day)
                cross join range({feed * each}, {(feed + 1) * each}) as kpis (k)
                {restated}
            )
            select
                'kpi_' || lpad(cast(k as varchar), 5, '0') as kpi_id,
                day as period_start_on,
                value,
                case k % 3 when 0 then 'minutes' when 1 then 'share' else 'orders' end as unit,
                case when value is null then 'M' else 'A' end as obs_status,
                'system' as source_type,
                timestamp '{loaded_at}' as vintage_at,
                '{load_id}' as load_id,
                timestamp '{loaded_at}' as loaded_at,
                'feed_{feed:02d}' as source_feed,
                'feed_{feed:02d}/{first}.csv' as source_file,
                row_number() over () + 1 as source_row
            from sent
        """
        rows = self._copy(connection, "observations", f"feed_{feed:02d}", load_id, query)
        self._commit(
            load_id,
            loaded_at,
            kind="feed",
            source_feed=f"feed_{feed:02d}",
            source_file=f"feed_{feed:02d}/{first}.csv",
            rows_read=rows,
            rows_accepted=rows,
            rows_quarantined=0,
            rows_collapsed=0,
            oldest_period_on=first - timedelta(days=3) if restates else first,
            newest_period_on=last,
        )
        return rows

    def _copy(self, connection: duckdb.DuckDBPyConnection, entity: str, subject: str, load_id: str, query: str) -> int:
        target = self.root / entity / subject / f"{load_id}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        given = {row[0] for row in connection.execute(f"describe {query}").fetchall()}
        columns = ", ".join(
            f"cast({field.name if field.name in given else 'null'} as {_ARROW_TO_SQL[field.type]}) as {field.name}"
            for field in LAKE_TABLES[entity]
        )
        row = connection.execute(
            f"copy (select {columns} from ({query})) to '{target}' (format parquet, compression zstd)"
        ).fetchone()
        return int(row[0]) if row else 0

    def _commit(self, load_id: str, loaded_at: datetime, **ledger: object) -> None:
        row = {name: ledger.get(name) for name in LOADS.names} | {
            "load_id": load_id,
            "loaded_at": loaded_at,
            "started_at": loaded_at,
            "status": "loaded",
            "duration_seconds": 1.0,
        }
        pq.write_table(pa.Table.from_pylist([row], schema=LOADS), self.root / "loads" / f"{load_id}.parquet")

    def _define(self, connection: duckdb.DuckDBPyConnection) -> None:
        """One load of definitions: every record has one version."""
        load_id = f"{_DEFINED_AT:%Y%m%dT%H%M%S%f}-definitions0"
        lineage = (
            f"'{load_id}' as load_id, timestamp '{_DEFINED_AT}' as loaded_at, 'okr_definitions' as source_feed, "
            "'company.yml' as source_file, i + 1 as source_row"
        )
        version = "cast(null as date) as effective_from, false as is_deleted"
        person = "'person_' || lpad(cast(({}) as varchar), 4, '0')"
        unit = "'unit_' || cast(({}) as varchar)"
        kpi = "'kpi_' || lpad(cast(({}) as varchar), 5, '0')"
        key_result = "'kr_' || lpad(cast(i as varchar), 5, '0')"
        parents = {
            "company": (1, "'acme' as company_id, 'Acme' as name, 'UTC' as time_zone, 1 as fiscal_year_starts_month"),
            "units": (
                51,
                f"{unit.format('i')} as unit_id, {unit.format('i')} as name, "
                f"case when i > 0 then {unit.format('0')} end as parent_unit_id",
            ),
            "people": (1000, f"{person.format('i')} as person_id, 'Somebody' as name, 'unit_0' as unit_id"),
            "cycles": (
                3,
                "'2026-Q' || cast(i + 3 as varchar) as cycle_id, "
                "cast(date '2026-07-01' + interval '3 months' * i as date) as starts_on, "
                "cast(date '2026-07-01' + interval '3 months' * (i + 1) as date) - 1 as ends_on, "
                "cast(date '2026-07-01' + interval '3 months' * i as date) + 7 as locks_on, "
                "cast(date '2026-07-01' + interval '3 months' * (i + 1) as date) + 9 as closes_on",
            ),
            "feeds": (
                FEEDS,
                "'feed_' || lpad(cast(i as varchar), 2, '0') as feed_id, 'system' as source_type, "
                "2.0 as agreed_offset_days",
            ),
            "kpis": (
                KPIS,
                f"{kpi.format('i')} as kpi_id, 'A KPI' as name, "
                "case i % 3 when 0 then 'minutes' when 1 then 'share' else 'orders' end as unit, "
                f"{unit.format('i % 50 + 1')} as org_unit_id, "
                f"'feed_' || lpad(cast(i // {KPIS // FEEDS} as varchar), 2, '0') as feed_id, "
                "'increase' as direction, 'day' as grain, 'mean' as aggregation, 'active' as lifecycle",
            ),
            "objectives": (
                OBJECTIVES,
                "'objective_' || cast(i as varchar) as objective_id, '2026-Q4' as cycle_id, 'An objective' as title, "
                f"{unit.format('i % 50 + 1')} as org_unit_id, {person.format('i % 1000')} as owner_id, "
                "'committed' as state",
            ),
            "key_results": (
                KEY_RESULTS,
                f"{key_result} as key_result_id, "
                f"'objective_' || cast(i % {OBJECTIVES} as varchar) as objective_id, '2026-Q4' as cycle_id, "
                f"'A key result' as title, {person.format('i % 1000')} as champion_id, "
                f"{person.format('(i + 1) % 1000')} as reviewer_id, "
                "case when i % 20 = 19 then 'milestone' else 'metric' end as type, "
                "case when i % 20 = 19 then 'milestone' when i % 4 = 3 then 'stay_above' "
                "when i % 4 = 2 then 'decrease' else 'increase' end as direction, "
                "case i % 3 when 0 then 'minutes' when 1 then 'share' else 'orders' end as unit, "
                "40.0 + i % 7 as baseline, 70.0 - i % 5 as target, case when i % 4 = 3 then 45.0 end as lower_limit, "
                "case when i % 10 = 4 then 'sum_to_date' when i % 10 = 6 then 'mean_to_date' "
                "when i % 10 = 8 then 'trailing_mean' end as measured_as, "
                "case when i % 10 = 8 then 7 end as trailing_periods, 'committed' as state",
            ),
        }
        links_of = f"range({KEY_RESULTS}) as key_results (i) cross join range({LINKS_EACH}) as links (position)"
        children = {
            "kpi_owners": (
                f"range({KPIS}) as kpis (i) cross join range(2) as roles (position)",
                "'kpis-' || cast(i as varchar) as record_key, position, "
                f"{kpi.format('i')} as kpi_id, "
                "case position when 0 then 'accountable_owner' else 'data_steward' end as role, "
                f"{person.format('(i + position) % 1000')} as person_id",
            ),
            "key_result_links": (
                links_of,
                "'key_results-' || cast(i as varchar) as record_key, position, "
                f"{key_result} as key_result_id, {kpi.format(f'hash(i, position) % {KPIS}')} as kpi_id, "
                "case when position = 0 or (position = 1 and i % 2 = 0) then 'measures' "
                "when position = 1 then 'drives' when i % 2 = 0 then 'guardrail' else 'impacts' end as link_type, "
                "case when position < 2 then 0.5 end as weight, "
                "case when position = 2 and i % 2 = 0 then 30.0 end as guardrail_min",
            ),
            "key_result_milestones": (
                f"range(19, {KEY_RESULTS}, 20) as key_results (i) cross join range(4) as steps (position)",
                "'key_results-' || cast(i as varchar) as record_key, position, "
                f"{key_result} as key_result_id, 'step_' || cast(position as varchar) as milestone_id, "
                "0.25 as weight, case when position < 2 then date '2026-10-20' + cast(position * 20 as integer) end "
                "as completed_on",
            ),
        }
        for name, (count, columns) in parents.items():
            query = (
                f"select '{name}-' || cast(i as varchar) as record_key, {columns}, {version}, {lineage} "
                f"from range({count}) as records (i)"
            )
            self._copy(connection, f"definitions/{name}", "okr_definitions", load_id, query)
        for name, (source, columns) in children.items():
            self._copy(
                connection,
                f"definitions/{name}",
                "okr_definitions",
                load_id,
                f"select {columns}, {lineage} from {source}",
            )
        self._commit(load_id, _DEFINED_AT, kind="definitions", source_feed="okr_definitions")
