"""How tests make workbooks and spoil them."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from orchestration.company.workbook import read_workbook
from orchestration.errors import DefinitionError, DefinitionErrors


def edit_workbook(path: Path, **cells) -> None:
    """Set cells by `sheet__A1=value`; a value that is a function is called with the cell."""
    workbook = openpyxl.load_workbook(path)
    for place, value in cells.items():
        sheet, _, reference = place.rpartition("__")
        cell = workbook[sheet][reference]
        if callable(value):
            value(cell)
        else:
            cell.value = value
    workbook.save(path)


def change_workbook(path: Path, change: Callable[[openpyxl.Workbook], None]) -> None:
    workbook = openpyxl.load_workbook(path)
    change(workbook)
    workbook.save(path)


def column(path: Path, sheet: str, name: str) -> str:
    """Return the letters of a column by its header."""
    workbook = openpyxl.load_workbook(path)
    return next(cell.column_letter for cell in workbook[sheet][1] if cell.value == name)


def rewrite_part(path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of one part of the archive."""
    copy = path.with_suffix(".copy")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    shutil.move(copy, path)


def sheet_part(path: Path, sheet: str) -> str:
    workbook = openpyxl.load_workbook(path)
    return f"xl/worksheets/sheet{workbook.sheetnames.index(sheet) + 1}.xml"


def errors_in(path: Path) -> list[DefinitionError]:
    with pytest.raises(DefinitionErrors) as caught:
        read_workbook(path)
    return caught.value.errors


def only_error_in(path: Path) -> DefinitionError:
    errors = errors_in(path)
    assert len(errors) == 1, "\n".join(map(str, errors))
    return errors[0]
