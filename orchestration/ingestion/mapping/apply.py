"""From a record of a foreign registry to our definition: expressions, patterns, types, and the typed models.

What comes out went through the same models and the same flattening as a company file. What does not fit is a
`Misfit` with its reason: either the whole record stays out, or one value does, as the mapping says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from orchestration.company.fields import FileModel
from orchestration.company.files import FILE_MODELS, CompanyFile
from orchestration.company.flattening import flatten
from orchestration.company.records import DefinitionRecord
from orchestration.company.validation import plain_types, validate
from orchestration.company.yaml_reader import PathKeys, Positions
from orchestration.errors import DefinitionErrors
from orchestration.ingestion.mapping.contract import (
    MODELS,
    ColumnValue,
    DefinitionMapping,
    Target,
    as_expression,
)
from orchestration.ingestion.mapping.source import SourceRecord, look_up
from orchestration.ingestion.templates import filtered, placeholders

_FILE_OF: Final = {
    "units": "organization_part",
    "people": "organization_part",
    "cycles": "cycles",
    "kpis": "kpis",
    "objectives": "okrs",
    "key_results": "okrs",
    "check_ins": "check_ins",
}
_LARGEST_EXACT: Final = 2**53
_NOTHING: Final = object()


@dataclass(frozen=True)
class Misfit:
    """Something that did not fit.

    Attributes:
        reason: reason code.
        column: column at fault, when there is one.
        raw: what stood there.
        message: what was expected.
    """

    reason: str
    column: str | None
    raw: str | None
    message: str


@dataclass
class Built:
    """What one record came to for one target.

    Attributes:
        record: the definition; None when the record stays out.
        natural_id: the id that it would have; None when it has none.
        rejected: why it stays out.
        held: values that were left out of it.
    """

    record: DefinitionRecord | None = None
    natural_id: str | None = None
    rejected: Misfit | None = None
    held: list[Misfit] = field(default_factory=list)


class _RejectedError(Exception):
    def __init__(self, misfit: Misfit) -> None:
        super().__init__(misfit.message)
        self.misfit = misfit


def build(
    source: SourceRecord, target: Target, mapping: DefinitionMapping, file: str, *, conflict: bool = False
) -> Built:
    """Make the definition of one kind out of one record; `conflict` uses the id kept for records that differ."""
    built = Built()
    if source.broken:
        built.rejected = Misfit(source.broken[0], None, None, source.broken[1])
        return built
    try:
        reading = _Reading(source, target, mapping, built.held)
        built.natural_id = reading.needed(target.conflict_id if conflict and target.conflict_id else target.id, "id")
        built.record = _typed(reading, built.natural_id, file)
    except _RejectedError as rejected:
        built.rejected = rejected.misfit
        built.held.clear()  # the whole record is in quarantine, with its text
    return built


class _Reading:
    """The values that one target takes out of one record."""

    def __init__(self, source: SourceRecord, target: Target, mapping: DefinitionMapping, held: list[Misfit]) -> None:
        self.source = source
        self.target = target
        self.mapping = mapping
        self.held = held

    def data(self) -> dict[str, Any]:
        """Return the fields, typed as the model wants them."""
        model = MODELS[self.target.kind]
        found: dict[str, Any] = {}
        for name, node in self.target.fields.items():
            value = self._node(node, _annotation(model, name))
            if value is not None and value is not _NOTHING:
                found[name] = value
        for patterns in self.target.patterns:
            text = self._text(patterns.column)
            if text is None:
                continue
            for case in patterns.cases:
                match = re.fullmatch(case.match, text)
                if match:
                    for name, taken in match.groupdict().items():
                        if taken is not None:
                            # A pattern that takes what is no number has promised too much.
                            value = self._typed_value(taken, _annotation(model, name), patterns.column, case.scale)
                            found[name] = value
                    found |= case.set
                    break
            else:
                message = "no pattern of the mapping fits"
                self._misfit(patterns.unmatched, Misfit("unmatched_value", patterns.column, text, message))
        return found

    def needed(self, template: str, what: str) -> str:
        """Return a template's text, which must not be empty."""
        text = self._filled(template)
        if text is None:
            raise _RejectedError(Misfit("missing_value", None, None, f"nothing to make its {what} of: {template}"))
        return text

    def _node(self, node: Any, annotation: Any) -> Any:
        expression = as_expression(node)
        if isinstance(expression, ColumnValue):
            return self._column(expression, annotation)
        if expression is not None:
            return self._filled(expression.template)
        if isinstance(node, dict):
            inner = {key: self._node(value, _inner(annotation, key)) for key, value in node.items()}
            found = {key: value for key, value in inner.items() if value is not _NOTHING and value is not None}
            # A part of which every expression is empty says nothing: an owner without a person, a link to no KPI.
            had = [key for key, value in node.items() if as_expression(value) is not None]
            return None if had and not any(key in found for key in had) else found
        if isinstance(node, list):
            items = [self._node(item, _inner(annotation, 0)) for item in node]
            return [item for item in items if item is not None and item is not _NOTHING]
        return node

    def _column(self, expression: ColumnValue, annotation: Any) -> Any:
        text = self._text(expression.column)
        if text is None:
            return expression.default
        try:
            if expression.pattern:
                match = re.fullmatch(expression.pattern, text)
                if match is None or match["value"] is None:
                    misfit = Misfit("unmatched_value", expression.column, text, f"expected {expression.pattern}")
                    raise _RejectedError(misfit)
                text = match["value"]
            if expression.values is not None:
                if text not in expression.values:
                    listed = ", ".join(sorted(expression.values))[:200]
                    raise _RejectedError(
                        Misfit("unmatched_value", expression.column, text, f"expected one of {listed}")
                    )
                return expression.values[text]
            return self._typed_value(text, annotation, expression.column, expression.scale)
        except _RejectedError as rejected:
            self._misfit(expression.unmatched, rejected.misfit)
            return expression.default

    def _misfit(self, policy: str, misfit: Misfit) -> None:
        if policy == "quarantine":
            raise _RejectedError(misfit)
        self.held.append(misfit)

    def _text(self, column: str) -> str | None:
        """Return a column as text, None when it is empty or says that there is no value."""
        value = look_up(self.source.fields, column)
        if value is None:
            return None
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, list | dict):
            message = "a list or mapping where a single value is mapped"
            raise _RejectedError(Misfit("unmatched_value", column, str(value)[:200], message))
        elif isinstance(value, int | float):
            # Numbers of YAML and JSON are numbers already; they are written as the mapping reads them.
            value = repr(value).replace(".", self.mapping.decimal_mark)
        text = unicodedata.normalize("NFC", str(value).strip())
        return None if not text or text in self.mapping.null_tokens else text

    def _filled(self, template: str) -> str | None:
        parts = []
        for before, column, name in placeholders(template):
            parts.append(before)
            if column is None:
                continue
            text = self._text(column)
            if text is None:
                return None
            parts.append(filtered(text, name))
        return "".join(parts)

    def _typed_value(self, text: str, annotation: Any, column: str, scale: float) -> Any:
        kinds = set(plain_types(annotation)) if annotation is not None else set()
        if str in kinds:
            return text
        if float in kinds or int in kinds:
            number = _number(text, self.mapping)
            if number is None:
                raise _RejectedError(Misfit("not_a_number", column, text, "expected a number"))
            if abs(number) > _LARGEST_EXACT:
                raise _RejectedError(Misfit("out_of_range", column, text, "a number beyond 2^53"))
            scaled = float(number if scale == 1 else number * Decimal(repr(scale)))
            return int(scaled) if float not in kinds and scaled.is_integer() else scaled
        if bool in kinds and text in ("true", "false"):
            return text == "true"
        if date in kinds:
            try:
                return datetime.strptime(text, self.mapping.date_format).date()
            except ValueError:
                expected = f"expected a day as {self.mapping.date_format}"
                raise _RejectedError(Misfit("not_a_date", column, text, expected)) from None
        return text


class _Line(Positions):
    """Every value of a record stands on the record's line."""

    def __init__(self, line: int) -> None:
        super().__init__(None, {}, {})
        self._line = line

    def line(self, path: PathKeys) -> int:
        """Return the record's line."""
        del path
        return self._line


def _typed(reading: _Reading, natural_id: str, file: str) -> DefinitionRecord:
    """Return the record, typed and flattened as a company file that holds nothing else."""
    target, line = reading.target, reading.source.line
    data = {"id": natural_id, **reading.data()}
    content: dict[str, Any] = {target.kind: [data]}
    cycle_id = reading.needed(target.cycle, "cycle") if target.cycle else None
    if target.kind == "key_results":
        objective = reading.needed(target.objective or "", "objective")
        content = {"objectives": [{"id": objective, "title": objective[:500], "key_results": [data]}]}
    positions = _Line(line)
    try:
        model = _file_model(target.kind)
        typed = validate(model, content, positions, file)
    except DefinitionErrors as errors:
        first = errors.errors[0]
        column = (first.column or "").rpartition("]")[2].lstrip(".") or None
        message = "; ".join(part for part in (first.message, first.expected and f"expected {first.expected}") if part)
        raise _RejectedError(Misfit("invalid_definition", column, first.found, message)) from None
    place = CompanyFile(Path(file), file, _FILE_OF[target.kind], cycle_id)
    for record in flatten(typed, place, positions):
        if record.table == target.kind:
            return record
    raise AssertionError("a typed file holds the record that it was made of")


def _file_model(kind: str) -> type[FileModel]:
    from orchestration.company.models import OrganizationPart

    name = _FILE_OF[kind]
    return OrganizationPart if name == "organization_part" else FILE_MODELS[name]


def _annotation(model: type[BaseModel], name: str) -> Any:
    for key, info in model.model_fields.items():
        if (info.alias or key) == name:
            return info.annotation
    return None


def _inner(annotation: Any, key: str | int) -> Any:
    """Return the type of a field or an item inside a value of some type."""
    for kind in plain_types(annotation) if annotation is not None else ():
        if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(key, str):
            return _annotation(kind, key)
        if get_origin(kind) is list and isinstance(key, int):
            return get_args(kind)[0]
    return None


def _number(text: str, mapping: DefinitionMapping) -> Decimal | None:
    """Return the number that a text is by the mapping's marks, exactly."""
    decimal, thousands = re.escape(mapping.decimal_mark), mapping.thousands_mark
    whole = r"\d+" if thousands is None else rf"(?:\d+|\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+)"
    if not re.fullmatch(rf"[-+]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][-+]?\d{{1,3}})?", text, re.ASCII):
        return None
    plain = text.replace(thousands, "") if thousands else text
    return Decimal(plain.replace(mapping.decimal_mark, "."))


def columns_of_quarantine(misfit: Misfit) -> Mapping[str, str | None]:
    """Return the quarantine's columns for a misfit."""
    return {
        "reason_code": misfit.reason,
        "column_name": misfit.column,
        "raw_value": misfit.raw,
        "message": misfit.message,
    }
