"""What Looker, Metabase and readers of the dictionary get, made from the project's own manifest. Each docstring is the
failure that the test prevents."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import lkml
import pytest
import yaml

from expectations.grains import REFERENCES
from orchestration.errors import PublicationError
from orchestration.publication.catalog import Catalog, Column, catalog_from_manifest, catalog_of
from orchestration.publication.looker import field_of
from orchestration.publication.pack import bi_pack
from orchestration.settings import PROJECT_ROOT
from orchestration.transformation import prepare
from tests.conftest import GoldenProject

NODE = PROJECT_ROOT / "tests" / "node"


@pytest.fixture(scope="module")
def manifest_path(tmp_path_factory) -> Path:
    settings = GoldenProject(tmp_path_factory.mktemp("pack") / "golden").settings()
    prepare(settings)
    return settings.data_dir / "dbt" / "manifest.json"


@pytest.fixture(scope="module")
def catalog(manifest_path) -> Catalog:
    return catalog_from_manifest(manifest_path)


@pytest.fixture(scope="module")
def pack(catalog) -> dict[str, str]:
    return bi_pack(catalog, schema="reports")


@pytest.fixture(scope="module")
def folder(pack, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("written")
    for path, text in pack.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root / "bi"


@pytest.fixture(scope="module")
def views(pack) -> dict[str, dict]:
    parsed = [lkml.load(text) for path, text in pack.items() if path.endswith(".view.lkml")]
    return {view["name"]: view for one in parsed for view in one["views"]}


@pytest.fixture(scope="module")
def model(pack) -> dict:
    return lkml.load(pack["bi/looker/line_of_sight.model.lkml"])


@pytest.fixture(scope="module")
def metabase(pack) -> dict[str, dict]:
    return {path: yaml.safe_load(text) for path, text in pack.items() if path.endswith(".yaml")}


def fields_of(view) -> list[str]:
    """Names of every field of a view, timeframes spelled out."""
    plain = [one["name"] for kind in ("dimensions", "measures") for one in view.get(kind, [])]
    groups = [f"{group['name']}_{frame}" for group in view.get("dimension_groups", []) for frame in group["timeframes"]]
    return plain + groups


# --- the catalog ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["marts", "reports"])
def test_no_column_lacks_description_or_unit_or_role(manifest_path, layer):
    """A figure is published of which nobody knows the unit, or a column that nobody explains."""
    catalog = catalog_of(json.loads(manifest_path.read_bytes()), layer)
    bare = []
    for table in catalog.tables:
        assert table.column(table.key).role == "key"
        for column in table.columns:
            if not column.description or not column.role or (column.role == "figure" and not column.unit):
                bare.append(f"{table.name}.{column.name}")
    assert bare == []


def test_references_are_those_that_the_audit_holds_the_reports_to(catalog):
    """PostgreSQL refuses a release for a foreign key that no rule looks after."""
    declared = {
        (f"reports.{table.name}", reference.column, f"reports.{reference.to}")
        for table in catalog.tables
        for reference in table.references
    }
    assert declared == {(one.table, one.column, one.to) for one in REFERENCES["reports"]}
    for table in catalog.tables:
        for reference in table.references:
            assert catalog.table(reference.to).key == reference.column
            assert table.column(reference.column).is_required


def test_every_metric_has_a_description_and_a_unit(catalog):
    assert {"on_track_share", "watermelon_index", "mean_attainment_vs_locked", "greatest_data_age_days"} <= {
        metric.name for metric in catalog.metrics
    }
    for metric in catalog.metrics:
        assert metric.description, metric.name
        assert metric.unit in {"share", "count", "days", "in currency"}, metric.name


@pytest.mark.parametrize(
    ("find", "replace", "words"),
    [
        ('"expr": "attainment_vs_locked"', '"expr": "attainment"', "measure mean_attainment_vs_locked"),
        ('"expr": "attainment_vs_locked"', '"expr": "sqrt(attainment_vs_locked)"', "cannot be told"),
        ('"column_name": "objective_id"', '"column_name": "objective"', "no rpt_okr_scorecard.objective"),
        ('["status"]', '["state"]', "Key results by status"),
        ('["finding_count"]', '["findings"]', "no metric findings"),
    ],
)
def test_name_that_leads_nowhere_stops_the_release(manifest_path, find, replace, words):
    """A column is renamed, and a dashboard finds out weeks later."""
    text = json.dumps(json.loads(manifest_path.read_bytes()))
    assert find in text
    with pytest.raises(PublicationError, match=words):
        catalog_of(json.loads(text.replace(find, replace)))


# --- Looker -----------------------------------------------------------------------------------------------------------


def test_every_view_has_one_key_and_no_field_twice(catalog, views):
    """Symmetric aggregates need exactly one true key in each view."""
    assert set(views) == {table.name for table in catalog.every_table}
    for table in catalog.every_table:
        keys = [one["name"] for one in views[table.name]["dimensions"] if one.get("primary_key") == "yes"]
        assert keys == [table.key]
        names = fields_of(views[table.name])
        assert len(names) == len(set(names)), table.name


def test_every_column_is_a_field_with_its_description_and_type(catalog, views):
    types = {"string": "string", "boolean": "yesno", "int": "number", "bigint": "number", "double": "number"}
    for table in catalog.every_table:
        view = views[table.name]
        fields = {one["sql"]: one for one in [*view["dimensions"], *view.get("dimension_groups", [])]}
        assert len(fields) == len(table.columns)
        for column in table.columns:
            field = fields[f"${{TABLE}}.{column.name}"]
            assert field["description"].replace('\\"', '"') == column.told
            assert field["type"] == types.get(column.type, "time")
            if column.role in {"date", "time"}:
                assert field["datatype"] == {"date": "date", "timestamp": "timestamp"}[column.type]
                assert field["convert_tz"] == "no"
            assert field_of(column) in fields_of(view)


def test_measures_are_the_metrics(catalog, views):
    for table in catalog.tables:
        measures = {one["name"]: one for one in views[table.name]["measures"]}
        assert set(measures) == {"row_count"} | {metric.name for metric in catalog.metrics_of(table.name)}
        for name, measure in measures.items():
            for column in re.findall(r"\$\{TABLE\}\.(\w+)", measure.get("sql", "")):
                table.column(column)
            for other in re.findall(r"\$\{(\w+)\}", measure.get("sql", "").replace("${TABLE}", "")):
                assert other in measures, name


def test_joins_go_from_many_to_one_and_show_no_measure(catalog, views, model):
    """A measure of the one side is summed once for each row of the many side."""
    explores = {explore["name"]: explore for explore in model["explores"]}
    assert set(explores) == set(views)
    for name, explore in explores.items():
        for join in explore.get("joins", []):
            assert join["relationship"] == "many_to_one"
            assert join["fields"] == [f"{join['name']}.dimensions*"]
            (shown,) = views[join["name"]]["sets"]
            measures = {one["name"] for one in views[join["name"]]["measures"]}
            assert not measures & set(shown["fields"])
            assert set(shown["fields"]) <= set(fields_of(views[join["name"]]))
            if join["type"] == "cross":
                assert join["name"] == "release_info"
                continue
            there, here = re.fullmatch(r"\$\{(.+)\} = \$\{(.+)\}", join["sql_on"]).groups()
            assert here == f"{join['name']}.{catalog.table(join['name']).key}", name
            table, column = there.split(".")
            assert column in {reference.column for reference in catalog.table(table).references}


def test_every_key_has_a_test_and_every_tile_its_fields(catalog, views, pack):
    tests = lkml.load(pack["bi/looker/data_tests/keys.lkml"])["tests"]
    assert len(tests) == len(catalog.every_table)
    for test in tests:
        view = test["explore_source"]["name"]
        key, rows = (column["field"] for column in test["explore_source"]["columns"])
        assert (key, rows) == (
            f"{view}.{next(t.key for t in catalog.every_table if t.name == view)}",
            f"{view}.row_count",
        )
        assert test["explore_source"]["sorts"] == [{"row_count": "desc"}]
        assert test["asserts"][0]["expression"] == f"${{{rows}}} = 1"
    (dashboard,) = yaml.safe_load(pack["bi/looker/dashboards/okr_review.dashboard.lookml"])
    assert len(dashboard["elements"]) == len(catalog.dashboards[0].tiles)
    places = set()
    for element in dashboard["elements"]:
        known = {f"{element['explore']}.{field}" for field in fields_of(views[element["explore"]])}
        assert set(element["fields"]) | set(element.get("filters", {})) <= known
        cells = {
            (element["row"] + y, element["col"] + x) for y in range(element["height"]) for x in range(element["width"])
        }
        assert not places & cells
        places |= cells


def node(*command) -> str:
    if not (NODE / "node_modules").is_dir() or not shutil.which("node"):
        pytest.skip("the validators from npm are not installed: make node")
    done = subprocess.run(["node", *map(str, command)], cwd=NODE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_lookml_parser_reads_the_project_as_it_is_meant(catalog, folder):
    """Only one parser understands what we write."""
    project = json.loads(node("parse_lookml.js", folder / "looker"))
    assert not project.get("errors")
    model = project["model"]["line_of_sight"]
    tables = {table.name for table in catalog.every_table}
    assert set(model["view"]) == set(model["explore"]) == tables
    assert len(model["test"]) == len(tables)
    assert set(model["dashboard"]) == {"okr_review"}
    for table in catalog.every_table:
        view = model["view"][table.name]
        assert view["dimension"][table.key]["primary_key"] is True
        assert len(view["dimension"]) + len(view.get("dimension_group", {})) == len(table.columns)


# --- Metabase ---------------------------------------------------------------------------------------------------------


def test_metabase_accepts_the_files(folder, tmp_path):
    """Metabase's own validator, also on a file that is wrong, so that its silence means something."""
    cli = NODE / "node_modules" / "@metabase" / "representations" / "dist" / "bin" / "cli.js"
    files = list((folder / "metabase").rglob("*.yaml"))
    assert f"{len(files)} passed, 0 failed" in node(cli, "validate-schema", "--folder", folder / "metabase")
    shutil.copytree(folder / "metabase", tmp_path / "metabase")
    wrong = next((tmp_path / "metabase").rglob("on_track_share.yaml"))
    wrong.write_text(wrong.read_text().replace("count-where", "count-were").replace("display: scalar", "display: dial"))
    done = subprocess.run(["node", cli, "validate-schema", "--folder", tmp_path / "metabase"], cwd=NODE, check=False)
    assert done.returncode == 1


def walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


def test_metabase_names_only_what_is_there(catalog, metabase):
    """The validator looks at the shape alone: a field that does not exist is valid."""
    types = {"type/Text": "string", "type/Integer": "int", "type/BigInteger": "bigint", "type/Float": "double",
             "type/Boolean": "boolean", "type/Date": "date", "type/DateTime": "timestamp"}  # fmt: skip
    seen = 0
    for path, content in metabase.items():
        for part in walk(content):
            if isinstance(part, list) and part[:1] == ["field"]:
                database, schema, table, column = part[2]
                assert (database, schema) == ("Line of Sight", "reports")
                assert types[part[1]["base-type"]] == catalog.table(table).column(column).type, path
                seen += 1
    assert seen > 20
    ids = [content["entity_id"] for content in metabase.values()]
    assert len(ids) == len(set(ids))
    cards = {content["entity_id"]: content for content in metabase.values() if "dataset_query" in content}
    for content in metabase.values():
        for card in content.get("dashcards", []):
            assert cards[card["card_id"]]["dashboard_id"] == content["entity_id"]
            assert card["col"] + card["size_x"] <= 24
    metrics = [content["name"] for content in cards.values() if content["type"] == "metric"]
    assert sorted(metrics) == sorted(metric.label for metric in catalog.metrics)


def test_ids_stay_from_release_to_release(catalog, pack):
    """Importing the next release makes everything anew beside the old."""
    assert bi_pack(catalog, schema="reports") == pack


# --- the dictionary ---------------------------------------------------------------------------------------------------


def test_dictionary_lists_every_column_once(catalog, pack):
    sheet = list(csv.DictReader(io.StringIO(pack["bi/data_dictionary.csv"])))
    assert [(row["table"], row["column"]) for row in sheet] == [
        (table.name, column.name) for table in catalog.every_table for column in table.columns
    ]
    page = pack["bi/data_dictionary.html"]
    for table in catalog.every_table:
        assert page.count(f'<h2 id="{table.name}">') == 1
    assert "http" not in page.replace("http-equiv", "")


def test_hostile_text_is_harmless_everywhere(catalog):
    """A description of the dbt project closes a string, opens a tag, or is read as Liquid or a formula."""
    evil = '=1+1 <script>alert(1)</script> "; }} {{ _user_attributes }} {% raw %} ;; \\" it\'s'
    table = catalog.tables[0]
    columns = tuple(one.model_copy(update={"description": evil}) for one in table.columns)
    tables = (table.model_copy(update={"description": evil, "columns": columns}), *catalog.tables[1:])
    pack = bi_pack(catalog.model_copy(update={"tables": tables}), schema="reports")

    tags = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.add(tag)
    parser.feed(pack["bi/data_dictionary.html"])
    assert "td" in tags
    assert "script" not in tags
    view = lkml.load(pack[f"bi/looker/views/{table.name}.view.lkml"])["views"][0]
    assert len(view["dimensions"]) + len(view.get("dimension_groups", [])) == len(table.columns)
    assert "{{" not in view["dimensions"][0]["description"]
    row = next(csv.DictReader(io.StringIO(pack["bi/data_dictionary.csv"])))
    assert not row["description"].startswith("=")


def test_unit_is_told_once():
    facts = {"name": "a", "type": "double", "role": "figure", "is_required": False}
    assert Column(**facts, unit="days", description="How long.").told == "How long. Unit: days."
    assert Column(**facts, unit="days", description="How many days.").told == "How many days."
    assert Column(**facts, unit=None, description="A word.").told == "A word."
