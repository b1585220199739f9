"""The sheets of the company workbook, one per table, with the field names of the YAML files as columns.

Derived from the models: a field that is added there is a column here. A block of fields (`valid_range: {min, max}`)
becomes columns with a point (`valid_range.min`); a list of records (`owners:`) a sheet of its own, whose rows name the
record that they belong to; a list of words one cell (`mon, tue`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from orchestration.company.fields import FileModel
from orchestration.company.models import (
    Capacity,
    ChangeRequest,
    CheckIn,
    CompanyProfile,
    Cycle,
    Decision,
    Dependency,
    Escalation,
    KeyResult,
    Kpi,
    Objective,
    Person,
    Unit,
    Waiver,
)
from orchestration.company.models.kpis import Driver, Input, Ownership, Rebase
from orchestration.company.models.okrs import Checkpoint, Demand, Link, Milestone
from orchestration.company.models.organization import Holiday
from orchestration.company.validation import plain_types

NOTES_SHEET: Final = "notes"
"""Name of the one sheet that is never read: people may write what they like there."""

ColumnKind = Literal["text", "number", "whole", "day", "words"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: its header.
        path: where its value goes in the record; empty for columns that name the record's parent or cycle.
        kind: what a cell may hold.
        required: whether every row fills it.
        choices: the values allowed, empty when any.
        default: what an empty cell means, None when nothing.
        description: what it says, for people.
        refers_to: the sheet whose ids it names, None when it names none.
    """

    name: str
    path: tuple[str, ...]
    kind: ColumnKind
    required: bool
    choices: tuple[str, ...]
    default: str | None
    description: str
    refers_to: str | None = None


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes:
        name: its tab; also the table that the lake keeps it in.
        kind: the kind of YAML file that would hold the same.
        field: the field of that file, or of the parent record, that holds the records.
        model: the model of one record.
        parent: sheet of the records that its rows belong to, None at the top.
        columns: in the order of the template.
    """

    name: str
    kind: str
    field: str
    model: type[FileModel]
    parent: str | None
    columns: tuple[Column, ...]

    @property
    def is_single(self) -> bool:
        """Whether it holds one record, not a list."""
        return self.name == "company"


# Sheet, kind of YAML file, field, model, parent.
_SHEETS: Final[tuple[tuple[str, str, str, type[FileModel], str | None], ...]] = (
    ("company", "organization", "company", CompanyProfile, None),
    ("holidays", "organization", "holidays", Holiday, "company"),
    ("units", "organization", "units", Unit, None),
    ("people", "organization", "people", Person, None),
    ("cycles", "cycles", "cycles", Cycle, None),
    ("kpis", "kpis", "kpis", Kpi, None),
    ("kpi_owners", "kpis", "owners", Ownership, "kpis"),
    ("kpi_inputs", "kpis", "inputs", Input, "kpis"),
    ("kpi_drivers", "kpis", "drivers", Driver, "kpis"),
    ("kpi_rebases", "kpis", "rebases", Rebase, "kpis"),
    ("objectives", "okrs", "objectives", Objective, None),
    ("key_results", "okrs", "key_results", KeyResult, "objectives"),
    ("key_result_links", "okrs", "links", Link, "key_results"),
    ("key_result_milestones", "okrs", "milestones", Milestone, "key_results"),
    ("key_result_checkpoints", "okrs", "checkpoints", Checkpoint, "key_results"),
    ("key_result_demand", "okrs", "demand", Demand, "key_results"),
    ("waivers", "waivers", "waivers", Waiver, None),
    ("change_requests", "change_requests", "change_requests", ChangeRequest, None),
    ("capacity", "capacity", "capacity", Capacity, None),
    ("dependencies", "dependencies", "dependencies", Dependency, None),
    ("escalations", "escalations", "escalations", Escalation, None),
    ("decisions", "decisions", "decisions", Decision, None),
    ("check_ins", "check_ins", "check_ins", CheckIn, None),
)

PARENT_ID: Final = {"kpis": "kpi_id", "objectives": "objective_id", "key_results": "key_result_id"}
"""Parent sheet -> the column by which rows of its child sheets name the record that they belong to."""
PARENT_VERSION: Final = {
    "kpis": "kpi_effective_from",
    "objectives": "objective_effective_from",
    "key_results": "key_result_effective_from",
}
"""Parent sheet -> the column by which they name its version, when it has several."""
CYCLE_ID: Final = "cycle_id"
"""Column of the sheet `objectives`: in YAML the folder says it."""

# Last word of a field's name -> the sheet whose ids it names. `unit` of KPIs and key results is a unit of measure.
_REFERENCES: Final = {
    **dict.fromkeys(("org_unit", "controlled_by_unit", "provider_unit", "parent", "unit"), "units"),
    **dict.fromkeys(("head", "person", "owner", "sponsor", "champion", "reviewer", "approver", "by"), "people"),
    **dict.fromkeys(("approved_by", "requested_by", "confirmed_by", "decided_by", "risk_owner"), "people"),
    **dict.fromkeys(("controlled_by_person", "delegated_from"), "people"),
    **dict.fromkeys(("kpi", "volume_kpi"), "kpis"),
    "key_result": "key_results",
    "supports": "objectives",
    "cycle": "cycles",
}
_MEASURED_IN_UNITS: Final = ("kpis", "key_results")


@cache
def sheets() -> dict[str, Sheet]:
    """Return every sheet by name, parents before their children."""
    return {
        name: Sheet(name, kind, field, model, parent, tuple(_columns(name, model, parent)))
        for name, kind, field, model, parent in _SHEETS
    }


def children(parent: str) -> list[Sheet]:
    """Return the sheets whose rows belong to records of a sheet."""
    return [sheet for sheet in sheets().values() if sheet.parent == parent]


def _columns(sheet: str, model: type[FileModel], parent: str | None) -> Iterator[Column]:
    """Yield the columns: first what the rows belong to, then the fields, the versions last."""
    if sheet == "objectives":
        yield Column(CYCLE_ID, (), "text", True, (), None, "Id of the cycle that the objective is for.", "cycles")
    if parent in PARENT_ID:
        what = parent.removesuffix("s").replace("_", " ").replace("kpi", "KPI")
        yield Column(
            PARENT_ID[parent], (), "text", True, (), None, f"Id of the {what} that the row is part of.", parent
        )
    columns = list(_fields(sheet, model))
    yield from (column for column in columns if column.name != "effective_from")
    yield from (column for column in columns if column.name == "effective_from")
    if parent in PARENT_VERSION:
        yield Column(
            PARENT_VERSION[parent],
            (),
            "day",
            False,
            (),
            None,
            f"The `effective_from` of that version of the {what}; leave empty, unless it stands there more than once.",
        )


def _fields(sheet: str, model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[Column]:
    required = model.model_json_schema(by_alias=True).get("required", [])
    for attribute, info in model.model_fields.items():
        name = info.alias or attribute
        path = (*above, name)
        types = [one for one in plain_types(info.annotation) if one is not type(None)]
        if any(get_origin(one) is list and _is_model(get_args(one)[0]) for one in types):
            continue
        if any(_is_model(one) for one in types):
            (inner,) = types
            yield from _fields(sheet, inner, path)
            continue
        kind, choices = _kind(types)
        yield Column(
            name=".".join(path),
            path=path,
            kind=kind,
            required=name in required and not above,
            choices=choices,
            default=_default(info.default) if not info.is_required() else None,
            description=_description(info.description or "", name in required, above),
            refers_to=_reference(sheet, name, kind, choices),
        )


def _kind(types: list[Any]) -> tuple[ColumnKind, tuple[str, ...]]:
    (one,) = types
    if get_origin(one) is list:
        (word,) = plain_types(get_args(one)[0])
        return "words", tuple(get_args(word))
    if get_origin(one) is Literal:
        choices = get_args(one)
        kind: ColumnKind = "whole" if all(type(choice) is int for choice in choices) else "text"
        return kind, tuple(str(choice) for choice in choices)
    return {str: "text", float: "number", int: "whole", date: "day"}[one], ()  # type: ignore[return-value]


def _default(default: Any) -> str | None:
    if isinstance(default, list):
        return ", ".join(default)
    return None if default is None else str(default)


def _description(text: str, required: bool, above: tuple[str, ...]) -> str:
    if above and required:
        return f"{text} Needed as soon as another `{above[-1]}.` column is filled."
    return text


def _reference(sheet: str, name: str, kind: ColumnKind, choices: tuple[str, ...]) -> str | None:
    if kind != "text" or choices or (name == "unit" and sheet in _MEASURED_IN_UNITS):
        return None
    return _REFERENCES.get(name)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
