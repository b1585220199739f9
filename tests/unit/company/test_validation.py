from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from orchestration.company.fields import FileModel, Id, Many
from orchestration.company.validation import validate
from orchestration.company.yaml_reader import dotted, parse_yaml
from orchestration.errors import DefinitionErrors


class FileSource(FileModel):
    type: Literal["file"]
    path: str


class SqlSource(FileModel):
    type: Literal["sql"]
    query: str


class Feed(FileModel):
    id: Id
    source: Annotated[FileSource | SqlSource, Field(discriminator="type")]
    columns: dict[str, str] = Field(default={})
    share: Annotated[float, Field(ge=0, le=1)] = 0.05
    may_be_empty: bool = False


class FeedsFile(FileModel):
    feeds: Many[Feed]


GOOD = b"""\
feeds:
  - id: a
    source: {type: file, path: "*.csv"}
    columns:
      kpi: id
    may_be_empty: false
"""


def errors(content: bytes):
    data, positions = parse_yaml(content, "feeds.yml")
    with pytest.raises(DefinitionErrors) as caught:
        validate(FeedsFile, data, positions, "feeds.yml")
    return [str(error) for error in caught.value.errors]


def test_validate_returns_the_model():
    data, positions = parse_yaml(GOOD, "feeds.yml")
    assert validate(FeedsFile, data, positions, "feeds.yml").feeds[0].columns == {"kpi": "id"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"path:", b"pth:", "feeds.yml:3: [feeds[0].source.pth] unknown field `pth`; do: write `path`"),
        (b"type: file", b"type: flie", "feeds.yml:3: [feeds[0].source]"),
        (b"kpi: id", b"kpi: 7",
         'feeds.yml:5: [feeds[0].columns.kpi] wrong type of value; '
         'expected text; found the number 7; do: put it in quotes: "7"'),
        (b"may_be_empty: false", b"may_be_empty: no", "found the text 'no'; do: write false"),
        (b"may_be_empty: false", b"share: 2",
         "feeds.yml:6: [feeds[0].share] not allowed here; expected input should be less than or equal to 1; found 2"),
        (b"may_be_empty: false", b"may_be_emty: false", "do: write `may_be_empty`"),
        (b"    may_be_empty: false\n", b"    may_be_empty: false\n    may_be_empt: 1\n",
         "do: merge it into `may_be_empty`, which is there already"),
    ],
)  # fmt: skip
def test_validate_points_into_nested_models_unions_and_mappings(old, new, message):
    assert old in GOOD
    assert any(message in text for text in errors(GOOD.replace(old, new))), errors(GOOD.replace(old, new))


def test_errors_come_in_the_order_of_lines():
    text = errors(b"feeds:\n  - {id: a, source: {type: sql}}\n  - {id: 1, x: 2}\n")
    assert [line.split(":")[1] for line in text] == ["2", "3", "3", "3"]


def test_whole_file_of_another_shape_is_refused():
    assert errors(b"- a\n") == ["feeds.yml:1: wrong type of value; expected a mapping (field: value); found a list"]
    assert "the file is empty" in errors(b"")[0]


def test_hostile_field_name_is_escaped():
    (text,) = errors(GOOD + b'"\\e[31m\\n": 1\n')
    assert "\x1b" not in text
    assert r"'\x1b[31m\n'" in text


def test_dotted_reads_like_a_path():
    assert dotted(("kpis", 3, "owners", 0, "person")) == "kpis[3].owners[0].person"
