"""What ingestion must know of the key results: which exist, and their milestones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import duckdb
import pyarrow as pa

from orchestration.company.loader import Company
from orchestration.company.records import DefinitionRecord
from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.registry import KpiRegistry, hash_of_entries, last_versions, make_table
from orchestration.lake.store import Lake

_SCHEMA = pa.schema([("key_result_id", pa.string())])
_MILESTONES = pa.schema([("of_key_result_id", pa.string()), ("known_id", pa.string()), ("kind", pa.string())])


@dataclass(frozen=True)
class KeyResultEntry:
    """One key result as events are checked against it.

    Attributes:
        key_result_id: id, in Unicode NFC.
        milestones: id and kind (milestone or release) of each, in the order of the ids.
    """

    key_result_id: str
    milestones: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class KeyResultRegistry:
    """Every defined key result, in the order of the ids."""

    key_results: tuple[KeyResultEntry, ...]

    @classmethod
    def from_company(cls, company: Company) -> KeyResultRegistry:
        """Make the registry of a company's key results, each in its last version."""
        chosen: dict[str, DefinitionRecord] = {}
        records = (record for record in company.records if record.table == "key_results")
        for record in sorted(records, key=lambda record: (record.natural_id, record.effective_from or date.min)):
            chosen[record.natural_id] = record
        rows = [
            (name, milestone["milestone_id"], milestone["kind"])
            for name, record in chosen.items()
            for milestone in record.children.get("key_result_milestones", ())
        ]
        return cls._from_rows(list(chosen), rows)

    @classmethod
    def from_lake(cls, lake: Lake) -> KeyResultRegistry:
        """Make the registry of the definitions that were loaded last, each key result in its last version."""
        with duckdb.connect() as connection:
            connection.execute(
                f"create temp table newest as {last_versions('key_result_id', 'record_key')}",
                {"definitions": lake.glob("definitions/key_results"), "loads": lake.glob("loads")},
            )
            ids = [row[0] for row in connection.execute("select key_result_id from newest").fetchall()]
            milestones = connection.execute(
                """
                select distinct newest.key_result_id, milestones.milestone_id, coalesce(milestones.kind, 'milestone')
                from read_parquet($milestones, union_by_name = true) as milestones
                inner join newest on milestones.record_key = newest.record_key
                where milestones.milestone_id is not null
                """,
                {"milestones": lake.glob("definitions/key_result_milestones")},
            ).fetchall()
        return cls._from_rows(ids, milestones)

    @classmethod
    def _from_rows(cls, ids: list[str], milestones: list[tuple[str, str, str]]) -> KeyResultRegistry:
        found: dict[str, dict[str, str]] = {name: {} for name in ids}
        for name, milestone, kind in milestones:
            found[name].setdefault(milestone, kind)
        return cls(tuple(KeyResultEntry(name, tuple(sorted(found[name].items()))) for name in sorted(found)))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids, sorted."""
        return tuple(entry.key_result_id for entry in self.key_results)

    @cached_property
    def registry_hash(self) -> str:
        """Sha256 (hex) over everything that can change the outcome of a row."""
        return hash_of_entries(self.key_results)

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put the key results into a connection, as the tables `key_results` and `milestones`."""
        rows = [{"key_result_id": name} for name in self.ids]
        milestones = [
            {"of_key_result_id": entry.key_result_id, "known_id": name, "kind": kind}
            for entry in self.key_results
            for name, kind in entry.milestones
        ]
        make_table(connection, "key_results", pa.Table.from_pylist(rows, schema=_SCHEMA))
        make_table(connection, "milestones", pa.Table.from_pylist(milestones, schema=_MILESTONES))


Registry = KpiRegistry | KeyResultRegistry
"""What the rows of one kind of feed are checked against."""


def registry_for(contract: FeedContract, definitions: Lake | Company) -> Registry:
    """Make the registry that a feed's rows are checked against.

    Args:
        contract: the feed's contract.
        definitions: where the definitions are: loaded, or as the files have them.
    """
    kind = KeyResultRegistry if contract.kind == "events" else KpiRegistry
    return kind.from_lake(definitions) if isinstance(definitions, Lake) else kind.from_company(definitions)
