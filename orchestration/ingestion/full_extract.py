"""What a full extract holds no more: tombstones for deleted keys, and a fresh vintage for keys that come back.

A file of a feed with `full_extract: true` says everything it knows each time it is delivered. A key (KPI and period, or
key result and event) whose current row came from an earlier delivery of the same file, and that the newest delivery
does not hold, was deleted in the source. It gets a vintage of its own, loaded with the delivery: of an observation one
without value, obs_status M (SDMX: missing). Older vintages stay, so what was known on any earlier day stays known.

Deliveries of one file are ordered by their loads, whatever times of availability their rows state: a deletion states
none. Absence is only believed of a file in which every row's key could be read: a broken row may be the missing one.
Nor is it believed of most of a file at once: beyond the contract's share the delivery is taken for a truncated one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from orchestration.ingestion.file_rows import Lineage
from orchestration.ingestion.readers.record_set import literal
from orchestration.ingestion.reasons import Unreadable
from orchestration.lake.store import Lake, Load
from orchestration.wording import counted

MISSING: Final = "M"
"""SDMX observation status of a key that was there and is no more."""
TOMBSTONES: Final = ".deleted"
"""Ends the folder of a feed's tombstones, beside the one of its observations."""


@dataclass(frozen=True)
class Keyed:
    """What tells the rows of one lake table apart, and what says that one of them is gone.

    Attributes:
        entity: the table.
        noun: what one of its rows is called in messages.
        key: its columns that name a row's subject, whatever the vintage.
        is_tombstone: SQL, true for rows that record a deletion.
        carried: columns that a tombstone takes from the row that it deletes.
        tombstone: SQL of a tombstone's columns besides key, vintage and lineage; over `carried`.
        delivered: SQL of the keys in `staged`, with `is_defined`: false where the first column stands for all the rest.
        is_unreadable: SQL, true for rows of `staged` with a problem whose key cannot be told.
        unreadable_field: the key in words.
    """

    entity: str
    noun: str
    key: tuple[str, ...]
    is_tombstone: str
    carried: tuple[str, ...]
    tombstone: str
    delivered: str
    is_unreadable: str
    unreadable_field: str

    def joined(self, left: str, right: str, columns: tuple[str, ...] | None = None) -> str:
        """Return the SQL that is true where two relations have the same key, or the same of some of its columns."""
        return " and ".join(f"{left}.{name} = {right}.{name}" for name in columns or self.key)


OBSERVATIONS: Final = Keyed(
    entity="observations",
    noun="value",
    key=("kpi_id", "period_start_on"),
    is_tombstone=f"obs_status = '{MISSING}'",
    carried=("unit", "obs_status", "source_type"),
    tombstone=f"cast(null as double) as value, unit, '{MISSING}' as obs_status, source_type, "
    "cast(null as varchar) as recorded_by",
    # A KPI that is no longer defined has no periods: its rows stand for all of them.
    delivered="""
        select
            coalesce(registry.kpi_id, staged.kpi_text) as kpi_id,
            staged.period_start as period_start_on,
            registry.kpi_no is not null as is_defined
        from staged
        left join registry on staged.kpi_no = registry.kpi_no
    """,
    is_unreadable="coalesce(kpi_text, '') = '' and kpi_no is null or period_start is null",
    unreadable_field="KPI or period",
)
"""How full extracts tell observations apart."""


@dataclass(frozen=True)
class Deletions:
    """What came of looking for deleted keys.

    Attributes:
        deleted: keys recorded as deleted.
        undecided: keys that are absent, but from a file with rows whose key could not be read.
        unreadable: those rows.
        keyed: what was deleted.
    """

    keyed: Keyed = OBSERVATIONS
    deleted: int = 0
    undecided: int = 0
    unreadable: int = 0

    @property
    def notes(self) -> list[str]:
        """What a person should know of it."""
        found = []
        if self.deleted:
            found.append(f"{self._gone(self.deleted)} no longer in the file and recorded as deleted")
        if self.undecided:
            found.append(
                f"{self._gone(self.undecided)} no longer in the file and not recorded as deleted: "
                f"{counted(self.unreadable, 'row has', 'rows have')} a {self.keyed.unreadable_field} that cannot be "
                "read, and may be those"
            )
        return found

    def _gone(self, count: int) -> str:
        return counted(count, f"{self.keyed.noun} is", f"{self.keyed.noun}s are")


def record_deletions(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    load: Load,
    lineage: Lineage,
    accepted: Path | None,
    broken: int,
    max_deleted_share: float,
    keyed: Keyed = OBSERVATIONS,
) -> Deletions:
    """Write the tombstones of a full extract into its load.

    Args:
        connection: the load's connection, with its tables as staging left them.
        lake: where earlier deliveries are.
        load: the open load.
        lineage: of the delivery.
        accepted: the load's accepted rows; None when it has none. Vintages are mended where a deleted key is back.
        broken: records of which not even the columns could be told apart.
        max_deleted_share: share (0-1) of the file's standing keys that may be absent.
        keyed: what the rows are.

    Raises:
        Unreadable: more of them are absent; nothing of the load may be committed.
    """
    held = ""
    if accepted:
        key = ", ".join(keyed.key)
        held = f"select {key}, true as is_defined from read_parquet({literal(str(accepted))}) union"
    connection.execute(f"create or replace temp table delivered_keys as {held} {keyed.delivered}")
    try:
        return _record(connection, lake, load, lineage, accepted, broken, max_deleted_share, keyed)
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
    keyed: Keyed,
) -> Deletions:
    places = {"rows": lake.glob(keyed.entity), "loads": lake.glob("loads"), "feed": lineage.feed, "file": lineage.file}
    connection.execute(_standing(keyed), places)
    if accepted is not None:
        _give_new_vintage_to_returned(connection, accepted, lineage, keyed)
    same_first = keyed.joined("delivered_keys", "standing_keys", keyed.key[:1])
    same_rest = keyed.joined("delivered_keys", "standing_keys", keyed.key[1:])
    connection.execute(
        f"""
        create or replace temp table absent_keys as
        select standing_keys.*
        from standing_keys
        where not is_tombstone
            and not exists (
                select 1 from delivered_keys
                where {same_first} and ({same_rest} or not delivered_keys.is_defined)
            )
        """
    )
    (absent,) = connection.execute("select count(*) from absent_keys").fetchone() or (0,)
    if not absent:
        return Deletions()
    (unreadable,) = connection.execute(
        f"select count(*) from staged where problem is not null and ({keyed.is_unreadable})"
    ).fetchone() or (0,)
    if unreadable or broken:
        return Deletions(keyed, undecided=absent, unreadable=unreadable + broken)
    (standing,) = connection.execute("select count(*) from standing_keys where not is_tombstone").fetchone() or (0,)
    if absent / standing > max_deleted_share:
        raise Unreadable(
            "unreadable_file",
            f"{absent} of the {standing} {keyed.noun}s that stand from this file are not in it "
            f"({absent / standing:.1%}), and max_deleted_share allows {max_deleted_share:.1%}: it looks truncated, and "
            f"nothing of it is taken; do: deliver the whole file, or, when those {keyed.noun}s are really gone, raise "
            "`max_deleted_share` in feeds.yml",
        )
    path = load.file(keyed.entity, lineage.feed + TOMBSTONES)
    key = ", ".join(keyed.key)
    moment = f"timestamp {literal(lineage.loaded_at.isoformat(sep=' '))}"
    connection.execute(
        f"""
        copy (
            select
                {key},
                {keyed.tombstone},
                cast(null as timestamp) as available_at,
                -- A source's clock may run ahead of ours: the deletion still comes after what it deletes.
                greatest({moment}, vintage_at + interval 1 microsecond) as vintage_at,
                {lineage.columns("null")}
            from absent_keys
            order by {key}
        ) to {literal(str(path))} (format parquet, compression zstd)
        """
    )
    return Deletions(keyed, deleted=absent)


def _give_new_vintage_to_returned(
    connection: duckdb.DuckDBPyConnection, accepted: Path, lineage: Lineage, keyed: Keyed
) -> None:
    """Let a key that comes back with the time of availability it had before count as newer than its deletion."""
    moment = f"timestamp {literal(lineage.loaded_at.isoformat(sep=' '))}"
    source = f"read_parquet({literal(str(accepted))})"
    returned = f"""
        from {source} as delivered
        left join standing_keys
            on {keyed.joined("delivered", "standing_keys")}
            and standing_keys.is_tombstone
            and standing_keys.vintage_at >= delivered.vintage_at
    """
    (count,) = connection.execute(f"select count(standing_keys.is_tombstone) {returned}").fetchone() or (0,)
    if not count:
        return
    mended = accepted.with_suffix(".mended")
    connection.execute(
        f"""
        copy (
            select delivered.* replace (
                case
                    when standing_keys.is_tombstone is null then delivered.vintage_at
                    else greatest({moment}, standing_keys.vintage_at + interval 1 microsecond)
                end as vintage_at
            )
            {returned}
            order by delivered.source_row
        ) to {literal(str(mended))} (format parquet, compression zstd)
        """
    )
    mended.replace(accepted)


def _standing(keyed: Keyed) -> str:
    """Return the statement that lists the keys whose newest vintage came with this file, deleted ones included."""
    key = ", ".join(keyed.key)
    carried = ", ".join(f"'{name}': {name}" for name in keyed.carried)
    newest = ", ".join(f"newest.{name}" for name in keyed.carried)
    return f"""
        create or replace temp table standing_keys as
        with committed as (select load_id from read_parquet($loads, union_by_name = true)),
        ours as (
            select distinct {key}
            from read_parquet($rows, union_by_name = true)
            where source_feed = $feed and source_file = $file and load_id in (select load_id from committed)
        ),
        newest as (
            select
                {key},
                max_by(
                    {{
                        {carried}, 'vintage_at': vintage_at, 'is_tombstone': {keyed.is_tombstone},
                        'is_ours': source_feed = $feed and source_file = $file
                    }},
                    {{'a': vintage_at, 'b': loaded_at, 'c': load_id, 'd': coalesce(source_row, 0)}}
                ) as newest
            from read_parquet($rows, union_by_name = true)
            inner join ours using ({key})
            where load_id in (select load_id from committed)
            group by {key}
        )
        select {key}, {newest}, newest.vintage_at, newest.is_tombstone
        from newest
        where newest.is_ours
    """
