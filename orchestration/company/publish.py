"""Writes definitions to the lake: what changed, and nothing else.

The lake keeps every version. A record is appended when it differs from its newest version there, also when it returns
to an older one; a record that vanished from the files is appended once more as deleted. Reading the newest version of
each (table, natural id, effective_from) whose `is_deleted` is false therefore gives the company directory again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import duckdb
import pyarrow as pa

from orchestration.company.records import OWN_COLUMNS, DefinitionRecord, canonical_json, id_columns, records_hash
from orchestration.company.tables import CHILD_TABLES, PARENT_TABLES, TABLES
from orchestration.errors import LakeError
from orchestration.lake.store import Lake, Load

SOURCE_FEED: Final = "okr_definitions"
"""Name of the definitions in the ledger and in the lineage columns."""

_PREFIX: Final = "definitions/"
_DELETED_HASH: Final = hashlib.sha256(b"deleted").hexdigest()

Identity = tuple[str, str, date | None]


@dataclass(frozen=True)
class DefinitionsReport:
    """What one writing of the definitions did, in records.

    Attributes:
        load_id: the load, None when nothing had changed and none was made.
        records: records in the company directory.
        changed: records appended because the lake had them otherwise or not at all.
        added: those among them that it did not have at all.
        deleted: records appended as deleted because the directory has them no more.
        unchanged: records that the lake had just so.
        by_table: parent table -> rows appended.
        content_hash: digest of the whole directory.
    """

    load_id: str | None
    records: int
    changed: int
    added: int
    deleted: int
    unchanged: int
    content_hash: str
    by_table: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_noop(self) -> bool:
        """Whether the lake had it all."""
        return self.load_id is None

    def summary(self) -> str:
        """Return one line for logs."""
        if self.is_noop:
            return f"{self.records} definitions, all unchanged"
        return (
            f"{self.records} definitions: {self.added} added, {self.changed - self.added} changed, "
            f"{self.deleted} deleted, {self.unchanged} unchanged"
        )


@dataclass(frozen=True)
class _Newest:
    """The newest version of one identity in the lake."""

    record_key: str
    record_hash: str
    is_deleted: bool


def write_definitions(
    lake: Lake, records: Sequence[DefinitionRecord], *, clock: datetime, content_hash: str | None = None
) -> DefinitionsReport:
    """Append to the lake what differs from it, as one load; nothing differs, no load.

    Holds the lake's writer lock meanwhile; the caller must not hold it.

    Args:
        lake: the lake.
        records: every definition of the company directory, the feeds' among them; one that is left out is taken for
            deleted.
        clock: the time of the load, aware.
        content_hash: digest (hex) of all the records; None computes `records_hash` of them.

    Returns:
        What was done.

    Raises:
        LakeError: a record does not fit its table, two share an identity, or the lake cannot be written.
    """
    started = time.monotonic()
    _check(records)
    content_hash = content_hash or records_hash(records)
    lake.ensure(TABLES)
    with lake.exclusive(), duckdb.connect() as connection:
        newest = _newest_versions(connection, lake)
        changed = [record for record in records if not _same(newest.get(record.identity), record)]
        present = {record.identity for record in records}
        vanished = [identity for identity, old in newest.items() if not old.is_deleted and identity not in present]
        added = sum(1 for record in changed if record.identity not in newest or newest[record.identity].is_deleted)
        counts: dict[str, Any] = {
            "records": len(records),
            "added": added,
            "changed": len(changed),
            "deleted": len(vanished),
            "unchanged": len(records) - len(changed),
            "content_hash": content_hash,
        }
        if not changed and not vanished:
            return DefinitionsReport(load_id=None, **counts)
        loaded_at = _after_newest(connection, lake, clock)
        with lake.begin(loaded_at, content_hash) as load:
            rows = _rows(changed, load)
            _add_tombstones(rows, vanished, newest, connection, lake, load)
            for table, of_table in rows.items():
                load.write(_PREFIX + table, _arrow(table, of_table), subject=SOURCE_FEED)
            load.commit(
                {
                    "kind": "definitions",
                    "source_feed": SOURCE_FEED,
                    "file_sha256": content_hash,
                    "status": "loaded",
                    "message": f"{added} added, {len(changed) - added} changed, {len(vanished)} deleted",
                    "rows_read": len(records),
                    "rows_accepted": len(records),
                    "rows_quarantined": 0,
                    "rows_collapsed": counts["unchanged"],
                    "cells_absent": 0,
                    "started_at": clock.astimezone(UTC).replace(tzinfo=None),
                    "duration_seconds": time.monotonic() - started,
                }
            )
        by_table = Counter({table: len(of) for table, of in rows.items() if _PREFIX + table in PARENT_TABLES})
        return DefinitionsReport(load_id=load.load_id, by_table=dict(by_table), **counts)


def _check(records: Iterable[DefinitionRecord]) -> None:
    seen = set()
    for record in records:
        if _PREFIX + record.table not in PARENT_TABLES:
            raise LakeError(f"the lake has no definition table {record.table}", subject=record.natural_id)
        tables = [(record.table, record.columns)]
        tables += [(child, row) for child, rows in record.children.items() for row in rows]
        for table, row in tables:
            if not row.keys() <= set(OWN_COLUMNS.get(table, ())):
                unknown = sorted(row.keys() - set(OWN_COLUMNS.get(table, ())))
                raise LakeError(f"the table {table} has no column {unknown}", subject=record.natural_id)
        if record.identity in seen:
            raise LakeError(
                "two definitions share one id and effective_from",
                file=record.source_file,
                line=record.source_row,
                subject=record.natural_id,
            )
        seen.add(record.identity)


def _same(old: _Newest | None, record: DefinitionRecord) -> bool:
    return old is not None and old.record_hash == record.hash  # a deleted one has a hash of its own


def _newest_versions(connection: duckdb.DuckDBPyConnection, lake: Lake) -> dict[Identity, _Newest]:
    """Return the newest committed version of every identity in the lake."""
    selects = []
    parameters: dict[str, str] = {"loads": lake.glob("loads")}
    for entity in PARENT_TABLES:
        table = entity.removeprefix(_PREFIX)
        parameters[table] = lake.glob(entity)
        selects.append(
            f"""
            select '{table}' as table_name, {_natural_id(table)} as natural_id, effective_from,
                record_key, record_hash, is_deleted, loaded_at, load_id
            from read_parquet(${table}, union_by_name = true)
            where load_id in (select load_id from committed)
            """
        )
    query = f"""
        with committed as (select load_id from read_parquet($loads, union_by_name = true)),
        versions as ({" union all ".join(selects)})
        select table_name, natural_id, effective_from, record_key, record_hash, is_deleted
        from versions
        qualify row_number() over (
            partition by table_name, natural_id, effective_from order by loaded_at desc, load_id desc
        ) = 1
        order by table_name, natural_id, effective_from
    """
    rows = connection.execute(query, parameters).fetchall()
    return {(table, name, since): _Newest(*version) for table, name, since, *version in rows}


def _natural_id(table: str) -> str:
    return "concat_ws(' ', " + ", ".join(f'cast("{column}" as varchar)' for column in id_columns(table)) + ")"


def _after_newest(connection: duckdb.DuckDBPyConnection, lake: Lake, now: datetime) -> datetime:
    """Return the time of a load that must count as newer than every earlier one, also when the clock went back."""
    row = connection.execute(
        "select max(loaded_at) from read_parquet(?, union_by_name = true) where kind = 'definitions'",
        [lake.glob("loads")],
    ).fetchone()
    newest: datetime | None = row[0] if row else None
    if newest is None:
        return now
    return max(now, newest.replace(tzinfo=UTC) + timedelta(microseconds=1))


def _rows(records: Iterable[DefinitionRecord], load: Load) -> dict[str, list[dict[str, Any]]]:
    """Return table -> rows of everything to append, children with the key of their parent's version."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        record_key = _record_key(record.identity, record.hash, load)
        lineage = _lineage(load, record.source_file)
        rows[record.table].append(
            {
                **record.columns,
                **lineage,
                "record_key": record_key,
                "record_hash": record.hash,
                "effective_from": record.effective_from,
                "is_deleted": False,
                "source_row": record.source_row,
                "row_hash": record.hash,
            }
        )
        for child, child_rows in record.children.items():
            for position, row in enumerate(child_rows):
                rows[child].append(
                    {
                        **row,
                        **lineage,
                        "record_key": record_key,
                        "position": position,
                        "source_row": record.child_line(child, position),
                        "row_hash": hashlib.sha256(canonical_json(row)).hexdigest(),
                    }
                )
    return rows


def _add_tombstones(
    rows: dict[str, list[dict[str, Any]]],
    vanished: Iterable[Identity],
    newest: Mapping[Identity, _Newest],
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    load: Load,
) -> None:
    """Add one row per vanished record: its ids and where it last stood, its other columns empty."""
    by_table: dict[str, dict[str, Identity]] = defaultdict(dict)
    for identity in vanished:
        by_table[identity[0]][newest[identity].record_key] = identity
    for table, keys in by_table.items():
        columns = (*id_columns(table), "record_key", "source_file", "source_row")
        names = ", ".join(f'"{column}"' for column in columns)
        last = connection.execute(
            f"select {names} from read_parquet(?, union_by_name = true) where record_key in (select unnest(?))",
            [lake.glob(_PREFIX + table), list(keys)],
        ).fetchall()
        for values in last:
            row = dict(zip(columns, values, strict=True))
            identity = keys[row["record_key"]]
            rows[table].append(
                {
                    **row,
                    **_lineage(load, row["source_file"]),
                    "record_key": _record_key(identity, _DELETED_HASH, load),
                    "record_hash": _DELETED_HASH,
                    "effective_from": identity[2],
                    "is_deleted": True,
                    "row_hash": _DELETED_HASH,
                }
            )


def _lineage(load: Load, source_file: str) -> dict[str, Any]:
    return {
        "load_id": load.load_id,
        "loaded_at": load.loaded_at,
        "source_feed": SOURCE_FEED,
        "source_file": source_file,
    }


def _record_key(identity: Identity, record_hash: str, load: Load) -> str:
    return hashlib.sha256(canonical_json([*identity, record_hash, load.load_id])).hexdigest()


def _arrow(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = (PARENT_TABLES | CHILD_TABLES)[_PREFIX + table]
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], type=schema.field(name).type) for name in schema.names},
        schema=schema,
    )
