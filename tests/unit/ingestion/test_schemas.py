"""The exported JSON Schemas of feeds.yml and mappings.yml say what the loaders say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from orchestration.company.schemas import export_schemas
from orchestration.company.yaml_reader import read_yaml
from orchestration.errors import DefinitionErrors
from orchestration.ingestion.contracts import FeedsFile, load_contracts
from orchestration.ingestion.mapping.contract import MODELS, MappingsFile, load_mappings
from orchestration.settings import PROJECT_ROOT

START = "feeds:\n  - id: x\n    name: X\n"
NEEDED = {
    "source:": "    source: {type: file, path: x}\n",
    "format:": "    format: csv\n",
    "columns:": "    columns: {kpi: k, period: p, value: v}\n",
}


@pytest.fixture(scope="module")
def validators(tmp_path_factory) -> dict[str, Draft202012Validator]:
    folder = tmp_path_factory.mktemp("schemas")
    found = {}
    for path in export_schemas(folder, {"feeds": FeedsFile, "mappings": MappingsFile}):
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        found[path.name.removesuffix(".schema.json")] = Draft202012Validator(schema)
    return found


def snippets(document: str) -> list[str]:
    """Return the YAML of a document; what stands inside a feed gets the rest of the feed around it."""
    found = []
    for text in re.findall(r"```yaml\n(.*?)```", (PROJECT_ROOT / "docs" / document).read_text(), re.S):
        if text.startswith("    "):
            own = "sql" in text or "rest" in text
            missing = [more for name, more in NEEDED.items() if name not in text and not (own and name == "format:")]
            text = START + text + "".join(missing)
        found.append(text)
    return found


def feeds_files() -> list[tuple[str, str]]:
    shipped = [*PROJECT_ROOT.glob("examples/*/company/feeds.yml"), PROJECT_ROOT / "tests/golden/company/feeds.yml"]
    files = [(str(path.relative_to(PROJECT_ROOT)), path.read_text(encoding="utf-8")) for path in shipped]
    return files + [(f"docs/feeds.md, {number}", text) for number, text in enumerate(snippets("feeds.md"), 1)]


def mappings_files() -> list[tuple[str, str]]:
    shipped = list(PROJECT_ROOT.glob("tests/real/*/mappings.yml"))
    files = [(str(path.relative_to(PROJECT_ROOT)), path.read_text(encoding="utf-8")) for path in shipped]
    return files + [(f"docs/mappings.md, {number}", text) for number, text in enumerate(snippets("mappings.md"), 1)]


def errors(validator: Draft202012Validator, content: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]


def test_there_is_something_to_hold_the_schemas_against():
    assert len(feeds_files()) >= 7
    assert len(mappings_files()) >= 3


@pytest.mark.parametrize(("place", "text"), feeds_files(), ids=lambda value: value if len(value) < 50 else "")
def test_shipped_feeds_fit_their_schema_and_load(validators, tmp_path, place, text):
    """An editor marks the documentation's own example, or the example does not load."""
    path = tmp_path / "feeds.yml"
    path.write_text(text, encoding="utf-8")
    assert errors(validators["feeds"], read_yaml(path, tmp_path)[0]) == []
    assert load_contracts(path)


@pytest.mark.parametrize(("place", "text"), mappings_files(), ids=lambda value: value if len(value) < 50 else "")
def test_shipped_mappings_fit_their_schema_and_load(validators, tmp_path, place, text):
    path = tmp_path / "mappings.yml"
    path.write_text(text, encoding="utf-8")
    assert errors(validators["mappings"], read_yaml(path, tmp_path)[0]) == []
    assert load_mappings(tmp_path)


KPI = """\
mappings:
  - id: m
    name: M
    source: {type: file, path: x}
    format: csv
    targets:
      - kind: kpis
        id: "{a}"
        fields: {name: {column: a}, unit: orders, owners: [{role: steward, person: {template: "{b}"}}]}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format: csv", "format: cvs"),
        ("kind: kpis", "kind: kpi"),
        ("name: {column: a}", "nmae: {column: a}"),
        ("name: {column: a}", "name: {column: a, patern: x}"),
        ("name: {column: a}", "name: {column: a, unmatched: hold}"),
        ("name: {column: a}", "name: {template: 5}"),
        ('id: "{a}"', 'id: "{a}"\n        cycle: q1'),
        ("kind: kpis", "kind: objectives"),
        ('        id: "{a}"\n', ""),
    ],
)
def test_schema_of_mappings_refuses_what_the_loader_refuses(validators, tmp_path, old, new):
    """The editor is content, and the run is not."""
    assert errors(validators["mappings"], yaml.safe_load(KPI)) == []
    text = KPI.replace(old, new)
    assert text != KPI
    assert errors(validators["mappings"], yaml.safe_load(text))
    (tmp_path / "mappings.yml").write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionErrors):
        load_mappings(tmp_path)


def test_schema_of_feeds_knows_derived_fields(validators):
    text = START + "".join(NEEDED.values())
    for value, is_right in (
        ("{ratio: [a, b], complement: true, sum_over: [c]}", True),
        ("{ratio: [a]}", False),
        ("{rato: [a, b]}", False),
    ):
        content = yaml.safe_load(text.replace("value: v", f"value: {value}"))
        assert (errors(validators["feeds"], content) == []) == is_right


def test_every_field_of_a_mapping_is_described(validators):
    schema = validators["mappings"].schema
    for model in [schema, *schema["$defs"].values()]:
        for name, field in model.get("properties", {}).items():
            assert "$ref" in field or field.get("description"), f"{model['title']}.{name} has no description"
    kinds = schema["$defs"]["Target"]["properties"]["kind"]["enum"]
    assert kinds == list(MODELS)


def test_modelines_in_the_documents_name_exported_files(tmp_path):
    names = {path.name for path in export_schemas(tmp_path, {"feeds": FeedsFile, "mappings": MappingsFile})}
    lines = [
        Path(target).name
        for document in (PROJECT_ROOT / "docs").glob("*.md")
        for target in re.findall(r"yaml-language-server: \$schema=(\S+)", document.read_text(encoding="utf-8"))
    ]
    assert {"feeds.schema.json", "mappings.schema.json"} <= set(lines) <= names
