from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestration.company.loader import load_company
from orchestration.company.publish import write_definitions
from orchestration.ingestion.registry import KpiRegistry
from orchestration.lake.store import Lake

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def test_registry_of_the_lake_is_that_of_the_company(golden, tmp_path):
    lake = Lake(tmp_path / "lake")
    company = load_company(golden.company)
    write_definitions(lake, company.records, clock=MOMENT)
    assert KpiRegistry.from_lake(lake) == KpiRegistry.from_company(company)


def test_registry_takes_the_last_version_and_leaves_out_what_was_deleted(golden, tmp_path):
    lake = Lake(tmp_path / "lake")
    write_definitions(lake, load_company(golden.company).records, clock=MOMENT)
    golden.edit("company/kpis/operations.yml", "valid_range: {min: 0, max: 600}", "valid_range: {min: 0, max: 700}")
    text = (golden.company / "kpis/product.yml").read_text()
    (golden.company / "kpis/product.yml").write_text(text[: text.index("  - id: defect_share")])
    write_definitions(lake, load_company(golden.company).records, clock=MOMENT + timedelta(days=1))
    found = {entry.kpi_id: entry for entry in KpiRegistry.from_lake(lake).kpis}
    assert found["latency"].valid_max == 700
    assert "defect_share" not in found
    assert "portal_share" in found
