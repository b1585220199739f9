"""What every model must have, proved on the warehouse as built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.tables import LAKE_TABLES
from tests.integration.tiny_lake import DBT_PROJECT, Warehouse

LAYERS = ["staging", "intermediate", "marts", "reports"]
# Both are read by every staging model: what a run may know is decided in one place.
KNOWLEDGE = {"int_run__context", "stg_lake__loads"}
# The calendar, and the facts that others are computed from: intermediate models read them there, rather than keep them
# twice.
KEPT_ONCE = {
    "dim_date", "dim_cycle", "fct_kpi_observation", "fct_key_result_kpi", "fct_key_result_daily",
    "fct_key_result_event", "fct_tremor", "fct_silo_conflict",
}  # fmt: skip


@pytest.fixture(scope="module")
def manifest(acme_warehouse: Warehouse) -> dict[str, Any]:
    return json.loads((acme_warehouse.target / "manifest.json").read_text())


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def exposed(models: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for model in models.values():
        if model["schema"] in ("marts", "reports") and model["config"]["materialized"] != "ephemeral":
            yield model


def test_every_model_says_its_grain_first(models: dict[str, dict[str, Any]]) -> None:
    """A reader must guess what a row is."""
    assert not [model["name"] for model in models.values() if not model["description"].startswith("One row per ")]


def test_every_column_is_described(models: dict[str, dict[str, Any]], acme_warehouse: Warehouse) -> None:
    """A column is published that nobody explains, or explained that does not exist."""
    built: dict[str, list[str]] = {}
    for table, column in acme_warehouse.rows(
        "select table_name, column_name from duckdb_columns() where not internal order by table_name, column_index"
    ):
        built.setdefault(table, []).append(column)
    for model in models.values():
        described = {name: column["description"] for name, column in model["columns"].items()}
        assert all(described.values()), model["name"]
        if model["config"]["materialized"] != "ephemeral":
            assert set(built[model["name"]]) == set(described), model["name"]


def test_exposed_models_have_a_contract_a_key_and_comments(
    models: dict[str, dict[str, Any]], manifest: dict[str, Any], acme_warehouse: Warehouse
) -> None:
    """A type changes under a dashboard, a join multiplies, or a table arrives in the BI tool without a word."""
    tested = {
        node["attached_node"]: node["test_metadata"]["kwargs"]["columns"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "key_identifies_one_row"
    }
    comments = dict(
        acme_warehouse.rows("select table_name, comment from duckdb_tables() where schema_name in ('marts', 'reports')")
    )
    found = list(exposed(models))
    assert len(found) == 57
    for model in found:
        assert model["config"]["contract"]["enforced"], model["name"]
        assert len(tested[model["unique_id"]]) == 1, model["name"]
        assert comments[model["name"]] == model["description"].strip(), model["name"]
    columns = acme_warehouse.rows(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name in ('marts', 'reports') and comment is null"
    )
    assert not columns


def test_layers_point_one_way(models: dict[str, dict[str, Any]]) -> None:
    """A mart reads a report, or a model reads the lake past its staging model."""
    for model in models.values():
        layer = model["fqn"][1]
        assert layer == model["schema"]
        for parent in model["depends_on"]["nodes"]:
            kind, _, name = parent.split(".", 2)
            if kind == "source":
                assert layer == "staging", f"{model['name']} reads {name}"
            elif kind == "model" and name.rsplit(".", 1)[-1] not in KNOWLEDGE:
                assert layer != "staging", f"{model['name']} reads {name}"
                if layer == "intermediate" and name.rsplit(".", 1)[-1] in KEPT_ONCE:
                    continue
                above = LAYERS.index(models[parent]["schema"])
                assert above <= LAYERS.index(layer), f"{model['name']} reads {name}"


def test_every_table_of_the_lake_is_staged(manifest: dict[str, Any]) -> None:
    """A table of the lake is added and the warehouse does not know it."""
    sources = {source["name"] for source in manifest["sources"].values()}
    assert sources == {entity.replace("/", "_") for entity in LAKE_TABLES} | {"loads"}
    staged = {path.stem.removeprefix("stg_lake__") for path in (DBT_PROJECT / "models" / "staging").glob("*.sql")}
    assert staged == {name.removeprefix("definitions_") for name in sources}


def test_no_email_address_leaves_the_lake(models: dict[str, dict[str, Any]]) -> None:
    """A personal address is published."""
    assert not [model["name"] for model in models.values() for column in model["columns"] if "mail" in column]


def test_models_keep_to_the_portable_subset() -> None:
    """The project builds on one engine only."""
    engine_only = re.compile(
        r"\b(qualify|asof|list_\w+|array_\w+|struct_pack|unnest|regexp_full_match|arg_max|arg_min|group by all)\b"
        r"|::|\bfilter\s*\(\s*where",
        re.IGNORECASE,
    )
    comment = re.compile(r"--[^\n]*|\{#.*?#\}", re.DOTALL)
    files = [*(DBT_PROJECT / "models").rglob("*.sql"), *(DBT_PROJECT / "macros").glob("*.sql")]
    assert len(files) > 60
    found = {
        path.name: match.group(0)
        for path in files
        if (match := engine_only.search(comment.sub("", path.read_text(encoding="utf-8"))))
    }
    assert not found


def test_one_name_has_one_type(acme_warehouse: Warehouse) -> None:
    """Two models call one thing by two types, and a join between them compares apples with pears."""
    types: dict[str, set[str]] = {}
    for column, kind in acme_warehouse.rows(
        "select column_name, data_type from duckdb_columns() where schema_name in ('marts', 'reports')"
    ):
        types.setdefault(column, set()).add(kind)
    assert {column: kinds for column, kinds in types.items() if len(kinds) > 1} == {}
