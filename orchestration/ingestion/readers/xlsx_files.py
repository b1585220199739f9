"""Excel workbooks (.xlsx), one sheet of each: cells by calamine, and what it does not tell from the sheet's own XML.

Excel types cells, so nothing is read out of text here: a number stored as text is no number, and is quarantined as
Excel shows it, with its apostrophe. An error such as #N/A, and a formula that no program has computed yet, are no
values either. Merged cells stop the file: which row such a value belongs to would be a guess.
"""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Any, Final
from xml.etree import ElementTree

import duckdb
import pyarrow as pa
import python_calamine as calamine

from orchestration.errors import nearest
from orchestration.ingestion.contracts import NAMED_PERIOD_FORMATS, FeedContract
from orchestration.ingestion.derived_models import field_of
from orchestration.ingestion.header import clean_name, resolve
from orchestration.ingestion.physical import unpacked
from orchestration.ingestion.readers.record_set import REJECTS, FileColumn, RecordSet, identifier
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.sources import Delivery

MAX_UNPACKED_BYTES: Final = 2 * 1024 * 1024 * 1024
"""Of all parts of a workbook together. A full sheet of a million rows and ten columns takes half of it."""
MAX_PARTS: Final = 10_000
MAX_RATIO: Final = 250
"""Unpacked bytes per packed byte of one part, from `RATIO_APPLIES_FROM` on."""
RATIO_APPLIES_FROM: Final = 64 * 1024 * 1024
MAX_CELLS: Final = 60_000_000
"""Of the sheet's used area, which is held in memory."""

_BLOCK: Final = 4 * 1024 * 1024
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ROW: Final = re.compile(rb"<(?:\w+:)?row\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?row\s*>)", re.DOTALL)
_CELL: Final = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c\s*>)", re.DOTALL)
_ROW_END: Final = re.compile(rb"</(?:\w+:)?row\s*>")
_ADDRESS: Final = re.compile(rb"\br\s*=\s*[\"']([A-Z]{0,3})(\d*)[\"']")
_TYPE: Final = re.compile(rb"\bt\s*=\s*[\"'](\w+)[\"']")
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f\b[^>]*?(?:/>|>(.*?)</(?:\w+:)?f\s*>)", re.DOTALL)
_VALUE: Final = re.compile(rb"<(?:\w+:)?v\b[^>]*?>([^<]+)<")
_SPECIAL: Final = re.compile(rb"<(?:\w+:)?f\b|\bt\s*=\s*[\"']e[\"']")
_DAYS: Final = frozenset({"period", "occurred_on"})
_MOMENTS: Final = frozenset({"available_at", "occurred_at"})
_LIKE_NUMBER: Final = re.compile(r"[^#]*\d|.*\b(?:inf|nan)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class _Unusable:
    """A cell without a value that can be used.

    Attributes:
        shown: the error, or the formula, as Excel shows it.
        what: the same in words.
    """

    shown: str
    what: str


def read_xlsx(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, contract: FeedContract, work_dir: Path
) -> RecordSet:
    """Make the records of one sheet queryable; a record's number is its row in Excel. See `readers.read`."""
    path = _plain_path(delivery, work_dir)
    parts = _check_package(path, delivery.name)
    try:
        with calamine.CalamineWorkbook.from_path(str(path)) as workbook:
            name = _sheet(workbook, contract)
            sheet = workbook.get_sheet_by_name(name)
            return _read_sheet(connection, sheet, path, parts, contract)
    except calamine.PasswordError:
        raise Unreadable("unreadable_file", "the workbook is protected by a password") from None
    except (calamine.CalamineError, ElementTree.ParseError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise Unreadable("unreadable_file", f"no whole Excel workbook: {error}") from error


def _plain_path(delivery: Delivery, work_dir: Path) -> Path:
    suffix = PurePosixPath(delivery.name).suffix.lower()
    if suffix not in (".gz", ".zst"):
        return delivery.path
    path = work_dir / "workbook.xlsx"
    with unpacked(delivery.path, delivery.name) as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain, _BLOCK)
    return path


def _check_package(path: Path, name: str) -> dict[str, str]:
    """Refuse what is no plain workbook, and unpack every part once, counted, to see that it is whole.

    Returns:
        Sheet -> part of the package that holds it.
    """
    plain_name = PurePosixPath(name)
    suffix = (plain_name.with_suffix("") if plain_name.suffix.lower() in (".gz", ".zst") else plain_name).suffix
    if suffix.lower() in (".xlsm", ".xltm", ".xlam", ".xlsb", ".xls"):
        raise Unreadable("unreadable_file", f"a workbook of the kind {suffix}; do: save it as .xlsx, without macros")
    with path.open("rb") as handle:
        start = handle.read(8)
    if not start:
        raise Unreadable("empty_file", "the file holds no byte")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable("unreadable_file", "an old (.xls) or encrypted workbook; do: save it as .xlsx")
    try:
        with zipfile.ZipFile(path) as package:
            infos = package.infolist()
            if len(infos) > MAX_PARTS or sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
                limit = f"{MAX_PARTS} parts and {MAX_UNPACKED_BYTES >> 20} MiB"
                raise Unreadable("unreadable_file", f"the workbook unpacks to more than {limit}")
            if len({info.filename for info in infos}) < len(infos):
                raise Unreadable("unreadable_file", "a part of the workbook stands in it twice")
            for info in infos:
                _check_part(package, info)
            types = package.read("[Content_Types].xml")
            if b"macroEnabled" in types or any(info.filename.lower().endswith("vbaproject.bin") for info in infos):
                raise Unreadable("unreadable_file", "the workbook holds macros; do: save it as .xlsx, without macros")
            return _sheet_parts(package)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise Unreadable("unreadable_file", f"no whole Excel workbook: {error}") from error
    except ElementTree.ParseError as error:
        raise Unreadable("unreadable_file", f"the workbook's list of sheets is broken: {error}") from error


def _check_part(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    if info.file_size > max(RATIO_APPLIES_FROM, info.compress_size * MAX_RATIO):
        raise Unreadable(
            "unreadable_file", f"{info.filename} unpacks to more than {MAX_RATIO} times its size, as a bomb does"
        )
    is_first = True
    with package.open(info) as part:  # a size that lies ends in a wrong checksum
        while block := part.read(_BLOCK):
            if is_first and b"<!DOCTYPE" in block[:4096].replace(b"\0", b""):
                raise Unreadable("unreadable_file", f"{info.filename} declares a document type, which no workbook does")
            is_first = False


def _sheet_parts(package: zipfile.ZipFile) -> dict[str, str]:
    folder = PurePosixPath("xl")
    relations = ElementTree.fromstring(package.read("xl/_rels/workbook.xml.rels"))
    targets = {}
    for one in relations:
        target = one.get("Target", "")
        targets[one.get("Id")] = target.lstrip("/") if target.startswith("/") else (folder / target).as_posix()
    workbook = ElementTree.fromstring(package.read("xl/workbook.xml"))
    sheets = (node for node in workbook.iter() if node.tag.rpartition("}")[2] == "sheet")
    return {str(node.get("name")): targets.get(node.get(_RELATION), "") for node in sheets}


def _sheet(workbook: Any, contract: FeedContract) -> str:
    """Return the sheet that the contract names, or the only one that people see."""
    sheets = [entry for entry in workbook.sheets_metadata if entry.typ == calamine.SheetTypeEnum.WorkSheet]
    names = [str(entry.name) for entry in sheets]
    listed = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
    if contract.sheet is not None:
        found = [name for name in names if clean_name(name) == contract.sheet]
        if not found:
            close = nearest(contract.sheet, names)
            hint = f"; did the contract mean {close}?" if close else ""
            raise Unreadable("unreadable_file", f"no sheet {contract.sheet}; the workbook has {listed}{hint}")
        return found[0]
    visible = [str(entry.name) for entry in sheets if entry.visible == calamine.SheetVisibleEnum.Visible]
    if len(visible) != 1:
        raise Unreadable(
            "unreadable_file",
            f"the workbook shows {len(visible)} sheets ({listed}); do: name the one to read as `sheet` in feeds.yml",
        )
    return visible[0]


def _read_sheet(
    connection: duckdb.DuckDBPyConnection, sheet: Any, path: Path, parts: Mapping[str, str], contract: FeedContract
) -> RecordSet:
    header_row = contract.header_row or 1
    merged = [area for area in sheet.merged_cell_ranges or () if area[1][0] + 1 >= header_row]
    if merged:
        row, column = merged[0][0]
        raise Unreadable(
            "unreadable_file",
            f"merged cells from {_letters(column)}{row + 1} on; do: unmerge them, and fill in every row",
            line=row + 1,
        )
    if sheet.end is None or sheet.end[0] + 1 < header_row:
        raise Unreadable("empty_file", f"the sheet {sheet.name} has no row {header_row} to hold its columns' names")
    if (sheet.end[0] + 1) * (sheet.end[1] + 1) > MAX_CELLS:
        raise Unreadable("unreadable_file", f"the sheet spans more than {MAX_CELLS} cells")
    special = _unusable_cells(path, parts.get(sheet.name, ""))
    rows = sheet.to_python(skip_empty_area=False)
    for row, column in special:
        if row > len(rows):
            rows += [[""] * sheet.end[1] for _ in range(row - len(rows))]
        cells = rows[row - 1]
        cells += [""] * (column + 1 - len(cells))
        cells[column] = special[row, column]
    return _records(connection, rows, header_row, contract)


def _records(
    connection: duckdb.DuckDBPyConnection, rows: list[list[Any]], header_row: int, contract: FeedContract
) -> RecordSet:
    names = [clean_name(_text(cell)) for cell in rows[header_row - 1]]
    below = rows[header_row:]
    numbers = [number for number, row in enumerate(below, header_row + 1) if any(cell != "" for cell in row)]
    blank = len(below) - len(numbers)
    kept = [rows[number - 1] for number in numbers]
    while names and not names[-1] and all(len(row) < len(names) or row[len(names) - 1] == "" for row in kept):
        names.pop()
    wide = next((row for row in kept if any(cell != "" for cell in row[len(names) :])), None)
    if wide is not None:
        names += [""] * (len(wide) - len(names))
    kept_columns = [
        number
        for number, name in enumerate(names)
        if name or any(row[number : number + 1] not in ([], [""]) for row in kept)
    ]
    names = [names[number] for number in kept_columns]
    header = resolve(contract, names, line=header_row)
    # Of several fields that one column fills the first is the strictest.
    roles = {column: field_of(name) for name, column in reversed(header.fields.items())} | {
        column: "value" for column, _ in header.cells
    }
    rejects = _rejects(kept, numbers, [*zip(kept_columns, names, strict=True)], roles)
    if rejects:
        lines = {entry["line"] for entry in rejects}
        good = [index for index, number in enumerate(numbers) if number not in lines]
        kept, numbers = [kept[index] for index in good], [numbers[index] for index in good]
    arrays: list[pa.Array] = [pa.array(numbers, pa.int64())]
    columns = {}
    for index, (number, name) in enumerate(zip(kept_columns, names, strict=True)):
        cells = [row[number] if number < len(row) else "" for row in kept]
        array, kind = _column(cells, roles.get(name, ""), contract)
        arrays.append(array)
        columns[name] = FileColumn(f"c{index}", kind)
    table = pa.table(arrays, names=["record", *(f"c{index}" for index in range(len(names)))])
    connection.register("xlsx_arrow", table)
    connection.execute("create or replace temp table xlsx_records as select * from xlsx_arrow")
    connection.unregister("xlsx_arrow")
    return RecordSet(
        relation="xlsx_records",
        columns=columns,
        header=header,
        count=len(numbers),
        rejects=pa.Table.from_pylist(rejects, schema=REJECTS),
        texts=_texts_of(names),
        notes=(f"{blank} blank rows passed over",) if blank else (),
    )


def _rejects(
    rows: Sequence[list[Any]], numbers: Sequence[int], columns: Sequence[tuple[int, str]], roles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the rows in which a field that takes any text holds none that can be used."""
    as_text = ("kpi", "over", "unit", "obs_status", "recorded_by", "key_result", "event", "milestone", "event_type")
    checked = [(number, name) for number, name in columns if roles.get(name) in as_text]
    found = []
    for line, row in zip(numbers, rows, strict=True):
        for number, name in checked:
            cell = row[number] if number < len(row) else ""
            if isinstance(cell, _Unusable):
                raw = ", ".join(_text(entry) for entry in row)
                message = f"the cell of the column {name} holds {cell.what}"
                found.append({"line": line, "reason_code": "missing_value", "message": message, "raw_text": raw})
                break
    return found


def _column(cells: list[Any], role: str, contract: FeedContract) -> tuple[pa.Array, str]:
    """Return a column as Arrow, and its kind: of Excel's own type where all cells have it, else text."""
    kinds = set(map(type, cells)) - {str} if "" in cells else set(map(type, cells))
    texts = str in kinds or any(type(cell) is str and cell for cell in cells)
    if role == "value" and not texts and kinds and kinds <= {float, int}:
        return pa.array([None if cell == "" else cell for cell in cells], pa.float64()), "DOUBLE"
    if role == "value":
        return pa.array([_value_text(cell, contract) for cell in cells], pa.string()), "text"
    if role in _DAYS | _MOMENTS and kinds and kinds <= {date, datetime} and not texts:
        if role in _DAYS:
            days = [None if cell == "" else cell.date() if isinstance(cell, datetime) else cell for cell in cells]
            return pa.array(days, pa.date32()), "DATE"
        moments = [None if cell == "" else _moment(cell) for cell in cells]
        return pa.array(moments, pa.timestamp("us")), "TIMESTAMP"
    form = contract.date_format if role in _DAYS else contract.timestamp_format if role in _MOMENTS else None
    return pa.array([None if cell == "" else _text(cell, form) for cell in cells], pa.string()), "text"


def _moment(cell: date) -> datetime:
    return cell if isinstance(cell, datetime) else datetime.combine(cell, time())


def _value_text(cell: Any, contract: FeedContract) -> str | None:
    """Return a value's cell as text of which only numbers are read as numbers."""
    if cell == "":
        return None
    text = _text(cell)
    if isinstance(cell, str) and text.strip() not in contract.null_tokens and _LIKE_NUMBER.match(text):
        return f"'{text}"  # as Excel shows a number that is stored as text
    return text


def _text(cell: Any, form: str | None = None) -> str:
    """Return a cell as text; dates in the contract's format, so that a column may mix them with such texts."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, _Unusable):
        return cell.shown
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, date) and form in NAMED_PERIOD_FORMATS:
        year, week, _ = cell.isocalendar()
        return f"{year}-W{week:02}" if form == "iso_week" else f"{cell.year}-Q{(cell.month + 2) // 3}"
    if isinstance(cell, date):
        return cell.strftime(form) if form else cell.isoformat()
    return str(cell)


def _texts_of(names: Sequence[str]) -> Any:
    packed = ", ".join(f"{identifier(name or '(no name)')} := c{index}" for index, name in enumerate(names))

    def collect(connection: duckdb.DuckDBPyConnection, wanted: str) -> None:
        connection.execute(
            f"""
            create or replace temp table record_texts as
            select record, cast(to_json(struct_pack({packed})) as varchar) as raw_text
            from xlsx_records
            where record in (select record from ({wanted}))
            """
        )

    return collect


def _unusable_cells(path: Path, part: str) -> dict[tuple[int, int], _Unusable]:
    """Return errors and uncomputed formulas: (row from 1, column from 0) -> what stands there."""
    found: dict[tuple[int, int], _Unusable] = {}
    with zipfile.ZipFile(path) as package:
        row = 0
        for block in _row_blocks(package, part):
            if not _SPECIAL.search(block):
                row += len(_ROW_END.findall(block))  # right only while rows count up by one; stated numbers win
                continue
            for match in _ROW.finditer(block):
                stated = _ADDRESS.search(match[1])
                row = int(stated[2]) if stated and stated[2] else row + 1
                column = -1
                for cell in _CELL.finditer(match[2] or b""):
                    address = _ADDRESS.search(cell[1])
                    column = _number(address[1]) if address and address[1] else column + 1
                    unusable = _unusable(cell[1], cell[2] or b"")
                    if unusable:
                        found[row, column] = unusable
    return found


def _unusable(attributes: bytes, content: bytes) -> _Unusable | None:
    kind = _TYPE.search(attributes)
    value = _VALUE.search(content)
    if kind and kind[1] == b"e":
        shown = value[1].decode("utf-8", "replace") if value else "#ERROR"
        return _Unusable(shown, f"the error {shown}")
    formula = _FORMULA.search(content)
    if formula and value is None and not (kind and kind[1] == b"str"):
        shown = "=" + (formula[1] or b"").decode("utf-8", "replace")
        return _Unusable(shown, f"a formula that was never computed: {shown}")
    return None


def _row_blocks(package: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield a sheet's XML as blocks that end with a row."""
    rest = b""
    with package.open(part) as stream:
        while block := stream.read(_BLOCK):
            data = rest + block
            cut = max((match.end() for match in _ROW_END.finditer(data, max(0, len(data) - _BLOCK))), default=0)
            if cut:
                yield data[:cut]
            rest = data[cut:]
            if len(rest) > 16 * _BLOCK:
                raise Unreadable("unreadable_file", "a row of the sheet is longer than any row can be")
    if rest:
        yield rest


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _letters(column: int) -> str:
    text = ""
    number = column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text
