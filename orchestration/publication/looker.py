"""A LookML project made from the catalog: views, explores, a dashboard for each exposure, a test for each key.

    manifest.lkml  line_of_sight.model.lkml  views/  data_tests/  dashboards/

An explore shows the measures of its own table, and the dimensions alone of the tables that it refers to: every join
goes from many to one, so no measure is ever multiplied, with or without Looker's symmetric aggregates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import yaml

from orchestration.publication.catalog import RELEASE, Catalog, Column, Dashboard, Measure, Metric, Table, Tile

FOLDER = "bi/looker"
MODEL = "line_of_sight"
DIMENSIONS = "dimensions"
"""Set of a view that holds all its dimensions and none of its measures."""

_TYPES = {"boolean": "yesno", "int": "number", "integer": "number", "bigint": "number", "double": "number"}
_FORMATS = {"share": "percent_1", "count": "decimal_0", "days": "decimal_1"}
_KINDS = {"number": "single_value", "bar": "looker_bar", "table": "looker_grid"}
_HEADER = "# Made from the dbt project by each release: changes belong there. How to use it: docs/bi.md.\n"

Lines = list[str]


def lookml_files(catalog: Catalog, *, schema: str) -> dict[str, str]:
    """Return the project: path within the release -> text.

    Args:
        catalog: What is published.
        schema: Where it is published; a constant of the project, for others to override.
    """
    files = {
        "manifest.lkml": _manifest(schema),
        f"{MODEL}.model.lkml": _model(catalog),
        "data_tests/keys.lkml": _text(line for table in catalog.every_table for line in _test(table)),
    }
    for table in catalog.every_table:
        files[f"views/{table.name}.view.lkml"] = _text(_view(catalog, table))
    for dashboard in catalog.dashboards:
        files[f"dashboards/{dashboard.name}.dashboard.lookml"] = _HEADER + _dashboard(catalog, dashboard)
    return {f"{FOLDER}/{path}": text for path, text in files.items()}


def field_of(column: Column) -> str:
    """Return the field of a view that shows a column in a table: of a day or a time, its finest timeframe."""
    if column.role == "date":
        return f"{_group(column.name)}_date"
    return f"{_group(column.name)}_time" if column.role == "time" else column.name


def _manifest(schema: str) -> str:
    lines = ['project_name: "line_of_sight"', ""]
    for name, value in (("connection", "line_of_sight"), ("schema", schema)):
        lines += _block(f"constant: {name}", [f"value: {_quoted(value)}", "export: override_optional"])
    return _text(lines)


def _model(catalog: Catalog) -> str:
    lines = [
        'connection: "@{connection}"',
        "",
        'include: "/views/*.view.lkml"',
        'include: "/data_tests/*.lkml"',
        'include: "/dashboards/*.dashboard.lookml"',
        "",
    ]
    for table in catalog.tables:
        lines += _explore(catalog, table)
    lines += _block(f"explore: {RELEASE.name}", _about(RELEASE))
    return _text(lines)


def _explore(catalog: Catalog, table: Table) -> Lines:
    inner = _about(table)
    for name, reference in catalog.joins_of(table.name):
        key = catalog.table(reference.to).key
        inner += _block(
            f"join: {reference.to}",
            [
                "type: left_outer",
                "relationship: many_to_one",
                f"sql_on: ${{{name}.{reference.column}}} = ${{{reference.to}.{key}}} ;;",
                f"fields: [{reference.to}.{DIMENSIONS}*]",
            ],
        )
    inner += _block(
        f"join: {RELEASE.name}",
        ["type: cross", "relationship: many_to_one", f"fields: [{RELEASE.name}.{DIMENSIONS}*]"],
    )
    return _block(f"explore: {table.name}", inner)


def _about(table: Table) -> Lines:
    return [f"label: {_quoted(_label(table.name))}", f"description: {_quoted(table.description)}"]


def _view(catalog: Catalog, table: Table) -> Lines:
    inner = [f"sql_table_name: @{{schema}}.{table.name} ;;", f"view_label: {_quoted(_label(table.name))}", ""]
    for column in table.columns:
        inner += _dimension(column)
    shown = [name for column in table.columns for name in _fields(column)]
    inner += _block(f"set: {DIMENSIONS}", [f"fields: [{', '.join(shown)}]"])
    inner += _block("measure: row_count", ["type: count", 'label: "Rows"', 'description: "Rows of the table."'])
    for metric in catalog.metrics_of(table.name):
        inner += _measure(catalog, table, metric)
    return _block(f"view: {table.name}", inner)


def _dimension(column: Column) -> Lines:
    sql = f"sql: ${{TABLE}}.{column.name} ;;"
    about = [f"description: {_quoted(column.told)}", sql]
    if column.role in {"date", "time"}:
        is_day = column.role == "date"
        frames = ["raw", *([] if is_day else ["time"]), "date", "week", "month", "quarter", "year"]
        return _block(
            f"dimension_group: {_group(column.name)}",
            [
                "type: time",
                f"timeframes: [{', '.join(frames)}]",
                f"datatype: {'date' if is_day else 'timestamp'}",
                "convert_tz: no",
                f"label: {_quoted(_label(_group(column.name)))}",
                *about,
            ],
        )
    lines = [f"type: {_TYPES.get(column.type, 'string')}", f"label: {_quoted(_label(column.name))}", *about]
    if column.role == "key":
        lines.insert(0, "primary_key: yes")
    if column.role == "key" and column.name.endswith("_key"):
        lines.insert(1, "hidden: yes")
    if column.unit in _FORMATS and column.type == "double":
        lines.append(f"value_format_name: {_FORMATS[column.unit]}")
    return _block(f"dimension: {column.name}", lines)


def _fields(column: Column) -> Sequence[str]:
    if column.role == "date":
        frames: Sequence[str] = ("date", "week", "month", "quarter", "year")
    elif column.role == "time":
        frames = ("time", "date", "week", "month", "quarter", "year")
    else:
        return (column.name,)
    return [f"{_group(column.name)}_{frame}" for frame in frames]


def _measure(catalog: Catalog, table: Table, metric: Metric) -> Lines:
    measure = catalog.measure(metric.numerator)
    if metric.denominator is None:
        lines = _aggregate(table, measure)
    else:
        over = _named(catalog, metric.numerator), _named(catalog, metric.denominator)
        lines = ["type: number", f"sql: 1.0 * ${{{over[0]}}} / nullif(${{{over[1]}}}, 0) ;;"]
    lines += [f"label: {_quoted(metric.label)}", f"description: {_quoted(metric.description)}"]
    if metric.unit in _FORMATS:
        lines.append(f"value_format_name: {_FORMATS[metric.unit]}")
    return _block(f"measure: {metric.name}", lines)


def _aggregate(table: Table, measure: Measure) -> Lines:
    if measure.condition is not None:
        column = f"${{TABLE}}.{measure.condition.column}"
        listed = ", ".join("true" if value is True else "'" + str(value) + "'" for value in measure.condition.values)
        return ["type: sum", f"sql: case when {column} in ({listed}) then 1 else 0 end ;;"]
    if measure.aggregate == "count" and measure.column == table.key:
        return ["type: count"]  # of the keys; a count of another column would be of its values
    if measure.aggregate == "count":
        return ["type: sum", f"sql: case when ${{TABLE}}.{measure.column} is not null then 1 else 0 end ;;"]
    return [f"type: {measure.aggregate}", f"sql: ${{TABLE}}.{measure.column} ;;"]


def _named(catalog: Catalog, measure: str) -> str:
    """Return the metric that is this measure alone: dbt makes a ratio of metrics, so there is one."""
    return next(one.name for one in catalog.metrics if one.numerator == measure and one.denominator is None)


def _test(table: Table) -> Lines:
    source = _block(
        f"explore_source: {table.name}",
        [
            *_block("column: key", [f"field: {table.name}.{table.key}"]),
            *_block("column: row_count", [f"field: {table.name}.row_count"]),
            "sorts: [row_count: desc]",
            "limit: 1",
        ],
    )
    expression = f"expression: ${{{table.name}.row_count}} = 1 ;;"
    return _block(
        f"test: {table.name}_{table.key}_is_unique", [*source, *_block("assert: key_is_unique", [expression])]
    )


def _dashboard(catalog: Catalog, dashboard: Dashboard) -> str:
    elements = []
    row = column = previous = 0
    for tile in dashboard.tiles:
        width, height = {"number": (6, 4), "bar": (12, 8), "table": (24, 9)}[tile.kind]
        if column + width > 24:
            row, column = row + previous, 0
        elements.append(_element(catalog, tile) | {"row": row, "col": column, "width": width, "height": height})
        column, previous = column + width, height
    shown = {
        "dashboard": dashboard.name,
        "title": dashboard.label,
        "description": dashboard.description,
        "layout": "newspaper",
        "preferred_viewer": "dashboards-next",
        "elements": elements,
    }
    return yaml.safe_dump([shown], sort_keys=False, allow_unicode=True, width=110)


def _element(catalog: Catalog, tile: Tile) -> dict[str, object]:
    table = catalog.table(tile.table)
    columns = [f"{table.name}.{field_of(table.column(name))}" for name in tile.columns]
    metrics = [f"{table.name}.{name}" for name in tile.metrics]
    element: dict[str, object] = {
        "name": re.sub(r"\W+", "_", tile.title.lower()).strip("_"),
        "title": tile.title,
        "model": MODEL,
        "explore": table.name,
        "type": _KINDS[tile.kind],
        "fields": [*columns, *metrics],
    }
    if tile.filters:
        element["filters"] = {
            f"{table.name}.{field_of(table.column(name))}": "Yes" if value is True else value
            for name, value in tile.filters.items()
        }
    if tile.kind == "bar":
        element["sorts"] = [f"{metrics[0]} desc"]
    element["limit"] = 500
    return element


def _group(name: str) -> str:
    return name.removesuffix("_on")


def _label(name: str) -> str:
    words = re.sub(r"^(rpt|fct|dim)_", "", name).split("_")
    told = [word.upper() if word in {"okr", "kpi"} else word for word in words]
    return " ".join([told[0] if told[0].isupper() else told[0].capitalize(), *told[1:]])


def _quoted(text: str) -> str:
    # Looker reads {{ and {% in descriptions as Liquid.
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("{{", "{ {").replace("{%", "{ %")
    return f'"{safe}"'


def _block(head: str, inner: Iterable[str]) -> Lines:
    return [f"{head} {{", *(f"  {line}" if line else "" for line in inner), "}", ""]


def _text(lines: Iterable[str]) -> str:
    listed = [line.rstrip() for line in lines]
    kept = [line for place, line in enumerate(listed) if line or (place + 1 < len(listed) and listed[place + 1] != "}")]
    return _HEADER + "\n" + re.sub(r"\n\n+( *)}", r"\n\1}", "\n".join(kept)).strip() + "\n"
