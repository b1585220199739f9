"""What a full extract holds no more: tombstones for deleted keys, and a fresh vintage for keys that come back.

A file of a feed with `full_extract: true` says everything it knows each time it is delivered. A key (KPI, period)
whose current value came from an earlier delivery of the same file, and that the newest delivery does not hold, was
deleted in the source. It gets a vintage of its own: no value, obs_status M (SDMX: missing), loaded with the
delivery. Older vintages stay, so what was known on any earlier day stays known.

Deliveries of one file are ordered by their loads, whatever times of availability their rows state: a deletion states
none. Absence is only believed of a file in which every row's key could be read: a broken row may be the missing one.
Nor is it believed of most of a file at once: beyond the contract's share the delivery is taken for a truncated one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from orchestration.ingestion.readers.record_set import literal
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.staging import Lineage
from orchestration.lake.store import Lake, Load

MISSING: Final = "M"
"""SDMX observation status of a key that was there and is no more."""
TOMBSTONES: Final = ".deleted"
"""Ends the folder of a feed's tombstones, beside the one of its observations."""


@dataclass(frozen=True)
class Deletions:
    """What came of looking for deleted keys.

    Attributes:
        deleted: keys recorded as deleted.
        undecided: keys that are absent, but from a file with rows whose key could not be read.
        unreadable: those rows.
    """

    deleted: int = 0
    undecided: int = 0
    unreadable: int = 0

    @property
    def notes(self) -> list[str]:
        """What a person should know of it."""
        found = []
        if self.deleted:
            found.append(f"{self.deleted} values are no longer in the file and were recorded as deleted")
        if self.undecided:
            found.append(
                f"{self.undecided} values are no longer in the file and still stand: "
                f"{self.unreadable} rows have a KPI or period that cannot be read, and may be those"
            )
        return found


def record_deletions(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    load: Load,
    lineage: Lineage,
    accepted: Path | None,
    broken: int,
    max_deleted_share: float,
) -> Deletions:
    """Write the tombstones of a full extract into its load.

    Args:
        connection: the load's connection, with `staged` and `registry` as `Staging` left them.
        lake: where earlier deliveries are.
        load: the open load.
        lineage: of the delivery.
        accepted: the load's observations; None when it has none. Its vintages are mended where a deleted key is back.
        broken: records of which not even the columns could be told apart.
        max_deleted_share: share (0-1) of the file's standing keys that may be absent.

    Raises:
        Unreadable: more of them are absent; nothing of the load may be committed.
    """
    held = ""
    if accepted:
        held = f"select kpi_id, period_start_on, true as is_defined from read_parquet({literal(str(accepted))}) union"
    connection.execute(
        f"""
        create or replace temp table delivered_keys as
        {held}
        select
            coalesce(registry.kpi_id, staged.kpi_text) as kpi_id,
            staged.period_start as period_start_on,
            registry.kpi_no is not null as is_defined
        from staged
        left join registry on staged.kpi_no = registry.kpi_no
        """
    )
    try:
        return _record(connection, lake, load, lineage, accepted, broken, max_deleted_share)
    finally:
        for table in ("delivered_keys", "standing_keys", "absent_keys"):
            connection.execute(f"drop table if exists {table}")


def _record(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    load: Load,
    lineage: Lineage,
    accepted: Path | None,
    broken: int,
    max_deleted_share: float,
) -> Deletions:
    connection.execute(_STANDING, _places(lake) | {"feed": lineage.feed, "file": lineage.file})
    if accepted is not None:
        _give_new_vintage_to_returned(connection, accepted, lineage)
    # A KPI that is no longer defined has no periods: its rows stand for all of them.
    connection.execute(
        f"""
        create or replace temp table absent_keys as
        select standing_keys.*
        from standing_keys
        where obs_status <> '{MISSING}'
            and not exists (
                select 1 from delivered_keys
                where delivered_keys.kpi_id = standing_keys.kpi_id
                    and (
                        delivered_keys.period_start_on = standing_keys.period_start_on
                        or not delivered_keys.is_defined
                    )
            )
        """
    )
    (absent,) = connection.execute("select count(*) from absent_keys").fetchone() or (0,)
    if not absent:
        return Deletions()
    (unreadable,) = connection.execute(
        """
        select count(*) from staged
        where problem is not null and (coalesce(kpi_text, '') = '' and kpi_no is null or period_start is null)
        """
    ).fetchone() or (0,)
    if unreadable or broken:
        return Deletions(undecided=absent, unreadable=unreadable + broken)
    (standing,) = connection.execute(
        f"select count(*) from standing_keys where obs_status <> '{MISSING}'"
    ).fetchone() or (0,)
    if absent / standing > max_deleted_share:
        raise Unreadable(
            "unreadable_file",
            f"{absent} of the {standing} values that stand from this file are not in it ({absent / standing:.1%}), and "
            f"max_deleted_share allows {max_deleted_share:.1%}: it looks truncated, and nothing of it is taken; do: "
            "deliver the whole file, or, when those values are really gone, raise `max_deleted_share` in feeds.yml",
        )
    path = load.file("observations", lineage.feed + TOMBSTONES)
    moment = f"timestamp {literal(lineage.loaded_at.isoformat(sep=' '))}"
    connection.execute(
        f"""
        copy (
            select
                kpi_id,
                period_start_on,
                cast(null as double) as value,
                unit,
                '{MISSING}' as obs_status,
                source_type,
                cast(null as varchar) as recorded_by,
                cast(null as timestamp) as available_at,
                -- A source's clock may run ahead of ours: the deletion still comes after what it deletes.
                greatest({moment}, vintage_at + interval 1 microsecond) as vintage_at,
                {lineage.columns("null")}
            from absent_keys
            order by kpi_id, period_start_on
        ) to {literal(str(path))} (format parquet, compression zstd)
        """
    )
    return Deletions(deleted=absent)


def _give_new_vintage_to_returned(connection: duckdb.DuckDBPyConnection, accepted: Path, lineage: Lineage) -> None:
    """Let a key that comes back with the time of availability it had before count as newer than its deletion."""
    moment = f"timestamp {literal(lineage.loaded_at.isoformat(sep=' '))}"
    source = f"read_parquet({literal(str(accepted))})"
    returned = f"""
        from {source} as observations
        left join standing_keys
            on observations.kpi_id = standing_keys.kpi_id
            and observations.period_start_on = standing_keys.period_start_on
            and standing_keys.obs_status = '{MISSING}'
            and standing_keys.vintage_at >= observations.vintage_at
    """
    (count,) = connection.execute(f"select count(standing_keys.kpi_id) {returned}").fetchone() or (0,)
    if not count:
        return
    mended = accepted.with_suffix(".mended")
    connection.execute(
        f"""
        copy (
            select observations.* replace (
                case
                    when standing_keys.kpi_id is null then observations.vintage_at
                    else greatest({moment}, standing_keys.vintage_at + interval 1 microsecond)
                end as vintage_at
            )
            {returned}
            order by observations.source_row
        ) to {literal(str(mended))} (format parquet, compression zstd)
        """
    )
    mended.replace(accepted)


def _places(lake: Lake) -> dict[str, str]:
    return {"observations": lake.glob("observations"), "loads": lake.glob("loads")}


_STANDING: Final = """
    create or replace temp table standing_keys as
    with committed as (select load_id from read_parquet($loads, union_by_name = true)),
    ours as (
        select distinct kpi_id, period_start_on
        from read_parquet($observations, union_by_name = true)
        where source_feed = $feed and source_file = $file and load_id in (select load_id from committed)
    ),
    newest as (
        select
            kpi_id,
            period_start_on,
            max_by(
                {
                    'unit': unit, 'obs_status': obs_status, 'source_type': source_type, 'vintage_at': vintage_at,
                    'is_ours': source_feed = $feed and source_file = $file
                },
                {'a': vintage_at, 'b': loaded_at, 'c': load_id, 'd': coalesce(source_row, 0)}
            ) as newest
        from read_parquet($observations, union_by_name = true)
        inner join ours using (kpi_id, period_start_on)
        where load_id in (select load_id from committed)
        group by kpi_id, period_start_on
    )
    select kpi_id, period_start_on, newest.unit, newest.obs_status, newest.source_type, newest.vintage_at
    from newest
    where newest.is_ours
"""
"""The keys whose newest vintage in the lake came with this file, deleted ones included."""
