"""Fields that take more than a column's name: an id out of columns, a value out of numbers, a type out of words.

There is no expression language: a template, a pattern, three operations and a sum over rows are all there is.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from orchestration.company.fields import FileModel, Many, each_once, refuse
from orchestration.ingestion.templates import Template, ValuePattern, columns_of

Column = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=500)]
"""Name of a column as the file's header writes it; of JSON, a key, or a pointer into the record: /metric/id."""
_MOST: Final = 20
"""Columns that make one field. Each is checked in its own right, and a row's problem is a number below 256."""
_Two = Annotated[list[Column], Field(min_length=2, max_length=2)]


EventType = Literal["release", "milestone"]
"""What a feed may tell of. Check-ins and targets are stated by people: in files, or through a mapping."""


class ComposedId(FileModel):
    """An id or a title made of several columns."""

    template: Template = Field(description="Text with {column} or {column|filter}; filters: slug lower upper hash.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not columns_of(self.template):
            refuse("a template without a column", remedy="write the id under `constants`", field="template")
        if len(columns_of(self.template)) > _MOST:
            refuse(f"more than {_MOST} columns in one id", field="template")
        return self

    def parts(self, field: str = "kpi") -> dict[str, str]:
        """Return part -> column, each column once; `field` is what the parts make."""
        return {f"{field}_part_{number}": column for number, column in enumerate(columns_of(self.template))}


class MappedType(FileModel):
    """The type of an event in the words of its source."""

    column: Column = Field(description="Column with the source's word.")
    values: Annotated[dict[Column, EventType], Field(min_length=1)] = Field(
        description="Word of the source: release or milestone. Any other word is quarantined."
    )

    def parts(self) -> dict[str, str]:
        """Return field -> column."""
        return {"event_type": self.column}


class DerivedValue(FileModel):
    """A value that is taken out of a text, or computed of several columns, or summed over rows."""

    column: Column | None = Field(default=None, description="The one column that holds the value.")
    sum: Annotated[list[Column], Field(min_length=2, max_length=_MOST)] | None = Field(
        default=None, description="Columns that are added up."
    )
    difference: _Two | None = Field(default=None, description="[a, b]: a - b.")
    ratio: _Two | None = Field(default=None, description="[a, b]: a / b.")
    complement: bool = Field(default=False, description="Of a ratio: 1 - a / b.")
    pattern: ValuePattern | None = Field(
        default=None, description="What to take of each column's text: the group `value` of what fits the whole text."
    )
    sum_over: Annotated[Many[Column], Field(max_length=_MOST)] = Field(
        default_factory=list,
        description="Columns that tell apart the rows of one KPI and period: each column is added up over those rows "
        "before anything is computed of it.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        named = [name for name in ("column", "sum", "difference", "ratio") if getattr(self, name) is not None]
        if len(named) != 1:
            refuse(
                f"{' and '.join(named)} at once" if named else "nothing to make the value of",
                expected="one of column, sum, difference, ratio",
                field=named[1] if named else "column",
            )
        if self.complement and self.ratio is None:
            refuse("only a ratio has a complement", remedy="remove it", field="complement")
        if self.column and self.pattern is None and not self.sum_over:
            refuse("a column and nothing else", remedy=f"write `value: {self.column}`", field="column")
        each_once([*self.operands, *self.sum_over], lambda column: column, named[0], "column")
        return self

    @property
    def operands(self) -> list[str]:
        """The columns that hold numbers."""
        return [self.column] if self.column else list(self.sum or self.difference or self.ratio or ())

    def parts(self) -> dict[str, str]:
        """Return part -> column."""
        parts = {f"value_part_{number}": column for number, column in enumerate(self.operands)}
        return parts | {f"over_part_{number}": column for number, column in enumerate(self.sum_over)}


def _form(value: Any) -> str:
    return "column" if isinstance(value, str) else "made"


KpiColumn = Annotated[Annotated[Column, Tag("column")] | Annotated[ComposedId, Tag("made")], Discriminator(_form)]
EventTypeColumn = Annotated[Annotated[Column, Tag("column")] | Annotated[MappedType, Tag("made")], Discriminator(_form)]
ValueColumn = Annotated[Annotated[Column, Tag("column")] | Annotated[DerivedValue, Tag("made")], Discriminator(_form)]


def field_of(name: str) -> str:
    """Return the field that a part belongs to; of a field itself, the field. `over` is that of `sum_over`."""
    return name.partition("_part_")[0]
