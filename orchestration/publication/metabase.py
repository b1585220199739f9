"""What Metabase is given, made from the catalog.

    collections/main/…      metrics, questions and dashboards in Metabase's own format of files, to be imported
    dbt_manifest.json       what dbt-metabase needs to know of the tables, in dbt's format: descriptions, keys, types

Names stand for ids: the database by the name that it has in Metabase (`DATABASE`), entities by ids that follow from
their names, so that importing a newer release changes what is there and adds nothing twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from orchestration.publication.catalog import Catalog, Column, Dashboard, Measure, Metric, Table, Tile

FOLDER = "bi/metabase"
DATABASE = "Line of Sight"
"""Name that the connection must have in Metabase."""

_COLLECTION = "Line of Sight"
_CREATOR = "internal@metabase.com"  # Metabase's own user; every instance has it
_AGGREGATES = {
    "count": "count",
    "count_distinct": "distinct",
    "sum": "sum",
    "average": "avg",
    "min": "min",
    "max": "max",
}
_BASE_TYPES = {
    "string": "type/Text", "int": "type/Integer", "integer": "type/Integer", "bigint": "type/BigInteger",
    "double": "type/Float", "boolean": "type/Boolean", "date": "type/Date", "timestamp": "type/DateTime",
}  # fmt: skip
_KINDS = {"number": ("scalar", 6, 3), "bar": ("bar", 12, 6), "table": ("table", 24, 9)}


def metabase_files(catalog: Catalog, *, schema: str) -> dict[str, str]:
    """Return the files: path within the release -> text.

    Args:
        catalog: What is published.
        schema: Where it is published.
    """
    here = _Schema(catalog, schema)
    slug = _slug(_COLLECTION)
    files: dict[str, Any] = {f"collections/main/{slug}.yaml": _collection()}
    for metric in catalog.metrics:
        files[f"collections/main/{slug}/{metric.name}.yaml"] = here.metric(metric)
    for dashboard in catalog.dashboards:
        files[f"collections/main/{slug}/{dashboard.name}.yaml"] = _dashboard(dashboard)
        for tile in dashboard.tiles:
            path = f"collections/main/{slug}/{dashboard.name}/{_slug(tile.title)}.yaml"
            files[path] = here.question(dashboard, tile)
    written = {
        path: yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
        for path, content in files.items()
    }
    written["dbt_manifest.json"] = json.dumps(_dbt_manifest(catalog, schema), indent=1) + "\n"
    return {f"{FOLDER}/{path}": text for path, text in written.items()}


class _Dumper(yaml.SafeDumper):
    """Writes what stands twice twice: other readers know no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Schema:
    """The tables as Metabase names them."""

    def __init__(self, catalog: Catalog, schema: str) -> None:
        self.catalog = catalog
        self.schema = schema

    def field(self, table: Table, column: str) -> list[Any]:
        options = {"base-type": _BASE_TYPES[table.column(column).type]}
        return ["field", options, [DATABASE, self.schema, table.name, column]]

    def query(self, table: Table, **stage: Any) -> dict[str, Any]:
        return {
            "lib/type": "mbql/query",
            "database": DATABASE,
            "stages": [{"lib/type": "mbql.stage/mbql", "source-table": [DATABASE, self.schema, table.name]} | stage],
        }

    def aggregate(self, metric: Metric) -> list[Any]:
        numerator = self._measured(self.catalog.measure(metric.numerator))
        told = {"name": metric.name, "display-name": metric.label}
        if metric.denominator is None:
            return [numerator[0], told, *numerator[2:]]
        return ["/", told, numerator, self._measured(self.catalog.measure(metric.denominator))]

    def _measured(self, measure: Measure) -> list[Any]:
        table = self.catalog.table(measure.table)
        if measure.condition is not None:
            field = self.field(table, measure.condition.column)
            return ["count-where", {}, ["=", {}, field, *measure.condition.values]]
        return [_AGGREGATES[measure.aggregate], {}, self.field(table, str(measure.column))]

    def metric(self, metric: Metric) -> dict[str, Any]:
        table = self.catalog.table(self.catalog.measure(metric.numerator).table)
        query = self.query(table, aggregation=[self.aggregate(metric)])
        settings = {"column_settings": {json.dumps(["name", metric.name]): _format(metric.unit)}}
        return _card(metric.name, metric.label, "metric", "scalar", query, settings, description=metric.description)

    def question(self, dashboard: Dashboard, tile: Tile) -> dict[str, Any]:
        table = self.catalog.table(tile.table)
        stage: dict[str, Any] = {}
        columns = [self.field(table, name) for name in tile.columns]
        if tile.filters:
            stage["filters"] = [["=", {}, self.field(table, name), value] for name, value in tile.filters.items()]
        metrics = [self.catalog.metric(name) for name in tile.metrics]
        if metrics:
            stage["aggregation"] = [self.aggregate(metric) for metric in metrics]
            if columns:
                stage["breakout"] = columns
        else:
            stage["fields"] = columns
        settings: dict[str, Any] = {}
        formats = {json.dumps(["name", metric.name]): _format(metric.unit) for metric in metrics}
        formats |= {
            json.dumps(["name", name]): _format(table.column(name).unit)
            for name in tile.columns
            if table.column(name).unit
        }
        if formats:
            settings["column_settings"] = formats
        if tile.kind == "bar":
            settings["graph.dimensions"] = list(tile.columns)
            settings["graph.metrics"] = [metric.name for metric in metrics]
        card = _card(
            f"{dashboard.name}.{tile.title}", tile.title, "question", _KINDS[tile.kind][0],
            self.query(table, **stage), settings,
        )  # fmt: skip
        return card | {"dashboard_id": _id("Dashboard", dashboard.name)}


def _format(unit: str | None) -> dict[str, Any]:
    if unit == "share":
        return {"number_style": "percent", "decimals": 1}
    return {"number_style": "decimal", "decimals": 0 if unit == "count" else 1}


def _collection() -> dict[str, Any]:
    return {
        "name": _COLLECTION,
        "entity_id": _id("Collection", _COLLECTION),
        "slug": _slug(_COLLECTION),
        "description": "Made by the releases of Line of Sight; changes belong into its dbt project.",
        "serdes/meta": _identity("Collection", _COLLECTION, _COLLECTION),
    }


def _card(
    name: str,
    label: str,
    kind: str,
    display: str,
    query: Mapping[str, Any],
    settings: Mapping[str, Any],
    description: str | None = None,
) -> dict[str, Any]:
    return {
        "name": label,
        "description": description,
        "entity_id": _id("Card", name),
        "type": kind,
        "display": display,
        "creator_id": _CREATOR,
        "collection_id": _id("Collection", _COLLECTION),
        "dataset_query": dict(query),
        "visualization_settings": dict(settings),
        "parameters": [],
        "parameter_mappings": [],
        "serdes/meta": _identity("Card", name, label),
    }


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    cards = []
    row = column = previous = 0
    for tile in dashboard.tiles:
        _, width, height = _KINDS[tile.kind]
        if column + width > 24:
            row, column = row + previous, 0
        name = f"{dashboard.name}.{tile.title}"
        cards.append(
            {
                "entity_id": _id("DashboardCard", name),
                "card_id": _id("Card", name),
                "row": row,
                "col": column,
                "size_x": width,
                "size_y": height,
                "parameter_mappings": [],
                "visualization_settings": {},
                "serdes/meta": [
                    {"id": _id("Dashboard", dashboard.name), "model": "Dashboard"},
                    {"id": _id("DashboardCard", name), "model": "DashboardCard"},
                ],
            }
        )
        column, previous = column + width, height
    return {
        "name": dashboard.label,
        "description": dashboard.description,
        "entity_id": _id("Dashboard", dashboard.name),
        "creator_id": _CREATOR,
        "collection_id": _id("Collection", _COLLECTION),
        "width": "full",
        "parameters": [],
        "dashcards": cards,
        "serdes/meta": _identity("Dashboard", dashboard.name, dashboard.label),
    }


def _dbt_manifest(catalog: Catalog, schema: str) -> dict[str, Any]:
    """Return the published tables as dbt's manifest tells models: no layer that a reader cannot see."""
    nodes: dict[str, Any] = {}
    for table in catalog.every_table:
        unique_id = f"model.line_of_sight.{table.name}"
        nodes[unique_id] = {
            "resource_type": "model",
            "unique_id": unique_id,
            "name": table.name,
            "alias": table.name,
            "database": None,
            "schema": schema,
            "config": {"materialized": "table"},
            "description": table.description,
            "tags": [],
            "meta": {},
            "columns": {column.name: _dbt_column(catalog, table, column) for column in table.columns},
        }
    return {"nodes": nodes, "sources": {}, "child_map": {unique_id: [] for unique_id in nodes}}


def _dbt_column(catalog: Catalog, table: Table, column: Column) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    constraints: list[dict[str, Any]] = []
    if column.role == "key":
        constraints.append({"type": "primary_key"})
    elif column.role == "reference":
        to = next(reference.to for reference in table.references if reference.column == column.name)
        key = catalog.table(to).key
        constraints.append({"type": "foreign_key", "to": f"ref('{to}')", "to_columns": [key]})
    elif column.role == "text":
        meta["metabase.semantic_type"] = "type/Category"
    elif column.unit == "share":
        meta["metabase.semantic_type"] = "type/Percentage"
    if column.role == "key" and column.name.endswith("_key"):
        meta["metabase.visibility_type"] = "details-only"
    return {
        "name": column.name,
        "description": column.told,
        "data_type": column.type,
        "meta": meta,
        "constraints": constraints,
    }


def _identity(model: str, name: str, label: str) -> list[dict[str, str]]:
    return [{"id": _id(model, name), "label": _slug(label), "model": model}]


def _id(model: str, name: str) -> str:
    """Return the id of an entity: 21 letters that follow from what it is called."""
    digest = hashlib.sha256(f"line of sight\0{model}\0{name}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:21]


def _slug(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_")
