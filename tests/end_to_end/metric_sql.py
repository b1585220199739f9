"""The SQL that each tool makes of a metric: from dbt's definition, from LookML, and from a Metabase card.

Each reads only its own tool's files, and writes what that tool writes, in PostgreSQL's dialect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def from_dbt(manifest: Mapping[str, Any], metric: str, schema: str) -> str:
    """Compile a metric of the manifest's semantic models."""
    by_name = {one["name"]: one for one in manifest["metrics"].values()}
    measures = {
        one["name"]: (one, manifest["nodes"][model["depends_on"]["nodes"][0]]["name"])
        for model in manifest["semantic_models"].values()
        for one in model["measures"]
    }

    def simple(name: str) -> str:
        measure, table = measures[by_name[name]["type_params"]["measure"]["name"]]
        aggregate = {"average": "avg", "count": "count", "sum": "sum", "max": "max", "min": "min"}[measure["agg"]]
        return f"(select {aggregate}({measure['expr']}) from {schema}.{table})"

    parameters = by_name[metric]["type_params"]
    if by_name[metric]["type"] == "simple":
        return f"select {simple(metric)}"
    numerator, denominator = (simple(parameters[part]["name"]) for part in ("numerator", "denominator"))
    return f"select cast({numerator} as double precision) / cast(nullif({denominator}, 0) as double precision)"


def from_lookml(view: Mapping[str, Any], measure: str, schema: str, source: str | None = None) -> str:
    """Compile a measure as Looker does when nothing fans out.

    Args:
        view: As `lkml` reads it.
        measure: Name of the measure.
        schema: Value of the constant.
        source: What to select from; default: the view's table.
    """
    by_name = {one["name"]: one for one in view["measures"]}

    def compiled(name: str) -> str:
        one = by_name[name]
        sql = one.get("sql", "").replace("${TABLE}", view["name"])
        if one["type"] == "count":
            return "count(*)"
        if one["type"] == "number":
            return re.sub(r"\$\{(\w+)\}", lambda other: f"({compiled(other[1])})", sql)
        aggregate = {"sum": "coalesce(sum({}), 0)", "average": "avg({})", "max": "max({})", "min": "min({})"}
        return aggregate[one["type"]].format(sql)

    table = view["sql_table_name"].strip().replace("@{schema}", schema)
    default = f"{table} as {view['name']}"
    return f"select {compiled(measure)} from {source or default}"


def from_metabase(card: Mapping[str, Any]) -> str:
    """Compile the one aggregation of a metric card."""
    (stage,) = card["dataset_query"]["stages"]
    (aggregation,) = stage["aggregation"]
    _, schema, table = stage["source-table"]
    return f'select {_clause(aggregation)} from "{schema}"."{table}"'


def _clause(clause: Any) -> str:
    if isinstance(clause, bool) or not isinstance(clause, list):
        return "true" if clause is True else f"'{clause}'" if isinstance(clause, str) else str(clause)
    name, _, *arguments = clause
    if name == "field":
        return f'"{arguments[0][2]}"."{arguments[0][3]}"'
    parts = [_clause(argument) for argument in arguments]
    if name == "/":
        return f"cast({parts[0]} as double precision) / nullif(cast({parts[1]} as double precision), 0)"
    if name == "=":
        return "(" + " or ".join(f"{parts[0]} = {value}" for value in parts[1:]) + ")"
    if name == "count-where":
        return f"sum(case when {parts[0]} then 1 else 0.0 end)"
    return f"{name}({', '.join(parts)})"
