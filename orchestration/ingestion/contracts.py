"""Feed contracts: the typed models of feeds.yml, their loader, and their way into the lake.

A contract says where a feed's files are, how they are written, and what is promised about them. Reading follows the
contract alone: nothing about a file is guessed.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StringConstraints, model_validator

from orchestration.company.fields import FileModel, Id, Line, Many, Number, Share, Text, Zone, each_once, refuse
from orchestration.company.records import DefinitionRecord, canonical_json
from orchestration.company.validation import validate
from orchestration.company.yaml_reader import Positions, read_yaml, relative_name
from orchestration.errors import DefinitionError, DefinitionErrors
from orchestration.ingestion.derived_models import (
    Column,
    ComposedId,
    DerivedValue,
    EventType,
    EventTypeColumn,
    KpiColumn,
    MappedType,
    ValueColumn,
    field_of,
)
from orchestration.ingestion.source_models import FileSource, RestSource, S3Source, Source, SqlSource

READER_VERSION: Final = 1
"""Part of every contract's hash. Raise it when reading changes its outcome: files are then read again."""

NAMED_PERIOD_FORMATS: Final = ("iso_week", "quarter")
"""Date formats that strptime cannot say: 2013-W05 and 2013-Q1."""

LONG_FIELDS: Final = ("kpi", "period", "value", "available_at", "unit", "obs_status", "recorded_by")
WIDE_FIELDS: Final = ("period", "available_at", "obs_status", "recorded_by", "unit")
EVENT_FIELDS: Final = (
    "key_result",
    "event",
    "milestone",
    "event_type",
    "occurred_on",
    "occurred_at",
    "title",
    "reference",
)
"""Fields that an event has and an observation has not; both may say `available_at`."""

_DIRECTIVES: Final = "YmdbBjyHIMSfzpGVuaAeT%-"


def _delimiter(text: str) -> str:
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in '"\r\n\0 .+-':
        refuse("not a delimiter", expected='one sign such as "," ";" "|" or "\\t"')
    return text


def _decimal_mark(text: str) -> str:
    if text not in (".", ",", "'", "·"):
        refuse("not a decimal mark", expected='"." or ","')
    return text


def _thousands_mark(text: str) -> str:
    if len(text) != 1 or text.isalnum() or text in '+-"\r\n\0':
        refuse("not a thousands mark", expected='one sign such as "," "." " " or "\'"')
    return text


def _encoding(text: str) -> str:
    try:
        name = codecs.lookup(text).name
        probe = "a1,\n".encode(name).decode(name)
    except (LookupError, UnicodeError, ValueError, TypeError):
        probe = name = ""
    if probe != "a1,\n":
        refuse("an unknown text encoding", expected="a name such as utf-8, cp1252, latin-1 or utf-16")
    return "utf-8" if name == "utf-8-sig" else name


def _date_format(text: str) -> str:
    if text in NAMED_PERIOD_FORMATS:
        return text
    directives = re.findall(r"%-?(.)", text)
    expected = f"strptime signs such as %Y-%m-%d, or {' or '.join(NAMED_PERIOD_FORMATS)}"
    if not directives or any(sign not in _DIRECTIVES for sign in directives) or text.endswith("%"):
        refuse("not a date format", expected=expected)
    if not {"Y", "y", "G"} & set(directives):
        refuse("a date format without a year", expected=expected)
    return text


def _timestamp_format(text: str) -> str:
    text = _date_format(text)
    if text in NAMED_PERIOD_FORMATS:
        refuse("not a format of times", expected="strptime signs such as %Y-%m-%d %H:%M:%S, or nothing for ISO 8601")
    return text


def _own_format(fields: dict[str, Any]) -> Any:
    """Return the format that a source makes itself; where it makes none, `_check_format` asks the contract for it."""
    source = fields.get("source")
    return (source.spool_format if source else None) or "csv"


def _nothing_to_empty(value: Any) -> Any:
    return {} if value is None else value


_Raw = StringConstraints(strict=True, min_length=1, max_length=500)


class Columns(FileModel):
    """Which column of the file fills which field of an observation, or of an event."""

    kpi: KpiColumn | None = Field(default=None, description="Column with the KPI's id, or {template: ...}.")
    period: Column | None = Field(default=None, description="Column with the period: any day in it.")
    value: ValueColumn | None = Field(
        default=None, description="Column with the value, or what to make it of: {ratio: [a, b]}."
    )
    available_at: Column | None = Field(default=None, description="Column with the time the source had the value.")
    unit: Column | None = Field(default=None, description="Column with the unit of the value as sent.")
    obs_status: Column | None = Field(default=None, description="Column with the SDMX observation status.")
    recorded_by: Column | None = Field(default=None, description="Column with who recorded the value.")
    key_result: KpiColumn | None = Field(
        default=None, description="Of events: column with the key result's id, or {template: ...}."
    )
    event: KpiColumn | None = Field(
        default=None,
        description="Of events: column with the event's id in its source, such as a version, or {template: ...}; "
        "the milestone's id when left out.",
    )
    milestone: Column | None = Field(
        default=None, description="Of events: column with the id of the key result's milestone that it completes."
    )
    event_type: EventTypeColumn | None = Field(
        default=None, description="Of events: column with release or milestone, or {column: ..., values: {...}}."
    )
    occurred_on: Column | None = Field(default=None, description="Of events: column with the day.")
    occurred_at: Column | None = Field(
        default=None, description="Of events: column with the time; its day is the one in the feed's time_zone."
    )
    title: KpiColumn | None = Field(
        default=None, description="Of events: column with what happened, in words, or {template: ...}."
    )
    reference: Column | None = Field(
        default=None, description="Of events: column with where to read more, such as an address or a commit."
    )


class Constants(FileModel):
    """Fields of an observation, or of an event, that are the same in every row and stand in no column."""

    kpi: Id | None = Field(default=None, description="Id of the KPI that every row observes.")
    period: Line | None = Field(default=None, description="The period, in the feed's date format.")
    available_at: Line | None = Field(default=None, description="The time the source had the values.")
    unit: Line | None = Field(default=None, description="Unit of the values as sent.")
    obs_status: Line | None = Field(default=None, description="SDMX observation status.")
    recorded_by: Line | None = Field(default=None, description="Who recorded the values.")
    key_result: Id | None = Field(default=None, description="Of events: id of the key result of every row.")
    milestone: Id | None = Field(default=None, description="Of events: id of the milestone of every row.")
    event_type: EventType | None = Field(default=None, description="Of events: what every row tells of.")
    title: Line | None = Field(default=None, description="Of events: what happened, in words.")


class FeedContract(FileModel):
    """One feed: a stream of observations or events and what is promised about it."""

    id: Id = Field(description="Id of the feed, as KPIs name it.")
    name: Line = Field(description="Name, as people see it.")
    description: Text | None = Field(default=None, description="What the feed delivers, from where.")
    owner: Id | None = Field(default=None, description="Id of the person who answers for the delivery.")
    steward: Id | None = Field(default=None, description="Id of the person who answers for the data's integrity.")
    kind: Literal["observations", "events"] = Field(
        default="observations",
        description="observations: values of KPIs; events: what happened to key results, such as a release log.",
    )
    source: Source = Field(description="Where the records come from.")
    format: Literal["csv", "jsonl", "json", "parquet", "xlsx"] = Field(
        default_factory=_own_format,
        description="How files and objects are written; .gz and .zst at the end of a name are unpacked. "
        "Left out for sql and rest.",
    )
    sheet: Line | None = Field(
        default=None, description="Name of the sheet of an Excel workbook; needed when several are visible."
    )
    header_row: Annotated[int, Field(strict=True, ge=1, le=1_000)] | None = Field(
        default=None, description="Row of the sheet with the names of the columns, from 1; 1 when left out."
    )
    layout: Literal["long", "wide"] = Field(
        default="long", description="long: one observation per record; wide: one column per KPI."
    )
    columns: Columns = Field(description="Field of an observation or event: column of the file.")
    kpi_columns: Annotated[dict[Column, Id] | Literal["*"] | None, Field(union_mode="left_to_right")] = Field(
        default=None, description='Of wide files: column: KPI id; or "*": every other column is named like its KPI.'
    )
    constants: Annotated[Constants, BeforeValidator(_nothing_to_empty)] = Field(
        default_factory=Constants, description="Fields that are the same in every row."
    )
    ignored_columns: Many[Column] = Field(
        default_factory=list, description="Columns that may be there and are not read."
    )
    encoding: Annotated[str, _Raw, AfterValidator(_encoding)] = Field(
        default="utf-8", description="Text encoding of the files."
    )
    delimiter: Annotated[str, _Raw, AfterValidator(_delimiter)] = Field(
        default=",", description="Sign between the fields of a CSV file."
    )
    decimal_mark: Annotated[str, _Raw, AfterValidator(_decimal_mark)] = Field(
        default=".", description="Sign before the decimals of numbers written as text."
    )
    thousands_mark: Annotated[str, _Raw, AfterValidator(_thousands_mark)] | None = Field(
        default=None, description="Sign between groups of three digits; none: such a number is refused."
    )
    date_format: Annotated[str, _Raw, AfterValidator(_date_format)] = Field(
        default="%Y-%m-%d", description="Format of periods written as text: strptime signs, iso_week or quarter."
    )
    timestamp_format: Annotated[str, _Raw, AfterValidator(_timestamp_format)] | None = Field(
        default=None, description="Format of times written as text; none: ISO 8601."
    )
    time_zone: Zone | None = Field(
        default=None, description="Zone of times that state none; without it such a time is refused."
    )
    null_tokens: Many[Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=100)]] = Field(
        default_factory=lambda: [""], description="Texts that mean no value."
    )
    unit: Line | None = Field(default=None, description="Unit of the values as sent; the KPI's when left out.")
    scale: Number = Field(default=1.0, description="Value in the KPI's unit = value as sent x scale.")
    source_type: Literal["system", "warehouse", "spreadsheet", "manual"] = Field(
        default="system", description="What kind of place the values come from."
    )
    schedule: Line | None = Field(default=None, description="When the feed arrives, as a cron expression.")
    agreed_offset_days: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = Field(
        default=1.0, description="Days after the end of a period by which its value must be there."
    )
    on_schema_change: Literal["freeze", "evolve"] = Field(
        default="freeze", description="freeze: a column that is not named here stops the file; evolve: it is ignored."
    )
    max_quarantine_share: Share = Field(
        default=0.05, description="Share of quarantined rows above which the feed's KPIs are withheld."
    )
    may_be_empty: bool = Field(default=False, description="A file without records is in order.")
    full_extract: bool = Field(
        default=False,
        description="Each delivery of a file holds everything: a KPI and period, or an event, that it held before and "
        "holds no more is recorded as deleted.",
    )
    max_deleted_share: Share = Field(
        default=0.5,
        description="Of a full extract: share of the file's standing rows that one delivery may delete; above it the "
        "delivery is taken for a truncated one and rejected whole.",
    )

    _line: int = PrivateAttr(default=0)

    @property
    def line(self) -> int:
        """Line of feeds.yml where the contract begins, from 1; 0 when it was not read from a file."""
        return self._line

    @property
    def composed_id(self) -> ComposedId | None:
        """How the KPI's id is made of several columns, when it is."""
        return self.columns.kpi if isinstance(self.columns.kpi, ComposedId) else None

    @property
    def derived_value(self) -> DerivedValue | None:
        """How the value is made, when it is not simply a column's."""
        return self.columns.value if isinstance(self.columns.value, DerivedValue) else None

    @property
    def composed(self) -> dict[str, ComposedId]:
        """Every field that is made of several columns: field -> how."""
        made = {name: getattr(self.columns, name) for name in Columns.model_fields}
        return {name: column for name, column in made.items() if isinstance(column, ComposedId)}

    @property
    def event_types(self) -> dict[str, str]:
        """What the source calls each type of event: its word -> type."""
        mapped = self.columns.event_type
        if isinstance(mapped, MappedType):
            return dict(mapped.values)
        return {name: name for name in get_args(EventType)}

    def mapped(self) -> dict[str, str]:
        """Return what columns fill: field -> column, and of a field that several columns make, part -> column."""
        found: dict[str, str] = {}
        for name in Columns.model_fields:
            column = getattr(self.columns, name)
            if isinstance(column, ComposedId):
                found |= column.parts(name)
            elif column is not None:
                found |= {name: column} if isinstance(column, str) else column.parts()
        return found

    def constant(self) -> dict[str, str]:
        """Return the fields that are constant: field -> text."""
        return {name: text for name, text in self.constants.model_dump().items() if text is not None}

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_format()
        mapped, constant = self.mapped(), self.constant()
        filled = {field_of(name) for name in mapped}
        self._check_kind(filled | set(constant))
        if self.kind == "events":
            self._check_events(filled | set(constant))
        elif self.layout == "long":
            self._check_long(filled | set(constant))
        else:
            self._check_wide(mapped, filled | set(constant))
        for name in sorted(filled & set(constant)):
            refuse(f"`{name}` is both a column and a constant", remedy="keep one of the two", field="constants")
        if self.kind == "observations":  # a version may be an event's id and stand in its title
            each_once(mapped.values(), lambda column: column, "columns", "column")
        each_once(self.ignored_columns, lambda column: column, "ignored_columns", "column")
        named = {*mapped.values(), *(self.kpi_columns if isinstance(self.kpi_columns, dict) else ())}
        for column in self.ignored_columns:
            if column in named:
                refuse(f"the column {column} is both read and ignored", field="ignored_columns")
        if "max_deleted_share" in self.model_fields_set and not self.full_extract:
            refuse(
                "only a full extract deletes",
                remedy="write `full_extract: true`, or remove it",
                field="max_deleted_share",
            )
        if self.thousands_mark == self.decimal_mark:
            refuse("the thousands mark is the decimal mark", field="thousands_mark")
        if self.scale == 0:
            refuse("a scale of 0 would turn every value into 0", field="scale")
        if self.scale != 1 and self.unit is None:
            refuse(
                "a scale needs the unit that it converts from", remedy="state `unit`, such as percent", field="scale"
            )
        return self

    def _check_format(self) -> None:
        own = self.source.spool_format
        if own is None and "format" not in self.model_fields_set:
            refuse("missing field `format`", expected="csv, jsonl, json, parquet or xlsx", field="format")
        if own and self.format != own:
            refuse(
                f"a source of type {self.source.type} has no format of its own",
                remedy="leave `format` out",
                field="format",
            )
        if self.format != "xlsx":
            for name in ("sheet", "header_row"):
                if getattr(self, name) is not None:
                    refuse(f"`{name}` belongs to Excel workbooks", remedy="remove it", field=name)
        else:
            for name in ("delimiter", "encoding", "decimal_mark", "thousands_mark"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    refuse(f"a workbook has no {name}: its numbers are numbers", remedy="remove it", field=name)

    def _check_kind(self, filled: set[str]) -> None:
        """Refuse fields of the other kind, first of all: they tell that the kind is forgotten."""
        of_observations = set(LONG_FIELDS) - {"available_at"}
        others, owner = (of_observations, "observations") if self.kind == "events" else (set(EVENT_FIELDS), "events")
        for name in sorted(filled & others):
            remedy = "write `kind: events`, or remove it" if owner == "events" else "remove it"
            field = "constants" if getattr(self.constants, name, None) is not None else "columns"
            refuse(f"`{name}` belongs to {owner}", remedy=remedy, field=field)
        if self.kind == "events":
            for name in ("layout", "kpi_columns", "unit", "scale", "decimal_mark", "thousands_mark"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    refuse(f"`{name}` belongs to observations", remedy="remove it", field=name)

    def _check_events(self, filled: set[str]) -> None:
        for name in ("key_result", "event_type"):
            if name not in filled:
                refuse(f"no column for `{name}`", expected="a column, or a constant", field="columns")
        if not {"event", "milestone"} & filled:
            refuse(
                "nothing tells one event from another",
                expected="a column for `event`, the event's id in its source, or for `milestone`",
                field="columns",
            )
        days = {"occurred_on", "occurred_at"} & filled
        if len(days) != 1:
            what = "both `occurred_on` and `occurred_at`" if days else "no column for the day of the event"
            refuse(what, expected="`occurred_on` for days, or `occurred_at` for times", field="columns")
        if days == {"occurred_at"} and self.time_zone is None:
            refuse(
                "a time without a zone is on no certain day",
                remedy="state `time_zone`: the day of an event is the one there",
                field="columns",
            )
        if days == {"occurred_on"} and self.date_format in NAMED_PERIOD_FORMATS:
            refuse("an event has a day", expected="strptime signs such as %Y-%m-%d", field="date_format")

    def _check_long(self, filled: set[str]) -> None:
        if self.kpi_columns is not None:
            refuse(
                "kpi_columns belong to wide files", remedy="write `layout: wide`, or remove them", field="kpi_columns"
            )
        for name in ("kpi", "period", "value"):
            if name not in filled:
                refuse(f"no column for `{name}`", expected="a column, or a constant", field="columns")

    def _check_wide(self, mapped: dict[str, str], filled: set[str]) -> None:
        if not self.kpi_columns:
            refuse(
                "a wide file needs kpi_columns",
                expected='column: KPI id, or "*" when columns are named like KPIs',
                field="kpi_columns",
            )
        for name in ("kpi", "value"):
            if name in filled:
                refuse(f"a wide file has no column for `{name}`", remedy="name its columns in kpi_columns", field=name)
        if "period" not in filled:
            refuse("no column for `period`", expected="a column, or a constant", field="columns")
        if isinstance(self.kpi_columns, dict):
            each_once(self.kpi_columns.values(), lambda kpi: kpi, "kpi_columns", "KPI")
            for column in self.kpi_columns:
                if column in mapped.values():
                    refuse(f"the column {column} is both a KPI and a field", field="kpi_columns")


class FeedsFile(FileModel):
    """The whole of feeds.yml."""

    feeds: Many[FeedContract] = Field(description="The feeds.")


def load_contracts(feeds_yml: Path) -> list[FeedContract]:
    """Read and validate feeds.yml.

    Args:
        feeds_yml: the file, inside the company directory.

    Returns:
        The contracts, in the order of the file.

    Raises:
        DefinitionErrors: every error of form, with file, line, field and the nearest valid name.
    """
    root = feeds_yml.parent
    file = relative_name(feeds_yml, root)
    if not feeds_yml.is_file():
        missing = DefinitionError("the file is missing", file=file, remedy=f"create {feeds_yml}")
        raise DefinitionErrors([missing])
    data, positions = read_yaml(feeds_yml, root)
    errors: list[DefinitionError] = list(_duplicates(data, positions, file))
    try:
        content = validate(FeedsFile, data, positions, file)
    except DefinitionErrors as error:
        errors += error.errors
    if errors:
        raise DefinitionErrors(sorted(errors, key=lambda error: error.line or 0))
    for index, contract in enumerate(content.feeds):
        contract._line = positions.line(("feeds", index, "id"))
    return list(content.feeds)


def _duplicates(data: Any, positions: Positions, file: str) -> list[DefinitionError]:
    feeds = data.get("feeds") if isinstance(data, dict) else None
    errors = []
    lines: dict[str, int] = {}
    for index, feed in enumerate(feeds if isinstance(feeds, list) else ()):
        name = feed.get("id") if isinstance(feed, dict) else None
        if not isinstance(name, str):
            continue
        line = positions.line(("feeds", index, "id"))
        if name.strip() in lines:
            errors.append(
                DefinitionError(
                    f"duplicate feed id {name.strip()}",
                    file=file,
                    line=line,
                    column=f"feeds[{index}].id",
                    found=f"the same on line {lines[name.strip()]}",
                    remedy="rename or remove one",
                )
            )
        lines.setdefault(name.strip(), line)
    return errors


__all__ = [
    "FeedContract",
    "FeedsFile",
    "FileSource",
    "RestSource",
    "S3Source",
    "SqlSource",
    "contract_hash",
    "feed_records",
    "load_contracts",
]

_ADMINISTRATIVE: Final = {
    "id",
    "name",
    "description",
    "owner",
    "steward",
    "source",
    "schedule",
    "agreed_offset_days",
    "max_quarantine_share",
}


def contract_hash(contract: FeedContract) -> str:
    """Return the sha256 (hex) of everything in a contract that can change what is read out of the same bytes."""
    passed_over = set(_ADMINISTRATIVE)
    if not contract.full_extract:
        passed_over.add("max_deleted_share")
    if contract.kind == "observations":
        passed_over.add("kind")
    content = contract.model_dump(mode="json", exclude=passed_over, exclude_none=True)
    return hashlib.sha256(canonical_json({"reader": READER_VERSION, "contract": content})).hexdigest()


def feed_records(contracts: Sequence[FeedContract]) -> list[DefinitionRecord]:
    """Return the contracts as definition records, for the lake's table definitions/feeds."""
    return [
        DefinitionRecord(
            table="feeds",
            natural_id=contract.id,
            effective_from=None,
            columns={
                "feed_id": contract.id,
                "name": contract.name,
                "kind": contract.kind,
                "description": contract.description,
                "owner_id": contract.owner,
                "steward_id": contract.steward,
                "source_kind": contract.source.type,
                "source_type": contract.source_type,
                "format": contract.format,
                "layout": contract.layout,
                "schedule": contract.schedule,
                "agreed_offset_days": contract.agreed_offset_days,
                "max_quarantine_share": contract.max_quarantine_share,
                "on_schema_change": contract.on_schema_change,
            },
            source_file="feeds.yml",
            source_row=contract.line,
        )
        for contract in contracts
    ]
