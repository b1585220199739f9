"""What ingestion must know of the KPIs: which exist, their unit, grain and valid range."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.company.loader import Company, registry_rows
from orchestration.lake.store import Lake

_SCHEMA = pa.schema(
    [
        ("kpi_no", pa.int32()),
        ("kpi_id", pa.string()),
        ("unit", pa.string()),
        ("grain", pa.string()),
        ("valid_min", pa.float64()),
        ("valid_max", pa.float64()),
        ("lifecycle", pa.string()),
    ]
)


@dataclass(frozen=True)
class KpiEntry:
    """One KPI as observations are checked against it.

    Attributes:
        kpi_id: id, in Unicode NFC.
        unit: unit of the stored values.
        grain: day, week, month or quarter.
        valid_min: smallest valid value, inclusive; None: no limit.
        valid_max: largest valid value, inclusive; None: no limit.
        lifecycle: proposed, active, shadow or retired.
    """

    kpi_id: str
    unit: str
    grain: str = "day"
    valid_min: float | None = None
    valid_max: float | None = None
    lifecycle: str = "active"


@dataclass(frozen=True)
class KpiRegistry:
    """Every defined KPI, in the order of the ids."""

    kpis: tuple[KpiEntry, ...]

    @classmethod
    def from_company(cls, company: Company) -> KpiRegistry:
        """Make the registry of a company's KPIs, each in its last version."""
        return cls.from_rows(registry_rows(company))

    @classmethod
    def from_lake(cls, lake: Lake) -> KpiRegistry:
        """Make the registry of the definitions that were loaded last, each KPI in its last version.

        A feed loaded alone is thus checked against the last good definitions, whatever the files say meanwhile.
        """
        with duckdb.connect() as connection:
            found = connection.execute(
                last_versions("kpi_id", "unit, grain, valid_min, valid_max, lifecycle"),
                {"definitions": lake.glob("definitions/kpis"), "loads": lake.glob("loads")},
            )
            names = [column[0] for column in found.description or []]
            return cls.from_rows(dict(zip(names, row, strict=True)) for row in found.fetchall())

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> KpiRegistry:
        """Make a registry of mappings with the fields of `KpiEntry`; other fields are passed over."""
        names = KpiEntry.__dataclass_fields__
        entries = (KpiEntry(**{name: row[name] for name in names if name in row}) for row in rows)
        return cls(tuple(sorted(entries, key=lambda entry: entry.kpi_id)))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids, sorted."""
        return tuple(entry.kpi_id for entry in self.kpis)

    @cached_property
    def registry_hash(self) -> str:
        """Sha256 (hex) over everything that can change the outcome of a row."""
        return hash_of_entries(self.kpis)

    @cached_property
    def table(self) -> pa.Table:
        """One row per KPI with `kpi_no`, its position in `kpis`, for set-based joins."""
        rows = [{"kpi_no": number, **vars(entry)} for number, entry in enumerate(self.kpis)]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put the KPIs into a connection, as the table `registry`."""
        make_table(connection, "registry", self.table)


def last_versions(key: str, columns: str) -> str:
    """Return the query of the last version of each definition, as loaded last; those that vanished are left out.

    It takes the parameters `definitions` and `loads`: the files of the definitions' table and of the ledger.
    """
    return f"""
        with newest as (
            select *
            from read_parquet($definitions, union_by_name = true)
            where load_id in (select load_id from read_parquet($loads, union_by_name = true))
            qualify row_number() over (partition by {key}, effective_from order by loaded_at desc, load_id desc) = 1
        )
        select {key}, {columns}
        from newest
        where not is_deleted
        qualify row_number() over (partition by {key} order by effective_from desc nulls last) = 1
    """


def hash_of_entries(entries: Iterable[Any]) -> str:
    """Return the sha256 (hex) over the fields of dataclasses."""
    text = json.dumps([vars(entry) for entry in entries], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def make_table(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Copy rows into a temporary table of a connection."""
    connection.register("registry_arrow", rows)
    connection.execute(f"create or replace temp table {name} as select * from registry_arrow")
    connection.unregister("registry_arrow")
