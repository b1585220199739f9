"""Releases small enough to write down: units, and facts that refer to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publication.catalog import Column, Reference, Table
from orchestration.publication.postgresql.content import TYPES, Content
from orchestration.publication.postgresql.publish import Published, publish_content
from orchestration.publication.postgresql.target import Target


def column(name: str, kind: str = "string", **facts: Any) -> Column:
    given = {"role": "text", "unit": None, "description": f"What {name} is.", "is_required": False}
    return Column(name=name, type=kind, **given | facts)


UNITS = Table(
    name="rpt_unit",
    description="One row per unit.",
    key="unit_id",
    columns=(column("unit_id", is_required=True), column("unit_name")),
    references=(),
)
FACTS = Table(
    name="rpt_fact",
    description="One row per fact, it's said.",
    key="fact_id",
    columns=(
        column("fact_id", is_required=True),
        column("unit_id", is_required=True),
        column("release", "int"),
        column("amount", "double", unit="euros"),
        column("is_good", "boolean"),
        column("on_day", "date"),
        column("at_time", "timestamp"),
        column("big", "bigint"),
    ),
    references=(Reference(column="unit_id", to="rpt_unit"),),
)
INFO = Table(
    name="release_info",
    description="One row.",
    key="release_id",
    columns=(column("release_id", is_required=True), column("number", "int")),
    references=(),
)


class Releases:
    """Writes and publishes releases to one schema, and remembers the files.

    Args:
        root: Folder of the files.
        target: Where to publish.
    """

    def __init__(self, root: Path, target: Target) -> None:
        self.root = root
        self.target = target
        self.units = {"u1": "One", "u2": "Two"}

    def facts(self, number: int, count: int = 50) -> list[tuple[Any, ...]]:
        """Facts of the release `number`; every third row differs from one release to the next."""
        return [
            (
                f"f{i}", "u1" if i % 2 else "u2", number if i % 3 == 0 else 0, i / 3, i % 2 == 0,
                f"2026-01-{i % 28 + 1:02d}", "2026-01-01 10:00:00.5", 2**40 + i,
            )
            for i in range(count)
        ]  # fmt: skip

    def content(
        self,
        number: int,
        *,
        facts: Sequence[tuple[Any, ...]] | None = None,
        tables: tuple[Table, ...] = (UNITS, FACTS),
        more: Callable[[duckdb.DuckDBPyConnection], None] = lambda connection: None,
    ) -> Content:
        """Write a release."""
        name = f"release-{number:03d}"
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "reports.duckdb"
        path.unlink(missing_ok=True)
        tables = (*tables, INFO)
        with duckdb.connect(str(path)) as connection:
            for table in tables:
                columns = ", ".join(f"{one.name} {TYPES[one.type][1]}" for one in table.columns)
                connection.execute(f"create table {table.name} ({columns})")
            rows = {
                "rpt_unit": list(self.units.items()),
                "rpt_fact": self.facts(number) if facts is None else list(facts),
                "release_info": [(name, number)],
            }
            for table in tables:
                for row in rows.get(table.name, []):
                    marks = ", ".join("?" for _ in table.columns)
                    connection.execute(f"insert into {table.name} values ({marks})", row[: len(table.columns)])
            more(connection)
            checksums = {
                table.name: str(
                    connection.execute(
                        f"select md5(string_agg(row_text, chr(10) order by row_text)) from "
                        f"(select t::varchar as row_text from {table.name} as t)"
                    ).fetchone()
                )
                for table in tables
            }
        return Content(name=name, database=path, tables=tables, checksums=checksums)

    def find(self, name: str) -> Path | None:
        path = self.root / name / "reports.duckdb"
        return path if path.is_file() else None

    def publish(self, content: Content | int, **given: Any) -> Published:
        """Publish a release."""
        if isinstance(content, int):
            content = self.content(content)
        return publish_content(content, self.target, find=self.find, **given)
