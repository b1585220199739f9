"""Mappings: the typed models of mappings.yml, which says how a foreign registry becomes our definitions.

A mapping names files, how they are written, and for each kind of definition how its fields come out of a record. It
holds no code: columns, constants, templates, value maps and patterns are all there is. What none of them fits is
quarantined, with file, line, reason and text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)

from orchestration.company.fields import FileModel, Id, Line, Many, Number, each_once, refuse
from orchestration.company.files import MAPPINGS_FILE
from orchestration.company.models import CheckIn, Cycle, KeyResult, Kpi, Objective, Person, Unit
from orchestration.company.validation import field_names, validate
from orchestration.company.yaml_reader import read_yaml
from orchestration.errors import nearest
from orchestration.ingestion.contracts import FileSource, _date_format, _decimal_mark, _delimiter, _encoding
from orchestration.ingestion.templates import Pattern, ShortText, Template, columns_of

MODELS: Final[dict[str, type[FileModel]]] = {
    "units": Unit,
    "people": Person,
    "cycles": Cycle,
    "kpis": Kpi,
    "objectives": Objective,
    "key_results": KeyResult,
    "check_ins": CheckIn,
}
"""Kind of definition -> its model, the same one that company files are held against."""

PLACES: Final = ("@file", "@stem", "@line")
"""Columns that every record has: the name of its file, that name without folder and suffix, and its line."""

Unmatched = Literal["quarantine", "hold_value"]
Scalar = str | int | float | bool | None


class ColumnValue(FileModel):
    """A field that a column fills."""

    column: Line = Field(description="Key of the record; a pointer into it, /health/level; or @file, @stem, @line.")
    pattern: Pattern | None = Field(default=None, description="What to take of the text: its group `value`.")
    values: dict[str, Scalar] | None = Field(default=None, description="Value as written: value as we call it.")
    scale: Number = Field(default=1.0, description="Our number = the number written x scale.")
    default: Scalar = Field(default=None, description="Value when the record has none.")
    unmatched: Unmatched = Field(
        default="quarantine",
        description="What a value gets that does not fit: quarantine keeps the record out; hold_value only the value.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.pattern and set(re.compile(self.pattern).groupindex) != {"value"}:
            refuse("the pattern must have the group `value` alone", expected="(?P<value>...)", field="pattern")
        return self


class TemplateValue(FileModel):
    """A field made of several columns; empty when one of them is."""

    template: Template = Field(description="Text with {column} or {column|filter}; filters: slug lower upper hash.")


class Case(FileModel):
    """One way in which a text may be written."""

    match: Pattern = Field(description="Regular expression that the whole text must match; groups name fields.")
    scale: Number = Field(default=1.0, description="Numbers taken x scale.")
    set: dict[str, Scalar] = Field(default_factory=dict, description="Fields that follow from this way of writing.")


class TextPatterns(FileModel):
    """Fields that stand in one text, such as "At or above 95%"."""

    column: Line = Field(description="Column with the text.")
    cases: Annotated[list[Case], Field(min_length=1)] = Field(description="Tried in order; the first that fits counts.")
    unmatched: Unmatched = Field(
        default="quarantine",
        description="What a text gets that no case fits: quarantine keeps the record out; hold_value only the text.",
    )

    def fields(self) -> set[str]:
        """Return every field that the cases fill."""
        return {name for case in self.cases for name in (*case.set, *re.compile(case.match).groupindex)}


def _nothing_to_empty(value: Any) -> Any:
    return {} if value is None else value


class _NodeSchema:
    """Lets editors complete and check what `as_expression` reads; everything else is a constant or structure."""

    @staticmethod
    def __get_pydantic_json_schema__(_: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        expressions = [handler(model.__pydantic_core_schema__) for model in (ColumnValue, TemplateValue)]
        structure = {"type": "object", "not": {"anyOf": [{"required": ["column"]}, {"required": ["template"]}]}}
        constant = {"type": ["string", "number", "boolean", "null", "array"]}
        return {"anyOf": [*expressions, structure, constant]}


def _fields_of(kind: str) -> list[str]:
    return [name for name in field_names(MODELS[kind]) if name not in ("id", "key_results")]


_NEEDED: Final = {"objectives": ["cycle"], "key_results": ["cycle", "objective"]}
"""Kind -> fields beside `id` that a target of it must have, and no other may."""


def _describe_kinds(schema: dict[str, Any]) -> None:
    """Add to the JSON Schema what `Target._check` refuses by kind."""
    schema["allOf"] = [
        {
            "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
            "then": {
                "required": _NEEDED.get(kind, []),
                "properties": {"fields": {"propertyNames": {"enum": _fields_of(kind)}}}
                | {name: {"type": "null"} for name in ("cycle", "objective") if name not in _NEEDED.get(kind, [])},
            },
        }
        for kind in MODELS
    ]


class Target(FileModel):
    """Definitions of one kind that each record yields."""

    model_config = ConfigDict(json_schema_extra=_describe_kinds)

    kind: Literal["units", "people", "cycles", "kpis", "objectives", "key_results", "check_ins"] = Field(
        description="Kind of definition."
    )
    id: Template = Field(description="Id of the definition, a template.")
    conflict_id: Template | None = Field(
        default=None,
        description="Id for records that differ under one id; without it they are kept out, all of them.",
    )
    cycle: Template | None = Field(default=None, description="Of objectives and key results: id of the cycle.")
    objective: Template | None = Field(default=None, description="Of key results: id of the objective.")
    fields: Annotated[dict[str, Annotated[Any, _NodeSchema]], BeforeValidator(_nothing_to_empty)] = Field(
        default_factory=dict,
        description="Field: constant, {column: ...} or {template: ...}; lists and mappings as in our own files.",
    )
    patterns: Many[TextPatterns] = Field(default_factory=list, description="Fields that stand in a text.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = _fields_of(self.kind)
        named = {*self.fields, *(name for one in self.patterns for name in one.fields())}
        for name in sorted(named - set(known)):
            close = nearest(name, known)
            remedy = f"write {close}" if close else f"one of {', '.join(known)}"
            refuse(f"{self.kind} have no field `{name}`", remedy=remedy, field="fields")
        needed = _NEEDED.get(self.kind, [])
        for name in ("cycle", "objective"):
            if (getattr(self, name) is None) == (name in needed):
                refuse(f"{self.kind} need {'a' if name in needed else 'no'} `{name}`", field=name)
        list(self.expressions())  # reading them is the check
        return self

    def expressions(self) -> Iterator[ColumnValue | TemplateValue]:
        """Yield every expression among the fields."""
        yield from _expressions(self.fields)

    def columns(self) -> set[str]:
        """Return every column that is read."""
        templates = [text for text in (self.id, self.conflict_id, self.cycle, self.objective) if text]
        found = {one.column for one in self.patterns}
        for expression in self.expressions():
            if isinstance(expression, ColumnValue):
                found.add(expression.column)
            else:
                templates.append(expression.template)
        return found | {column for text in templates for column in columns_of(text)}


def as_expression(node: Any) -> ColumnValue | TemplateValue | None:
    """Return a node of `fields` as an expression; None when it is a constant or structure.

    Raises:
        ValidationError: it is meant as an expression and is none.
    """
    if isinstance(node, dict) and "column" in node:
        return ColumnValue.model_validate(node)
    if isinstance(node, dict) and "template" in node:
        return TemplateValue.model_validate(node)
    return None


def _expressions(node: Any) -> Iterator[ColumnValue | TemplateValue]:
    expression = as_expression(node)
    if expression is not None:
        yield expression
    elif isinstance(node, dict):
        for value in node.values():
            yield from _expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _expressions(value)


class DefinitionMapping(FileModel):
    """One foreign registry."""

    id: Id = Field(description="Id of the mapping, as the ledger and the lineage name it.")
    name: Line = Field(description="Name, as people see it.")
    owner: Id | None = Field(default=None, description="Id of the person who answers for the registry.")
    source: FileSource = Field(description="Where the files are.")
    format: Literal["csv", "json", "yaml"] = Field(description="How they are written.")
    record_path: Annotated[str, StringConstraints(strict=True, pattern=r"^(/[^/]+)+$")] | None = Field(
        default=None, description="Of JSON and YAML: pointer to the records, /data/items; * for every key or item."
    )
    encoding: Annotated[Line, AfterValidator(_encoding)] = Field(default="utf-8", description="Of CSV files.")
    delimiter: Annotated[ShortText, AfterValidator(_delimiter)] = Field(default=",", description="Of CSV files.")
    decimal_mark: Annotated[Line, AfterValidator(_decimal_mark)] = Field(
        default=".", description="Sign before the decimals of numbers written as text."
    )
    thousands_mark: Line | None = Field(default=None, description="Sign between groups of three digits.")
    date_format: Annotated[Line, AfterValidator(_date_format)] = Field(
        default="%Y-%m-%d", description="Format of days, strptime signs."
    )
    null_tokens: Many[str] = Field(default_factory=lambda: [""], description="Texts that mean no value.")
    targets: Annotated[list[Target], Field(min_length=1)] = Field(description="What each record yields.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.format == "csv" and self.record_path is not None:
            refuse("a CSV file has no record path", remedy="remove it", field="record_path")
        if self.thousands_mark == self.decimal_mark:
            refuse("the thousands mark is the decimal mark", field="thousands_mark")
        return self

    def columns(self) -> set[str]:
        """Return every column that is read."""
        return {column for target in self.targets for column in target.columns()}


class MappingsFile(FileModel):
    """The whole of mappings.yml."""

    mappings: Many[DefinitionMapping] = Field(description="The mappings.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        each_once(self.mappings, lambda mapping: mapping.id, "mappings", "id")
        return self


def load_mappings(company_dir: Path) -> list[DefinitionMapping]:
    """Read and validate mappings.yml; no file, no mappings.

    Raises:
        DefinitionErrors: every error of form, with file, line, field and the nearest valid name.
    """
    path = company_dir / MAPPINGS_FILE
    if not path.is_file():
        return []
    data, positions = read_yaml(path, company_dir)
    return list(validate(MappingsFile, data, positions, MAPPINGS_FILE).mappings)
