from __future__ import annotations

import json

from orchestration.company.fields import FileModel, Line
from orchestration.company.files import FILE_MODELS
from orchestration.company.schemas import export_schemas


class Extra(FileModel):
    name: Line


def test_one_schema_per_kind_of_file(tmp_path):
    written = export_schemas(tmp_path / "schemas", {"feeds": Extra})
    assert [path.name for path in written] == [f"{kind}.schema.json" for kind in [*FILE_MODELS, "feeds"]]
    for path in written:
        assert json.loads(path.read_text())["additionalProperties"] is False


def test_schema_speaks_the_language_of_the_files(tmp_path):
    export_schemas(tmp_path)
    definitions = json.loads((tmp_path / "kpis.schema.json").read_text())["$defs"]
    assert {"from", "to"} <= definitions["Ownership"]["properties"].keys()
    assert definitions["Kpi"]["properties"]["direction"]["enum"] == ["increase", "decrease", "band"]
    key_result = json.loads((tmp_path / "okrs.schema.json").read_text())["$defs"]["KeyResult"]
    assert "direction" not in key_result["required"]


def test_every_field_is_described(tmp_path):
    for path in export_schemas(tmp_path):
        schema = json.loads(path.read_text())
        for model in [schema, *schema["$defs"].values()]:
            for name, field in model.get("properties", {}).items():
                assert "$ref" in field or field.get("description"), (
                    f"{path.name}: {model['title']}.{name} has no description"
                )
