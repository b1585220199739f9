"""Turns the sheets of a workbook into the data that the YAML files would hold, every value with its sheet and row.

What follows is the same for both: the models, the errors, the records. A cell that cannot be what its column says is
an error here, because only here is it known how the sheet shows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticCustomError

from orchestration.company.fields import clean_id
from orchestration.company.files import CompanyFile
from orchestration.company.sheets import (
    CYCLE_ID,
    NOTES_SHEET,
    PARENT_ID,
    PARENT_VERSION,
    Column,
    Sheet,
    sheets,
)
from orchestration.company.xlsx_reader import (
    Cells,
    Damaged,
    ErrorValue,
    NoResult,
    Value,
    column_letters,
    range_name,
    read_xlsx,
)
from orchestration.company.yaml_reader import Key, PathKeys, Positions, relative_name, shown
from orchestration.errors import DefinitionError, nearest

MAX_ERRORS: Final = 100
"""Errors noted of one sheet's cells: a column pasted wrongly can repeat one mistake a million times."""
_MERGED_LOOKED_AT: Final = 20
"""Merged ranges of a sheet whose covered cells are not told as missing once more."""
_FIRST_SERIAL: Final = date(1899, 12, 30)

Record = dict[str, Any]
Versions = dict[str, dict[str, Record]]
"""Id -> the day from which a version holds (empty when it states none) -> the record."""


class SheetPositions(Positions):
    """The sheet and row of every record; columns are named `sheet!column`."""

    def __init__(self, data: Any, places: Mapping[int, tuple[str, int]]) -> None:
        super().__init__(data, {}, {})
        self._places = places  # by identity of the record or list; `_data` keeps them alive

    def line(self, path: PathKeys) -> int:
        """Return the row of the value at a path."""
        return self._at(path)[1]

    def raw(self, path: PathKeys) -> str | None:
        """Return None: a workbook keeps no spelling of a number."""
        return None

    def column(self, path: PathKeys) -> str:
        """Return sheet and column of the value at a path: kpis!valid_range.min."""
        sheet, _, rest = self._at(path)
        return f"{sheet}!{'.'.join(str(key) for key in rest)}" if rest else sheet

    def place(self, path: PathKeys, file: str) -> str:
        """Return where the value at a path stands, for an error that points to it from elsewhere."""
        return f"{file}:{self.line(path)} [{self.column(path)}]"

    def _at(self, path: PathKeys) -> tuple[str, int, tuple[Key, ...]]:
        """Return sheet and row of the innermost record on a path, and the rest of the path inside it."""
        sheet, row, rest = "", 1, path
        node = self._data
        for index, key in enumerate(path):
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                break
            found = self._places.get(id(node))
            if found is not None:
                (sheet, row), rest = found, path[index + 1 :]
        return sheet, row, rest


@dataclass
class SheetFile:
    """What one workbook says in place of one YAML file.

    Attributes:
        file: the file that it stands for, under the workbook's name.
        data: as that YAML file would hold it.
        positions: where it stands.
    """

    file: CompanyFile
    data: Record
    positions: SheetPositions


@dataclass
class WorkbookData:
    """What a workbook says.

    Attributes:
        files: one per kind of YAML file, and per cycle for objectives; sheets without rows make none.
        errors: what is wrong with sheets, headers and single cells.
        filled: names of the sheets that have rows.
    """

    files: list[SheetFile] = field(default_factory=list)
    errors: list[DefinitionError] = field(default_factory=list)
    filled: set[str] = field(default_factory=set)
    _reported: set[tuple[int | None, str | None]] = field(default_factory=set)

    def is_new(self, error: DefinitionError) -> bool:
        """Return whether an error of the models is not the consequence of one that is told already."""
        return (error.line, error.column) not in self._reported and (None, error.column) not in self._reported

    def mute(self, line: int | None, column: str | None) -> None:
        """Let errors of the models about a cell, or about a whole column, not count: their cause is told."""
        self._reported.add((line, column))

    def note(self, error: DefinitionError, *, whole_column: bool = False) -> None:
        """Keep an error; the models' own one about the same cell, or column, will not count."""
        self.errors.append(error)
        self.mute(None if whole_column else error.line, error.column)


def read_sheets(path: Path, root: Path, only: Collection[str] | None = None) -> WorkbookData:
    """Read a workbook.

    Args:
        path: the workbook.
        root: the directory that errors name it relative to.
        only: names of the sheets to read; None reads all.

    Raises:
        DefinitionErrors: it is refused as a whole.
    """
    file = relative_name(path, root)
    reading = _Reading(path, file)
    found = {cells.name: cells for cells in read_xlsx(path, root, file, only)}
    reading.check_names(found.values())
    for name, sheet in sheets().items():
        if name in found:
            reading.read(sheet, found[name])
    reading.gather()
    return reading.result


@dataclass
class _Row:
    """A record with what its columns say of its place: its parent, its version, its cycle."""

    number: int
    record: Record
    keys: dict[str, Any]


class _Reading:
    """The reading of one workbook, sheet after sheet, parents before their children."""

    def __init__(self, path: Path, file: str) -> None:
        self.path = path
        self.file = file
        self.result = WorkbookData()
        self.rows: dict[str, list[_Row]] = {}
        self.places: dict[int, tuple[str, int]] = {}
        self._noted: dict[str, int] = defaultdict(int)

    def check_names(self, found: Collection[Cells]) -> None:
        for cells in found:
            if cells.name in sheets() or cells.name == NOTES_SHEET or not cells.rows:
                continue
            close = nearest(cells.name.strip().lower().replace(" ", "_"), sheets())
            self.result.note(
                DefinitionError(
                    f"nothing reads the sheet {shown(cells.name)}",
                    file=self.file,
                    column=cells.name if cells.name.isprintable() else None,
                    expected=None if close else f"one of: {', '.join(sheets())}",
                    remedy=f"rename it to {close}" if close else f"delete it, or rename it to {NOTES_SHEET}",
                )
            )

    def read(self, sheet: Sheet, cells: Cells) -> None:
        """Read one sheet's records and give each to its parent."""
        for area in cells.merged:
            self._error(sheet, area[0], None, "merged cells", found=range_name(area), remedy="unmerge them")
        body = dict(cells.rows)
        titles = body.pop(1, {})
        header = self._header(sheet, titles, bool(body))
        rows = self.rows[sheet.name] = []
        known = self._versions(sheet.parent) if sheet.parent in PARENT_ID else {}
        nameless: set[int] = set()
        for number, values in body.items():
            row = _Row(number, {}, {})
            for place, value in values.items():
                column = header.get(place)
                if column is not None:
                    self._take(sheet, row, column, value)
                elif header and place not in titles and place not in nameless:
                    nameless.add(place)
                    self._nameless(sheet, number, place, value)
            if not header.keys() & values.keys():
                continue
            for top, left, bottom, right in cells.merged[:_MERGED_LOOKED_AT]:
                if top <= number <= bottom:
                    hidden = (column for place, column in header.items() if left <= place <= right)
                    for column in hidden:
                        self.result.mute(number, _label(sheet, column))
            self.places[id(row.record)] = sheet.name, number
            rows.append(row)
            if sheet.parent:
                self._attach(sheet, row, known)
        if rows:
            self.result.filled.add(sheet.name)

    def _take(self, sheet: Sheet, row: _Row, column: Column, value: Value) -> None:
        """Put a cell's value where its column says; note an error when it cannot be that."""
        result = _convert(value, column)
        if isinstance(result, _Problem):
            found = _as_shown(value)
            self._error(sheet, row.number, column.name, result.message, result.expected, found, result.remedy)
        elif column.path:
            _put(row.record, column.path, result)
        else:
            row.keys[column.name] = result

    def _header(self, sheet: Sheet, values: Mapping[int, Value], has_rows: bool) -> dict[int, Column]:
        """Return the column under each header cell, noting everything wrong with the header."""
        known = {column.name: column for column in sheet.columns}
        header: dict[int, Column] = {}
        if not values:
            if has_rows:
                expected = ", ".join(known)
                self._error(sheet, 1, None, "the first row is empty", expected, remedy="write the header there")
            return header
        names = {number: value.strip() if isinstance(value, str) else None for number, value in values.items()}
        for number, name in names.items():
            if name in known:
                first = next((other for other, column in header.items() if column.name == name), None)
                if first is None:
                    header[number] = known[name]
                    continue
                places = f"columns {column_letters(first)} and {column_letters(number)}"
                self._error(sheet, 1, name, "the column stands twice", found=places, remedy="keep one of the two")
                continue
            free = [other for other in known if other not in names.values()]
            title = shown(name if name is not None else values[number])
            close = nearest(name.lower().replace(" ", "_"), free) if name is not None else None
            self._error(
                sheet,
                1,
                name if name and name.isprintable() else f"{column_letters(number)}1",
                f"unknown column {title}",
                expected=None if close else f"one of: {', '.join(free or known)}",
                remedy=f"write {close}" if close else f"remove it, or keep it in the sheet {NOTES_SHEET}",
            )
        for column in known.values():
            if column.required and has_rows and column not in header.values():
                error = DefinitionError(
                    f"missing column {column.name}",
                    file=self.file,
                    line=1,
                    column=_label(sheet, column),
                    remedy="add it",
                )
                self.result.note(error, whole_column=True)
        return header

    def _nameless(self, sheet: Sheet, number: int, column_number: int, value: Value) -> None:
        letters = column_letters(column_number)
        self._error(
            sheet,
            number,
            letters,
            "a value in a column without a name",
            found=_as_shown(value),
            remedy=f"name the column in {letters}1, or remove what stands in it",
        )

    def _attach(self, sheet: Sheet, row: _Row, known: Versions) -> None:
        """Give a record to the record above it, or note that there is none."""
        parent = str(sheet.parent)
        above = self.rows.get(parent, [])
        if not above:
            if len(self.rows[sheet.name]) == 1:
                message = f"the sheet {parent}, which the rows belong to, is missing or has no rows"
                remedy = f"fill it, or move the {sheet.field} to the YAML file that has the {parent}"
                self._error(sheet, row.number, None, message, remedy=remedy)
            return
        if parent not in PARENT_ID:
            self._list(above[0].record, sheet, row.number).append(row.record)
            return
        id_column, version_column = PARENT_ID[parent], PARENT_VERSION[parent]
        wanted, since = row.keys.get(id_column), _iso(row.keys.get(version_column))
        if wanted is None:
            if self._is_untold(sheet, row.number, id_column):
                self._error(sheet, row.number, id_column, "an empty cell", expected=f"an id of the sheet {parent}")
            return
        try:
            wanted = clean_id(wanted)
        except PydanticCustomError as error:
            self._error(sheet, row.number, id_column, error.message(), found=shown(wanted))
            return
        versions = known.get(wanted, {})
        target = versions.get(since)
        if target is None and not since and len(versions) == 1:
            (target,) = versions.values()  # one version only: no day is needed to tell which
        if target is not None:
            self._list(target, sheet, row.number).append(row.record)
        elif versions:
            days = ", ".join(sorted(day or "(none)" for day in versions))
            message = f"the sheet {parent} has no version of {wanted} that holds from {since or '(none)'}"
            self._error(sheet, row.number, version_column, message, expected=f"one of: {days}")
        elif "" not in known:  # else it may be meant for a row whose own id was refused
            close = nearest(wanted, known)
            self._error(
                sheet,
                row.number,
                id_column,
                f"the sheet {parent} has no such id",
                found=shown(wanted),
                remedy=f"write {close}" if close else f"add it to the sheet {parent}, or correct the id",
            )

    def _versions(self, parent: str | None) -> Versions:
        """Return the records of a sheet, under "" those without an id; of two alike, the first."""
        known: Versions = {}
        for row in self.rows.get(str(parent), []):
            name = row.record.get("id")
            try:
                name = clean_id(name) if isinstance(name, str) else ""
            except PydanticCustomError:
                name = ""
            known.setdefault(name, {}).setdefault(_iso(row.record.get("effective_from")), row.record)
        return known

    def gather(self) -> None:
        """Make one file of each kind out of the records at the top."""
        data: dict[tuple[str, str | None], Record] = {}
        for sheet in sheets().values():
            if sheet.parent or not self.rows.get(sheet.name):
                continue
            rows = self.rows[sheet.name]
            if sheet.is_single:
                data.setdefault((sheet.kind, None), {})[sheet.field] = rows[0].record
                for row in rows[1:]:
                    self._error(sheet, row.number, None, "a second row", expected="one company", remedy="remove it")
                continue
            for row in rows:
                cycle_id = self._cycle(sheet, row) if sheet.kind == "okrs" else None
                of_kind = data.setdefault((sheet.kind, cycle_id), {})
                self._list(of_kind, sheet, 1).append(row.record)
        for (kind, cycle_id), content in data.items():
            file = CompanyFile(self.path, self.file, kind, cycle_id)
            self.result.files.append(SheetFile(file, content, SheetPositions(content, self.places)))

    def _cycle(self, sheet: Sheet, row: _Row) -> str:
        cycle_id = row.keys.get(CYCLE_ID)
        try:
            if isinstance(cycle_id, str):
                return clean_id(cycle_id)
        except PydanticCustomError as error:
            self._error(sheet, row.number, CYCLE_ID, error.message(), found=shown(cycle_id))
            return "(refused)"
        if self._is_untold(sheet, row.number, CYCLE_ID):
            self._error(sheet, row.number, CYCLE_ID, "an empty cell", expected="the id of a cycle")
        return "(refused)"

    def _is_untold(self, sheet: Sheet, row: int, column: str) -> bool:
        label = f"{sheet.name}!{column}"
        return self.result.is_new(DefinitionError("", line=row, column=label))

    def _list(self, record: Record, sheet: Sheet, row: int) -> list[Record]:
        """Return the list of a record that holds a sheet's records; a new one stands where its first row does."""
        if sheet.field not in record:
            items: list[Record] = []
            record[sheet.field] = items
            self.places[id(items)] = sheet.name, row
        found: list[Record] = record[sheet.field]
        return found

    def _error(
        self,
        sheet: Sheet,
        row: int,
        column: str | None,
        message: str,
        expected: str | None = None,
        found: str | None = None,
        remedy: str | None = None,
    ) -> None:
        label = f"{sheet.name}!{column}" if column else sheet.name
        self._noted[sheet.name] += 1
        if self._noted[sheet.name] > MAX_ERRORS:
            self.result.mute(row, label)
            return
        if self._noted[sheet.name] == MAX_ERRORS:
            remedy = "; ".join(part for part in (remedy, f"this is the last of {MAX_ERRORS} errors shown") if part)
        self.result.note(
            DefinitionError(
                message, file=self.file, line=row, column=label, expected=expected, found=found, remedy=remedy
            )
        )


@dataclass(frozen=True)
class _Problem:
    message: str
    expected: str | None = None
    remedy: str | None = None


def _convert(value: Value, column: Column) -> Any:
    if isinstance(value, ErrorValue):
        return _Problem("the cell shows an error", remedy="correct its formula, or write the value")
    if isinstance(value, NoResult):
        message = "a formula that was saved without its result"
        return _Problem(message, remedy="open the workbook in Excel and save it, or write the value")
    if isinstance(value, Damaged):
        return _Problem("the cell is damaged", remedy="type the value again")
    match column.kind:
        case "text":
            return value if isinstance(value, str) else _not_text(value)
        case "words":
            return [word.strip() for word in value.split(",")] if isinstance(value, str) else _not_text(value)
        case "day":
            return _day(value)
        case _:
            return _number(value, column)


def _not_text(value: Value) -> _Problem:
    if isinstance(value, (date, time)):
        remedy = "format the cell as Text and type it again: Excel took it for a date"
        return _Problem("a date where text should stand", "text", remedy)
    return _Problem("wrong type of value", "text", "format the cell as Text and type it again")


def _day(value: Value) -> Any:
    expected = "a date, or text written YYYY-MM-DD"
    if isinstance(value, datetime):
        if value.time() != time():
            return _Problem("a day with a time of day", expected, "remove the time")
        return value.date()
    if isinstance(value, (date, str)):
        return value  # text is for the models to judge
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            guess = _FIRST_SERIAL + timedelta(days=int(value))
        except OverflowError:
            return _Problem("not a day", expected)
        if value > 60:
            remedy = f"format the cell as a date: it would be {guess}"
            return _Problem("a number where a day should stand", expected, remedy)
    return _Problem("not a day", expected)


def _number(value: Value, column: Column) -> Any:
    expected = "a whole number" if column.kind == "whole" else "a number"
    if isinstance(value, str):
        return _Problem(
            "a number kept as text" if _looks_numeric(value) else "wrong type of value", expected, _number_remedy(value)
        )
    if isinstance(value, (date, time)):
        return _Problem("a date where a number should stand", expected, "format the cell as a number, type it again")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _Problem("wrong type of value", expected)
    if isinstance(value, int) and int(float(value)) != value:
        return _Problem("a number beyond 2^53 that would be rounded", expected, "round it")
    if column.kind == "whole":
        return int(value) if value == int(value) else _Problem("wrong type of value", expected)
    return value


def _looks_numeric(text: str) -> bool:
    try:
        float(text.strip())
    except ValueError:
        return False
    return True


def _number_remedy(text: str) -> str:
    plain = text.strip()
    if _looks_numeric(plain):
        return "convert the cell to a number (the mark in its corner, Convert to Number)"
    if plain.endswith("%") and _looks_numeric(plain[:-1]):
        return f"write the share as a number: {float(plain[:-1]) / 100:g}"
    return "write the number alone, in a cell that is not formatted as Text"


def _as_shown(value: Value) -> str:
    match value:
        case ErrorValue(code):
            return shown(code)[1:-1]
        case NoResult():
            return "a formula"
        case Damaged(text):
            return shown(text)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {shown(value)}"
        case datetime() if value.time() == time():
            return f"the date {value.date()}"
    return shown(str(value))


def _label(sheet: Sheet, column: Column) -> str:
    return f"{sheet.name}!{column.name}"


def _iso(day: Any) -> str:
    """Return a day, as a date or as text, so that equal days are equal."""
    return "" if day is None else str(day).strip()


def _put(record: Record, path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        record = record.setdefault(key, {})
    record[path[-1]] = value
