"""What was known when: one filter, known_at, between loads of the lake. Each docstring is the failure it prevents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.load import ingest_feed
from orchestration.ingestion.registry import KpiEntry, KpiRegistry
from tests.integration.tiny_lake import TinyLake, Warehouse, record

FIRST, SECOND = datetime(2026, 2, 4, 8), datetime(2026, 2, 5, 8)
BETWEEN = datetime(2026, 2, 4, 20)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """One full extract, and a second one with a value restated, one deleted and one more, too late."""
    folder: Path = tmp_path_factory.mktemp("bitemporal")
    lake = TinyLake(folder / "lake")
    lake.define(
        datetime(2026, 1, 1),
        record("company", "acme", name="Acme", time_zone="UTC", fiscal_year_starts_month=1, working_days="mon"),
        record("units", "acme", name="Acme"),
        record(
            "cycles",
            "2026-01",
            name="January",
            starts_on=date(2026, 1, 1),
            ends_on=date(2026, 2, 2),
            closes_on=date(2026, 2, 4),
        ),
        record("feeds", "ops", name="Operations", source_type="system", agreed_offset_days=1.0),
        record("kpis", "k", name="K", unit="orders", grain="day", feed_id="ops", lifecycle="active"),
    )
    contract = FeedContract.model_validate(
        {
            "id": "ops",
            "name": "Operations",
            "source": {"type": "file", "path": "*.csv"},
            "format": "csv",
            "columns": {"kpi": "kpi", "period": "day", "value": "value"},
            "full_extract": True,
        }
    )
    registry = KpiRegistry((KpiEntry("k", "orders"),))
    landing = folder / "landing"
    landing.mkdir()
    for clock, rows in (
        (FIRST, "k,2026-02-01,1\nk,2026-02-02,2\n"),
        (SECOND, "k,2026-02-01,1.5\nk,2026-02-04,4\nk,2026-02-03,3\n"),
    ):
        (landing / "ops.csv").write_text("kpi,day,value\n" + rows)
        ingest_feed(contract, landing_dir=landing, lake=lake.lake, registry=registry, clock=clock.replace(tzinfo=UTC))
    return Warehouse(lake.root, folder / "w.duckdb", folder / "target", date(2026, 2, 5), datetime(2026, 2, 6)).build()


CURRENT = "select period_start_on, value, obs_status from marts.fct_kpi_observation where is_current order by 1"


def test_tombstone_is_the_current_vintage_and_has_no_value(warehouse: Warehouse) -> None:
    """A value that its source took back is still current, or its period vanishes without a trace."""
    assert warehouse.rows(CURRENT) == [
        (date(2026, 2, 1), 1.5, "A"),
        (date(2026, 2, 2), None, "M"),
        (date(2026, 2, 3), 3.0, "A"),
        (date(2026, 2, 4), 4.0, "A"),
    ]
    assert warehouse.rows(
        "select value, restates_value, is_current from marts.fct_kpi_observation "
        "where period_start_on = '2026-02-02' order by vintage_at"
    ) == [(2.0, None, False), (None, 2.0, True)]


def test_restatements_are_listed_with_both_values_and_the_close(warehouse: Warehouse) -> None:
    """A number changes after the quarter was scored, and nobody can say by how much."""
    assert warehouse.rows(
        "select period_start_on, kind, value_before, value_after, value_now, days_after_period, days_after_close, "
        "is_after_close from marts.fct_restatement order by 1"
    ) == [
        (date(2026, 2, 1), "restated", 1.0, 1.5, 1.5, 4, 1, True),
        (date(2026, 2, 2), "deleted", 2.0, None, None, 3, 1, True),
        (date(2026, 2, 3), "late", None, 3.0, 3.0, 2, None, False),
    ]


def test_loads_say_how_old_their_newest_period_was(warehouse: Warehouse) -> None:
    """A feed slips by a day every week and every load is green."""
    rows = warehouse.rows(
        "select rows_read, rows_deleted, data_latency_days, excess_latency_days, rows_per_second > 0 "
        "from marts.fct_feed_load where kind = 'feed' order by loaded_at"
    )
    assert rows == [(2, 0, 2, 1, True), (3, 1, 1, 0, True)]


def test_as_known_between_two_loads_is_one_filter(warehouse: Warehouse, tmp_path: Path) -> None:
    """A question about last month is answered with what is known today."""
    then = replace(warehouse, path=tmp_path / "then.duckdb", target=tmp_path / "target", known_at=BETWEEN).build()

    assert then.rows(CURRENT) == [(date(2026, 2, 1), 1.0, "A"), (date(2026, 2, 2), 2.0, "A")]
    assert then.rows("select count(*) from marts.fct_restatement") == [(0,)]
    assert then.rows("select count(*) from marts.fct_feed_load where kind = 'feed'") == [(1,)]
    assert warehouse.rows(
        "select period_start_on, max_by(value, vintage_at) from marts.fct_kpi_observation "
        f"where vintage_at <= timestamp '{BETWEEN}' group by 1 order by 1"
    ) == [(date(2026, 2, 1), 1.0), (date(2026, 2, 2), 2.0)]
