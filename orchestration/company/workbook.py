"""The company as one Excel workbook: read it, write it, turn it into YAML files, make an empty one to fill.

A workbook and a directory of YAML files say the same: from one to the other and back, every record stays what it was.
Text that looks like a formula is written as text, never as a formula.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from orchestration.company.files import GOVERNANCE
from orchestration.company.loader import Company, load_company
from orchestration.company.sheets import (
    CYCLE_ID,
    NOTES_SHEET,
    PARENT_ID,
    PARENT_VERSION,
    Column,
    Sheet,
    children,
    sheets,
)
from orchestration.company.xlsx_reader import LAST_ROW, column_letters
from orchestration.company.yaml_writer import Record, stated, write_company_files
from orchestration.errors import DefinitionError, DefinitionErrors

_LONGEST_CELL: Final = 32_767
"""Characters that a cell holds, counted as Excel does, in units of UTF-16."""
_LONG_TEXTS: Final = ("description", "formula", "statement", "reason", "text", "title", "comment", "next_action")
# An underscore that would read as the escape _x0041_, and what XML cannot hold.
_TO_ESCAPE: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)|[\ufffe\uffff]")
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "'")
_NOTES: Final = (
    "Each sheet is a table of definitions; the point on a header says what the column holds.",
    "The first row names the columns: leave it as it is. Dark columns are filled in every row.",
    "Columns and whole sheets that you do not need may be deleted; rows without a value are passed over.",
    "Ids are yours to choose. Where a column names the id of something else, the list shows what there is.",
    "A row of kpi_owners, key_result_links and the like belongs to the record whose id it names first.",
    "Numbers are numbers, days are dates; a percentage counts as a share: 80 % is 0.8.",
    "Cells are not merged, and formulas count by the result that was saved with them.",
    "An id may stand several times, each time with another effective_from: the day from which that row holds.",
    "The rows that belong to such a record then name its day too, in the last column.",
    "Feeds are described in feeds.yml, not here.",
    "Check it with `los check`. This sheet is never read: write here what you like.",
)


def read_workbook(path: Path) -> Company:
    """Read a workbook that holds a whole company.

    Args:
        path: the workbook.

    Returns:
        The company, as `load_company` returns it; its records name the workbook and the row of their sheet.

    Raises:
        DefinitionErrors: every error of form, as file:row: [sheet!column].
    """
    if not path.is_file():
        raise DefinitionErrors([DefinitionError("the workbook is missing", file=path, remedy="correct the path")])
    return load_company(path)


def write_workbook(source: Company | Path, path: Path) -> Path:
    """Write a company as a workbook, feeds excepted.

    Args:
        source: the company, or its directory.
        path: where to; a file that is there is replaced.

    Returns:
        The path.

    Raises:
        DefinitionErrors: the directory has an error of form, or a text is too long for a cell.
    """
    company = source if isinstance(source, Company) else load_company(source)
    rows: dict[str, list[Record]] = {name: [] for name in sheets()}
    for name, keys, record in _records(company):
        _add(rows, sheets()[name], keys, record)
    return _write(rows, path)


def write_template(path: Path) -> Path:
    """Write an empty workbook to fill: headers with comments, lists of choices, the formats that columns need.

    Args:
        path: where to; a file that is there is replaced.

    Returns:
        The path.
    """
    return _write({name: [] for name in sheets()}, path)


def workbook_to_yaml(path: Path, directory: Path) -> list[Path]:
    """Write the definitions of a workbook as YAML files.

    Args:
        path: the workbook.
        directory: the company directory to write; none of the files may be there already.

    Returns:
        The files written.

    Raises:
        DefinitionErrors: the workbook has an error of form, or a file cannot be written as said above.
    """
    return write_company_files(read_workbook(path), directory)


def _records(company: Company) -> Iterator[tuple[str, Record, Record]]:
    """Yield sheet, values of the key columns, and fields of every record at the top."""
    yield "company", {}, stated(company.profile)
    for name in ("units", "people", "cycles", "kpis"):
        yield from ((name, {}, stated(record)) for record in getattr(company, name))
    for cycle_id, objective in company.objectives:
        yield "objectives", {CYCLE_ID: cycle_id}, stated(objective)
    for name in GOVERNANCE:
        yield from ((name, {}, stated(record)) for record in getattr(company, name))


def _add(rows: dict[str, list[Record]], sheet: Sheet, keys: Record, record: Record) -> None:
    """Add a record and, to their sheets, the records below it."""
    row = {column.name: _at(record, column.path) for column in sheet.columns if column.path}
    rows[sheet.name].append(row | keys)
    below: Record = {}
    if sheet.name in PARENT_ID:
        since = record.get("effective_from")
        below = {PARENT_ID[sheet.name]: record["id"], PARENT_VERSION[sheet.name]: since}
    for child in children(sheet.name):
        for inner in record.get(child.field, ()):
            _add(rows, child, below, inner)


def _at(record: Record, path: tuple[str, ...]) -> Any:
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return ", ".join(value) if isinstance(value, list) else value


def _write(rows: dict[str, list[Record]], path: Path) -> Path:
    """Write all sheets, those without rows too, so that people can go on from here."""
    from openpyxl import Workbook

    _check_size(rows)
    workbook = Workbook(write_only=True)
    _write_notes(workbook)
    for name, sheet in sheets().items():
        _write_sheet(workbook, sheet, rows[name])
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and moved there: whoever opens the old one never sees half of the new.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".xlsx")
    os.close(handle)
    try:
        workbook.save(draft)
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return path


def _write_notes(workbook: Any) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.worksheet.properties import PageSetupProperties

    notes = workbook.create_sheet(NOTES_SHEET)
    notes.column_dimensions["A"].width = 26
    notes.column_dimensions["B"].width = 110
    title = WriteOnlyCell(notes, "The company, as definitions")
    title.font = Font(name="Calibri", bold=True, size=14)
    notes.page_setup.orientation = "landscape"
    notes.page_setup.fitToHeight = 0
    notes.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    notes.append([title])
    for line in _NOTES:
        notes.append(["", line])
    notes.append([])
    for sheet in sheets().values():
        name = WriteOnlyCell(notes, sheet.name)
        name.font = Font(name="Calibri", bold=True)
        name.hyperlink = f"#{sheet.name}!A1"
        notes.append([name, (sheet.model.__doc__ or "").split("\n")[0]])


def _write_sheet(workbook: Any, sheet: Sheet, rows: list[Record]) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.worksheet.properties import PageSetupProperties

    page = workbook.create_sheet(sheet.name)
    names = [column.name for column in sheet.columns]
    frozen = names.index("id") + 1 if "id" in names else 1
    page.freeze_panes = f"{column_letters(frozen + 1)}2"
    page.print_title_rows = "1:1"
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    for number, column in enumerate(sheet.columns, start=1):
        dimension = page.column_dimensions[column_letters(number)]
        dimension.width = _width(column)
        # For the cells that people will fill: Excel shall not make a date of the id 2013-01.
        dimension.number_format = _number_format(column)
    header = []
    for column in sheet.columns:
        cell = WriteOnlyCell(page, column.name)
        cell.font = Font(name="Calibri", bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="1F3A5F" if column.required else "6B7F99")
        cell.alignment = Alignment(vertical="center")
        cell.comment = Comment(_explanation(column), "Line of Sight", width=300, height=120)
        header.append(cell)
    page.append(header)
    for row in rows:
        page.append([_cell(page, row.get(column.name)) for column in sheet.columns])
    last = column_letters(len(sheet.columns))
    page.auto_filter.ref = f"A1:{last}{max(len(rows) + 1, 2)}"
    for number, column in enumerate(sheet.columns, start=1):
        _add_validation(page, sheet, column, column_letters(number))


def _check_size(rows: dict[str, list[Record]]) -> None:
    """Refuse what no workbook can hold, before anything is written."""
    errors = [
        DefinitionError("more rows than a sheet holds", column=name)
        for name, of_sheet in rows.items()
        if len(of_sheet) >= LAST_ROW
    ]
    for name, of_sheet in rows.items():
        for row in of_sheet:
            for column, value in row.items():
                if isinstance(value, str) and len(_cell_text(value).encode("utf-16-le")) // 2 > _LONGEST_CELL:
                    message = f"a text of {len(value)} characters is too long for a cell"
                    remedy = "shorten it, or keep it in YAML"
                    subject = row.get("id")
                    errors.append(DefinitionError(message, column=f"{name}!{column}", subject=subject, remedy=remedy))
    if errors:
        raise DefinitionErrors(errors)


def _cell_text(text: str) -> str:
    """Return a text as a cell holds it, so that reading gives it back."""
    return _TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def _cell(page: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    if value is None:
        return None
    if isinstance(value, str):
        cell = WriteOnlyCell(page, _cell_text(value))
        cell.data_type = "s"  # also of what looks like a formula or an error
        cell.number_format = "@"
        if value.startswith(_FORMULA_SIGNS):
            cell.quotePrefix = True  # as typed with ' before it: stays text when somebody edits the cell
        return cell
    if isinstance(value, date):
        return WriteOnlyCell(page, value)
    cell = WriteOnlyCell(page, value)
    if float(f"{value:.16g}") != value:
        # openpyxl writes 16 digits; a few doubles need 17 to come back as they were.
        cell = WriteOnlyCell(page, repr(value))
        cell.data_type = "n"
    return cell


def _number_format(column: Column) -> str:
    return {"text": "@", "words": "@", "day": "yyyy-mm-dd"}.get(column.kind, "General")


def _width(column: Column) -> int:
    if column.path and column.path[-1] in _LONG_TEXTS:
        return 48
    longest = max((len(choice) for choice in column.choices), default=0) if column.kind != "words" else 20
    usual = 13 if column.kind in ("day", "number", "whole") else 22
    return max(len(column.name) + 4, longest + 4, usual if not column.choices else 0)


def _explanation(column: Column) -> str:
    lines = [column.description, "Fill it in every row." if column.required else ""]
    if column.choices:
        word = "Any of, with commas between" if column.kind == "words" else "One of"
        lines.append(f"{word}: {', '.join(column.choices)}.")
    if column.default is not None:
        lines.append(f"Empty means {column.default}.")
    if column.refers_to:
        lines.append(f"An id of the sheet {column.refers_to}.")
    if column.kind == "day":
        lines.append("A date, or text written YYYY-MM-DD.")
    return "\n".join(line for line in lines if line)


def _add_validation(page: Any, sheet: Sheet, column: Column, letters: str) -> None:
    """Let Excel offer what a cell may hold, and refuse what it cannot."""
    from openpyxl.worksheet.datavalidation import DataValidation

    expected = _explanation(column)[:255]
    if column.choices and column.kind != "words":
        rule = DataValidation(type="list", formula1=f'"{",".join(column.choices)}"', errorStyle="stop")
    elif column.refers_to:
        target = sheets()[column.refers_to]
        place = column_letters([one.name for one in target.columns].index("id") + 1)
        rows = f"MAX(1,COUNTA({target.name}!${place}:${place})-1)"
        rule = DataValidation(type="list", formula1=f"OFFSET({target.name}!${place}$2,0,0,{rows},1)")
        rule.errorStyle = "warning"  # the id may stand in a YAML file, or be about to be added
    elif column.kind in ("number", "whole"):
        kind = "whole" if column.kind == "whole" else "decimal"
        rule = DataValidation(type=kind, operator="between", formula1="-1E+300", formula2="1E+300", errorStyle="stop")
    elif column.kind == "day":
        rule = DataValidation(type="date", operator="greaterThanOrEqual", formula1="1", errorStyle="warning")
    else:
        return
    rule.allow_blank = True
    rule.showErrorMessage = True
    rule.errorTitle, rule.error = column.name[:32], expected
    rule.add(f"{letters}2:{letters}{LAST_ROW}")
    page.data_validations.append(rule)
