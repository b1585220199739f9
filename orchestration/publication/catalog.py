"""What each published table means, for every tool at once: columns with unit, keys, references, metrics, tiles.

Read from the dbt manifest and project, and written into each release as `bi/catalog.json`. PostgreSQL, LookML, the
Metabase files and the data dictionary are all made from it, so that a thing has one description, unit and definition.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration.errors import PublicationError
from orchestration.publication.report_files import RELEASE_COLUMNS, RELEASE_TABLE, REPORTS_SCHEMA
from orchestration.transformation import DBT_PROJECT_DIR

CATALOG_FILE = "bi/catalog.json"

UNIT_OF_SUFFIX = {
    "amount": "in the row's currency",
    "bytes": "bytes",
    "count": "count",
    "days": "days",
    "hours": "hours",
    "minutes": "minutes",
    "number": "number",
    "periods": "periods",
    "ratio": "ratio",
    "row": "line number",
    "seconds": "seconds",
    "share": "share",
    "version": "number",
}
"""Last word of a column's name -> its unit. What has none of these declares its unit in dbt, as variable or `meta`."""

AGGREGATES = ("count", "count_distinct", "sum", "average", "min", "max")
"""What a measure may do, by dbt's names."""

NUMBERS = frozenset({"int", "integer", "bigint", "double", "decimal"})

Role = Literal["key", "reference", "id", "text", "flag", "date", "time", "figure"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a newer version may have written more


class Column(_Part):
    """A column; `unit` is null for what is no figure, and for a figure that lacks one (a test forbids that)."""

    name: str
    type: str  # as in the contract: string, int, bigint, double, boolean, date, timestamp
    role: Role
    unit: str | None
    description: str
    is_required: bool

    @property
    def told(self) -> str:
        """Description with the unit, where it does not say it itself."""
        if self.unit is None or self.unit in self.description or re.search(r"\bunit\b", self.description):
            return self.description
        return f"{self.description} Unit: {self.unit}."


class Reference(_Part):
    """A column whose every value, where there is one, is the key of a row of another table."""

    column: str
    to: str


class Condition(_Part):
    """Rows that count: those whose column holds one of the values; a flag holds true."""

    column: str
    values: tuple[str | bool, ...]


class Measure(_Part):
    """What may be summed up of a table: an aggregate over its own rows.

    Either an aggregate of `column`, or the number of rows that meet `condition`.
    """

    name: str
    label: str
    description: str
    table: str
    aggregate: str  # count, count_distinct, sum, average, min, max
    column: str | None
    condition: Condition | None
    expression: str  # of one row, in SQL that every engine reads; says the same
    unit: str | None


class Metric(_Part):
    """A number with one meaning in every tool: a measure, or one measure over another."""

    name: str
    label: str
    description: str
    numerator: str
    denominator: str | None
    unit: str


class Tile(_Part):
    """A part of a dashboard."""

    title: str
    table: str
    kind: Literal["number", "table", "bar"]
    metrics: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    filters: Mapping[str, str | bool] = {}


class Dashboard(_Part):
    """Tiles for one reader, declared as a dbt exposure."""

    name: str
    label: str
    description: str
    tiles: tuple[Tile, ...]


class Table(_Part):
    """A published table."""

    name: str
    description: str
    key: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]

    def column(self, name: str) -> Column:
        """Return a column.

        Raises:
            KeyError: There is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")


class Catalog(_Part):
    """Everything that a BI tool is told."""

    tables: tuple[Table, ...]
    measures: tuple[Measure, ...] = ()
    metrics: tuple[Metric, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()

    def table(self, name: str) -> Table:
        """Return a table.

        Raises:
            KeyError: There is none of that name.
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    def measure(self, name: str) -> Measure:
        """Return a measure.

        Raises:
            KeyError: There is none of that name.
        """
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)

    def metric(self, name: str) -> Metric:
        """Return a metric.

        Raises:
            KeyError: There is none of that name.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    @property
    def every_table(self) -> tuple[Table, ...]:
        """The tables, and the one beside them that says which release they are."""
        return (*self.tables, RELEASE)

    def joins_of(self, table: str) -> tuple[tuple[str, Reference], ...]:
        """Return what is reached from a table by references, nearest first: (table that refers, reference)."""
        found: list[tuple[str, Reference]] = []
        waiting, seen = [table], {table}
        while waiting:
            name = waiting.pop(0)
            for reference in self.table(name).references:
                if reference.to not in seen:
                    seen.add(reference.to)
                    waiting.append(reference.to)
                    found.append((name, reference))
        return tuple(found)

    def metrics_of(self, table: str) -> tuple[Metric, ...]:
        """Return the metrics whose numerator is a measure of the table."""
        return tuple(metric for metric in self.metrics if self.measure(metric.numerator).table == table)


def catalog_of(manifest: Mapping[str, Any], schema: str = REPORTS_SCHEMA) -> Catalog:
    """Read a layer of the dbt manifest.

    Args:
        manifest: dbt's `manifest.json`.
        schema: Layer to read.

    Raises:
        PublicationError: A table has no key, or a reference, metric or tile names something that does not exist.
    """
    models = {
        node["unique_id"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] == schema
        and node["config"]["materialized"] != "ephemeral"
    }
    references = _references(manifest)
    tables = sorted((_table(node, references.get(uid, ())) for uid, node in models.items()), key=lambda one: one.name)
    measures, metrics = _metrics(manifest, {uid: node["name"] for uid, node in models.items()})
    catalog = Catalog(
        tables=tuple(tables),
        measures=measures,
        metrics=metrics,
        dashboards=_dashboards(manifest, models.keys()),
    )
    _require_known(catalog)
    return catalog


def catalog_from_manifest(path: Path) -> Catalog:
    """Read `manifest.json` of dbt.

    Raises:
        PublicationError: As `catalog_of`.
    """
    return catalog_of(json.loads(path.read_bytes()))


def read_catalog(release: Path) -> Catalog:
    """Read the catalog of a release.

    Raises:
        PublicationError: There is none, or it is not one.
    """
    path = release / CATALOG_FILE
    try:
        return Catalog.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PublicationError(
            "the release does not say what its tables mean",
            file=path,
            found=str(error).splitlines()[0],
            remedy="publish again: releases made before there was a catalog have none",
        ) from error


def _references(manifest: Mapping[str, Any]) -> dict[str, tuple[Reference, ...]]:
    """Read the tests by which dbt holds a column to the keys of another model, by the model that has the column."""
    found: dict[str, tuple[Reference, ...]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] != "test" or (node.get("test_metadata") or {}).get("name") != "relationships":
            continue
        home = node["attached_node"]
        to = next(uid for uid in node["depends_on"]["nodes"] if uid != home)
        reference = Reference(column=node["column_name"], to=manifest["nodes"][to]["name"])
        found[home] = (*found.get(home, ()), reference)
    return found


def _table(node: Mapping[str, Any], references: tuple[Reference, ...]) -> Table:
    meta = node["config"].get("meta") or {}
    primary = [
        name
        for name, column in node["columns"].items()
        if any(constraint["type"] == "primary_key" for constraint in column["constraints"])
    ]
    key = meta.get("primary_key") or (primary[0] if len(primary) == 1 else None)
    if key not in node["columns"]:
        raise PublicationError(
            "a published table has no key",
            subject=node["name"],
            expected="one column with the constraint primary_key, or its name as meta.primary_key",
            found=str(key),
            remedy="declare it in the model's yml file",
        )
    led_on = {reference.column for reference in references}
    return Table(
        name=node["name"],
        description=_line(node["description"]),
        key=key,
        columns=tuple(
            _column(column, is_key=name == key, leads_on=name in led_on) for name, column in node["columns"].items()
        ),
        references=references,
    )


@functools.cache
def _declared_units() -> Mapping[str, str]:
    """Return the units that the dbt project declares by name of a column."""
    project = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    units: Mapping[str, str] = project["vars"][project["name"]]["units"]
    return units


def _column(column: Mapping[str, Any], *, is_key: bool, leads_on: bool) -> Column:
    name, kind = column["name"], column["data_type"]
    return Column(
        name=name,
        type=kind,
        role="key" if is_key else "reference" if leads_on else _role(name, kind),
        unit=(
            _meta(column).get("unit") or _declared_units().get(name) or UNIT_OF_SUFFIX.get(name.rsplit("_", 1)[-1])
            if kind in NUMBERS
            else None
        ),
        description=_line(column["description"]),
        is_required=is_key or any(constraint["type"] == "not_null" for constraint in column["constraints"]),
    )


def _role(name: str, kind: str) -> Role:
    if kind in NUMBERS:
        return "figure"
    if kind == "boolean":
        return "flag"
    if kind == "date":
        return "date"
    if kind.startswith("timestamp"):
        return "time"
    return "id" if name.endswith(("_id", "_key")) else "text"


def _metrics(manifest: Mapping[str, Any], tables: Mapping[str, str]) -> tuple[tuple[Measure, ...], tuple[Metric, ...]]:
    """Read dbt's semantic models; those of other layers are not the business of who reads the release."""
    measures: dict[str, Measure] = {}
    for model in manifest["semantic_models"].values():
        table = next((tables[uid] for uid in model["depends_on"]["nodes"] if uid in tables), None)
        for measure in model["measures"] if table else ():
            measures[measure["name"]] = Measure(
                name=measure["name"],
                label=measure["label"] or measure["name"].replace("_", " "),
                description=_line(measure["description"] or ""),
                table=str(table),
                **_parsed(measure),
                unit=(_meta(measure)).get("unit"),
            )
    metrics = []
    for metric in manifest["metrics"].values():
        parameters = metric["type_params"]
        if metric["type"] == "simple":
            numerator, denominator = parameters["measure"]["name"], None
        elif metric["type"] == "ratio":
            numerator, denominator = parameters["numerator"]["name"], parameters["denominator"]["name"]
            by_name = {other["name"]: other for other in manifest["metrics"].values()}
            numerator, denominator = (
                by_name[part]["type_params"]["measure"]["name"] for part in (numerator, denominator)
            )
        else:
            raise PublicationError(
                "a metric of this type cannot be given to Looker and Metabase",
                subject=metric["name"],
                expected="simple or ratio",
                found=metric["type"],
                remedy="write it as a measure, or as one measure over another",
            )
        if numerator in measures:
            metrics.append(
                Metric(
                    name=metric["name"],
                    label=metric["label"],
                    description=_line(metric["description"]),
                    numerator=numerator,
                    denominator=denominator,
                    unit=_meta(metric).get("unit", "number"),
                )
            )
    by_metric_name = sorted(metrics, key=lambda metric: metric.name)
    return tuple(sorted(measures.values(), key=lambda measure: measure.name)), tuple(by_metric_name)


_COUNTED = re.compile(
    r"case when (?P<column>\w+)(?: in \((?P<values>'[^']*'(?:, ?'[^']*')*)\)| = (?P<value>'[^']*'))? then 1 else 0 end"
)


def _parsed(measure: Mapping[str, Any]) -> dict[str, Any]:
    """Read an aggregate that every tool can be told: of a column, or of a condition that counts rows."""
    expression, aggregate = str(measure["expr"] or measure["name"]).strip(), measure["agg"]
    found = {"aggregate": aggregate, "expression": expression, "column": None, "condition": None}
    counted = _COUNTED.fullmatch(expression)
    if re.fullmatch(r"\w+", expression) and aggregate in AGGREGATES:
        return found | {"column": expression}
    if counted and aggregate == "sum":
        listed = counted["values"] or counted["value"]
        values = tuple(re.findall(r"'([^']*)'", listed)) if listed else (True,)
        return found | {"condition": Condition(column=counted["column"], values=values)}
    raise PublicationError(
        "a measure cannot be told to Looker and Metabase",
        subject=measure["name"],
        expected=f"{', '.join(AGGREGATES)} of a column, or sum of `case when <column> in (...) then 1 else 0 end`",
        found=f"{aggregate} of {expression}",
        remedy="make it a column of the report",
    )


def _meta(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return (part.get("config") or {}).get("meta") or part.get("meta") or {}


def _dashboards(manifest: Mapping[str, Any], models: Set[str]) -> tuple[Dashboard, ...]:
    found = []
    for exposure in manifest["exposures"].values():
        tiles = _meta(exposure).get("tiles")
        if tiles and set(exposure["depends_on"]["nodes"]) <= models:
            found.append(
                Dashboard(
                    name=exposure["name"],
                    label=exposure["label"] or exposure["name"],
                    description=_line(exposure["description"]),
                    tiles=tuple(Tile.model_validate(tile) for tile in tiles),
                )
            )
    return tuple(sorted(found, key=lambda dashboard: dashboard.name))


def _require_known(catalog: Catalog) -> None:
    """Refuse names that lead nowhere: a BI tool would tell its reader, weeks later."""
    problems = []
    for table in catalog.tables:
        for reference in table.references:
            for name, column in ((table.name, reference.column), (reference.to, None)):
                problems += _missing(catalog, name, column, f"reference of {table.name}")
    for metric in catalog.metrics:
        for part in (metric.numerator, metric.denominator):
            if part is not None and all(part != measure.name for measure in catalog.measures):
                problems.append(f"metric {metric.name}: there is no measure {part}")
        home = catalog.table(catalog.measure(metric.numerator).table)
        if any(column.name == metric.name for column in home.columns):
            problems.append(f"metric {metric.name} is called as a column of {home.name}")
    for measure in catalog.measures:
        column = measure.column or (measure.condition.column if measure.condition else None)
        problems += _missing(catalog, measure.table, column, f"measure {measure.name}")
    for dashboard in catalog.dashboards:
        for tile in dashboard.tiles:
            where = f"tile {tile.title!r} of {dashboard.name}"
            for column in (*tile.columns, *tile.filters):
                problems += _missing(catalog, tile.table, column, where)
            own = {metric.name for metric in catalog.metrics_of(tile.table)}
            problems += [f"{where}: {tile.table} has no metric {name}" for name in tile.metrics if name not in own]
    if problems:
        raise PublicationError(
            "names lead nowhere:\n" + "\n".join(f"  - {problem}" for problem in problems),
            remedy="correct them in the yml files of the dbt project",
        )


def _missing(catalog: Catalog, table: str, column: str | None, where: str) -> list[str]:
    try:
        found = catalog.table(table)
        if column is not None:
            found.column(column)
    except KeyError as error:
        return [f"{where}: there is no {error.args[0]}"]
    return []


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


RELEASE = Table(
    name=RELEASE_TABLE,
    description="One row: the release that the tables beside it are, all of them.",
    key="release_id",
    columns=tuple(
        Column(
            name=name,
            type=kind,
            role="key" if name == "release_id" else _role(name, kind),
            unit=None,
            description=description,
            is_required=name == "release_id",
        )
        for name, (kind, description) in RELEASE_COLUMNS.items()
    ),
    references=(),
)
"""The table that says which release is read, and how old it is."""
