"""Defects that other OKR systems are known for, each shown not to be one of ours. Each docstring names the defect."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.load import ingest_feed
from orchestration.ingestion.registry import KpiEntry, KpiRegistry
from tests.integration.acme import key_result, kpi, link
from tests.integration.tiny_lake import TinyLake, Warehouse, record

AS_OF = date(2026, 2, 15)
CLOSED_ON = date(2026, 1, 10)
DEFINED_AT, DELIVERED_AT, RESTATED_AT = datetime(2026, 1, 2), datetime(2026, 1, 9), datetime(2026, 2, 14)
KPIS = ("ops_share", "sales_share", "minutes", "fraction", "twice")


def definitions() -> list[Any]:
    objective = {"state": "committed", "owner_id": "dan", "sponsor_id": "cyd", "cycle_id": "2026-Q1"}
    range_ = {"baseline": 0.5, "target": 0.9}
    return [
        record("company", "acme", name="Acme", time_zone="UTC", fiscal_year_starts_month=1, working_days="mon"),
        record("units", "group", name="Group"),
        record("units", "ops", name="Operations", parent_unit_id="group"),
        record("units", "sales", name="Sales", parent_unit_id="group"),
        *(record("people", name, name=name.title(), unit_id="ops") for name in ("ada", "dan", "cyd")),
        record(
            "cycles",
            "2025-Q4",
            name="Q4",
            starts_on=date(2025, 10, 1),
            ends_on=date(2025, 12, 31),
            closes_on=CLOSED_ON,
        ),
        record("cycles", "2026-Q1", name="Q1", starts_on=date(2026, 1, 1), ends_on=date(2026, 3, 31)),
        record("feeds", "operations", name="Feed", source_type="system", agreed_offset_days=90.0),
        *(kpi(name, {"person_id": "ada"}) for name in (*KPIS, "silent")),
        record("objectives", "o_ops", title="Ops", org_unit_id="ops", **objective),
        record("objectives", "o_sales", title="Sales", org_unit_id="sales", **objective),
        record("objectives", "o_old", title="Old", org_unit_id="ops", **objective | {"cycle_id": "2025-Q4"}),
        key_result("ops", link("ops_share"), **range_),
        key_result("sales", link("sales_share"), objective_id="o_sales", **range_),
        key_result("silent", link("silent"), **range_),
        key_result("aimless", link("ops_share"), baseline=0.5),
        key_result("weightless", link("ops_share", weight=0.0), link("sales_share", weight=0.0), **range_),
        key_result("lower", link("minutes"), direction="decrease", baseline=30.0, target=20.0),
        key_result("fraction", link("fraction"), baseline=0.0, target=2.5),
        key_result("twice", link("twice"), **range_),
        key_result("moved", link("ops_share"), baseline=0.5, target=0.7),
        key_result("moved", link("ops_share"), baseline=0.5, target=0.6, effective_from=date(2026, 2, 1)),
        key_result("closed", link("ops_share"), objective_id="o_old", cycle_id="2025-Q4", **range_),
        key_result(
            "launch",
            objective_id="o_sales",
            type="milestone",
            direction="milestone",
            key_result_milestones=[
                {"milestone_id": "done", "title": "Done", "completed_on": date(2026, 1, 5)},
                {"milestone_id": "open", "title": "Open", "completed_on": None},
            ],
        ),
    ]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("known_defects")
    lake = TinyLake(folder / "lake")
    lake.define(DEFINED_AT, *definitions())
    contract = FeedContract.model_validate(
        {
            "id": "operations",
            "name": "Operations",
            "source": {"type": "file", "path": "*.csv"},
            "format": "csv",
            "columns": {"kpi": "kpi", "period": "day", "value": "value"},
            "max_quarantine_share": 1,
        }
    )
    registry = KpiRegistry(tuple(KpiEntry(name, "share") for name in KPIS))
    landing = folder / "landing"
    landing.mkdir()
    day = "2025-12-31"
    for clock, rows in (
        (
            DELIVERED_AT,
            [
                f"ops_share,{day},0.6",
                "ops_share,2026-01-08,0.7",
                "sales_share,2026-01-08,0.9",
                "minutes,2026-01-08,32",
                "fraction,2026-01-08,1.25",
                "twice,2026-01-08,0.6",
                "twice,2026-01-08,0.8",
            ],
        ),
        (RESTATED_AT, [f"ops_share,{day},0.8"]),
    ):
        (landing / f"{clock:%m%d}.csv").write_text("\n".join(["kpi,day,value", *rows, ""]))
        ingest_feed(contract, landing_dir=landing, lake=lake.lake, registry=registry, clock=clock.replace(tzinfo=UTC))
    return Warehouse(lake.root, folder / "w.duckdb", folder / "target", AS_OF, datetime(2026, 2, 15)).build()


def latest(warehouse: Warehouse, key_result_id: str) -> dict[str, Any]:
    return warehouse.row(f"from marts.fct_key_result_daily where is_latest and key_result_id = '{key_result_id}'")


def test_missing_data_is_neither_zero_nor_of_today(warehouse: Warehouse) -> None:
    """A key result without an observation shows 0 percent, dated today."""
    row = latest(warehouse, "silent")
    assert (row["progress_raw"], row["progress"], row["measured_value"], row["data_age_days"]) == (None,) * 4
    assert (row["status"], row["null_reason"]) == ("not_assessable", "no_data")
    link_row = warehouse.row("from marts.fct_key_result_kpi where is_latest and key_result_id = 'silent'")
    assert (link_row["kpi_value"], link_row["kpi_period_start_on"], link_row["kpi_vintage_at"]) == (None, None, None)


def test_each_team_has_its_own_progress(warehouse: Warehouse) -> None:
    """Every team is shown the average of the company."""
    assert latest(warehouse, "ops")["progress"] == pytest.approx(0.5)
    assert latest(warehouse, "sales")["progress"] == pytest.approx(1.0)
    assert (latest(warehouse, "ops")["org_unit_id"], latest(warehouse, "sales")["org_unit_id"]) == ("ops", "sales")


def test_changed_target_leaves_the_old_one_readable(warehouse: Warehouse) -> None:
    """A target is overwritten, and the report of last month can no longer be made."""
    assert warehouse.rows(
        "select as_of, target, attainment_vs_current from marts.fct_key_result_kpi "
        "where key_result_id = 'moved' and as_of in ('2026-01-31', '2026-02-01') order by 1"
    ) == [
        (date(2026, 1, 31), 0.7, pytest.approx(1.0)),
        (date(2026, 2, 1), 0.6, pytest.approx(2.0)),
    ]
    row = latest(warehouse, "moved")
    assert (row["attainment_vs_locked"], row["attainment_vs_current"]) == (pytest.approx(1.0), pytest.approx(2.0))


def test_of_several_rows_none_is_taken_in_silence(warehouse: Warehouse) -> None:
    """A feed sends two values for one period, and the first of them becomes the truth."""
    assert latest(warehouse, "twice")["null_reason"] == "no_data"
    assert warehouse.rows(
        "select reason_code, count(*) from staging.stg_lake__quarantine where kpi_id = 'twice' group by 1"
    ) == [("duplicate_in_file", 2)]


def test_without_a_target_nothing_is_healthy(warehouse: Warehouse) -> None:
    """A measure without a target is shown green."""
    row = latest(warehouse, "aimless")
    assert (row["status"], row["null_reason"], row["progress"]) == ("not_assessable", "no_target", None)


def test_weights_of_zero_are_equal_weights_and_say_so(warehouse: Warehouse) -> None:
    """Weights that sum to zero give NaN."""
    row = latest(warehouse, "weightless")
    assert row["progress"] == pytest.approx((0.5 + 1.0) / 2)
    assert row["is_weight_assumed"]


def test_milestones_are_in_the_distribution(warehouse: Warehouse) -> None:
    """Ordinal key results are missing from the counts by status."""
    row = latest(warehouse, "launch")
    assert (row["progress"], row["status"]) == (0.5, "on_track")
    counted = warehouse.rows("select count(*), count(status) from marts.fct_key_result_daily where is_latest")
    committed = {entry.columns["key_result_id"] for entry in definitions() if entry.table == "key_results"}
    assert counted == [(len(committed), len(committed))]


def test_lower_is_better_is_not_scored_as_higher(warehouse: Warehouse) -> None:
    """A value that rose away from a lower target is progress."""
    row = latest(warehouse, "lower")
    assert (row["progress_raw"], row["progress"]) == (pytest.approx(-0.2), 0.0)
    assert row["status"] == "off_track"


def test_fractional_target_keeps_its_fraction(warehouse: Warehouse) -> None:
    """A target of 2.5 is stored as 2."""
    assert latest(warehouse, "fraction")["progress"] == pytest.approx(0.5)
    assert warehouse.rows("select target from marts.dim_key_result where key_result_id = 'fraction'") == [(2.5,)]


def test_edit_after_the_close_is_a_restatement(warehouse: Warehouse) -> None:
    """Figures of a closed quarter are edited, and nothing says so."""
    assert warehouse.rows(
        "select kpi_id, kind, value_before, value_after, is_after_close, cycle_closes_on "
        "from marts.fct_restatement where kind = 'restated'"
    ) == [("ops_share", "restated", 0.6, 0.8, True, CLOSED_ON)]
