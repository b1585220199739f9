"""An Excel workbook as plain cells: every value with its row and column, nothing calculated, nothing guessed.

Accepted: .xlsx as Excel, LibreOffice, Google Sheets and openpyxl write it. Refused: macros, links to other files,
documents that define XML entities, archives that unpack to more than their limits, files that are damaged or locked
with a password. A formula counts by the result that was saved with it; one without a saved result, and an error such
as #N/A, come back as what they are, so that the reader of a column can refuse them where they matter.

The parser is expat, over the sheets as they stream out of the archive. openpyxl, which writes our workbooks, reads
either formulas or their results, never both, drops `x005F_` out of texts, and keeps merged cells only when it loads
everything: too little to tell a person which cell is wrong.
"""

from __future__ import annotations

import posixpath
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime, time
from math import isfinite
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from orchestration.errors import DefinitionError, DefinitionErrors

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""As for a YAML file. A workbook of 20,000 KPIs takes about 2 MiB."""
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
MAX_EXPANSION: Final = 200
"""Bytes out per byte in, beyond `FREE_BYTES`. Honest sheets of repeated text reach 40; a zip bomb 1,000."""
FREE_BYTES: Final = 16 * 1024 * 1024
MAX_PARTS: Final = 10_000
MAX_CELLS: Final = 3_000_000
"""Filled cells of one workbook: three times what 20,000 KPIs with owners, inputs and links need."""
LAST_ROW: Final = 1_048_576
LAST_COLUMN: Final = 16_384
_CHUNK: Final = 64 * 1024

_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,30}")


@dataclass(frozen=True)
class ErrorValue:
    """A cell that shows an error, such as #N/A."""

    code: str


@dataclass(frozen=True)
class NoResult:
    """A formula that was saved without its result."""


@dataclass(frozen=True)
class Damaged:
    """A cell whose content is not of the type that it states."""

    text: str


Value = str | int | float | bool | datetime | date | time | ErrorValue | NoResult | Damaged
"""What a filled cell holds. Dates are those of cells formatted as dates; a number is an int when written as one."""


@dataclass(frozen=True)
class Cells:
    """One sheet.

    Attributes:
        name: as its tab shows it.
        rows: (row, {column: value}) of every row with a filled cell; rows and columns count from 1.
        merged: merged ranges, as (first row, first column, last row, last column).
    """

    name: str
    rows: list[tuple[int, dict[int, Value]]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


def read_xlsx(path: Path, root: Path, file: str, only: Collection[str] | None = None) -> list[Cells]:
    """Read the cells of a workbook.

    Args:
        path: the workbook.
        root: the directory that it must not leave, also not through a symbolic link.
        file: how errors name it.
        only: names of sheets to read; None reads all.

    Returns:
        The sheets, in the order of their tabs; cells that are empty or hold only blanks are left out.

    Raises:
        DefinitionErrors: the workbook is refused as a whole.
    """
    _check_file(path, root, file)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path.stat().st_size, file)
            return _Package(archive, file).sheets(only)
    except _RefusedError as error:
        raise _refusal(file, str(error), error.remedy) from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
        LookupError,
        ValueError,
        OverflowError,
    ) as error:
        # An archive that was changed at random can fail in any of these ways.
        message = "the workbook cannot be read: it is damaged, or no .xlsx file"
        raise _refusal(file, message, "open it in Excel and save it as .xlsx again") from error


def column_letters(column: int) -> str:
    """Return the letters of a column that counts from 1: 28 is AB."""
    letters = ""
    while column:
        column, place = divmod(column - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


class _RefusedError(Exception):
    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def _refusal(file: str, message: str, remedy: str) -> DefinitionErrors:
    return DefinitionErrors([DefinitionError(message, file=file, remedy=remedy)])


def _check_file(path: Path, root: Path, file: str) -> None:
    if path.suffix.lower() == ".xlsm":
        raise _refusal(file, "a workbook with macros is not read", "save it as .xlsx")
    if path.suffix.lower() != ".xlsx":
        raise _refusal(file, f"a file of the kind {path.suffix or '(none)'} is not read", "save it as .xlsx")
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise _refusal(file, "the file lies outside its directory", "replace the link by the file itself")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(file, "not an ordinary file", "replace it by one")
        with path.open("rb") as stream:
            magic = stream.read(8)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refusal(file, f"the file cannot be read: {reason}", "make it readable") from error
    if not status.st_size:
        raise _refusal(file, "the file is empty", "fill it, or delete it")
    if status.st_size > MAX_FILE_BYTES:
        message = f"the file is too large: {status.st_size} bytes, at most {MAX_FILE_BYTES}"
        raise _refusal(file, message, "split it: move sheets into YAML files")
    if magic == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        message = "the workbook is locked with a password, or of the old .xls format"
        raise _refusal(file, message, "save it as .xlsx without a password")


def _check_archive(archive: zipfile.ZipFile, packed: int, file: str) -> None:
    parts = archive.infolist()
    # zipfile unpacks no more of a part than the part states here, so these sums cannot lie.
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MAX_PARTS:
        raise _refusal(file, f"the workbook has {len(parts)} parts, at most {MAX_PARTS}", "save it again in Excel")
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(FREE_BYTES, packed * MAX_EXPANSION):
        message = f"the workbook unpacks from {packed} to {unpacked} bytes, more than is read"
        raise _refusal(
            file, message, "remove formats and rows that hold nothing; split it: move sheets into YAML files"
        )
    names = [part.filename.lower() for part in parts]
    if any(name.endswith("vbaproject.bin") for name in names):
        raise _refusal(file, "the workbook holds macros", "save it as .xlsx, without macros")
    if any("/externallinks/" in name for name in names):
        message = "the workbook draws values from other files"
        raise _refusal(file, message, "break the links (Data, Edit Links) and save it again")


class _Package:
    """The parts of a workbook and how they refer to each other."""

    def __init__(self, archive: zipfile.ZipFile, file: str) -> None:
        self.archive = archive
        self.file = file
        self.filled = 0

    def sheets(self, only: Collection[str] | None) -> list[Cells]:
        main = next((target for kind, target in self._relations("").values() if kind == "officeDocument"), None)
        if main is None:
            raise _RefusedError("the file is no Excel workbook", "save it as .xlsx")
        relations = self._relations(main)
        by_kind = dict(relations.values())
        names: list[tuple[str, str]] = []
        from_1904 = False

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal from_1904
            if tag == "sheet":
                names.append((attributes["name"], attributes["id"]))
            elif tag == "workbookPr":
                from_1904 = attributes.get("date1904", "0") in ("1", "true")

        self._parse(main, start)
        wanted = [
            (name, relations[key][1])
            for name, key in names
            if relations[key][0] == "worksheet" and (only is None or name in only)
        ]
        strings = self._strings(by_kind["sharedStrings"]) if "sharedStrings" in by_kind else []
        dates = self._date_styles(by_kind["styles"]) if "styles" in by_kind else frozenset()
        return [self._sheet(name, part, strings, dates, from_1904) for name, part in wanted]

    def _sheet(self, name: str, part: str, strings: list[str], dates: frozenset[int], from_1904: bool) -> Cells:
        parser = _SheetParser(Cells(name), strings, dates, from_1904, MAX_CELLS - self.filled)
        self._parse(part, parser.start, parser.end, parser.text)
        self.filled += parser.filled
        return parser.cells

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return id -> (last word of the type, name of the part) of what a part refers to."""
        folder, name = posixpath.split(part)
        relations: dict[str, tuple[str, str]] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes["Target"]
                target = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
                relations[attributes["Id"]] = attributes["Type"].rsplit("/", 1)[-1], target

        self._parse(posixpath.join(folder, "_rels", f"{name}.rels"), start)
        return relations

    def _strings(self, part: str) -> list[str]:
        """Return the shared strings; phonetic readings are no part of a text."""
        strings: list[str] = []
        pieces: list[str] = []
        is_text, phonetic = False, 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal is_text, phonetic
            if tag == "si":
                pieces.clear()
            phonetic += tag == "rPh"
            is_text = tag == "t" and not phonetic

        def end(tag: str) -> None:
            nonlocal is_text, phonetic
            is_text = False
            phonetic -= tag == "rPh"
            if tag == "si":
                strings.append(_unescaped("".join(pieces)))

        self._parse(part, start, end, lambda text: pieces.append(text) if is_text else None)
        return strings

    def _date_styles(self, part: str) -> frozenset[int]:
        """Return the numbers of the cell styles that show a number as a date or time."""
        from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

        formats: dict[int, str] = dict(BUILTIN_FORMATS)
        used: list[int] = []
        inside = False

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            if tag == "numFmt":
                formats[int(attributes["numFmtId"])] = attributes["formatCode"]
            elif tag == "cellXfs":
                inside = True
            elif tag == "xf" and inside:
                used.append(int(attributes.get("numFmtId", "0")))

        def end(tag: str) -> None:
            nonlocal inside
            inside = inside and tag != "cellXfs"

        self._parse(part, start, end)
        is_date = {number: is_date_format(formats.get(number)) for number in set(used)}
        return frozenset(style for style, number in enumerate(used) if is_date[number])

    def _parse(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], Any],
        end: Callable[[str], Any] | None = None,
        text: Callable[[str], Any] | None = None,
    ) -> None:
        """Run the handlers over one part; they get names without their namespace."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        local: dict[str, str] = {}

        def short(name: str) -> str:
            found = local.get(name)
            if found is None:
                found = local[name] = name.rsplit(" ", 1)[-1]
            return found

        def refuse_entities(*_: Any) -> None:
            raise _RefusedError("the workbook defines XML entities", "open it in Excel and save it again")

        parser.StartDoctypeDeclHandler = refuse_entities
        parser.StartElementHandler = lambda name, attributes: start(
            short(name), {short(key): value for key, value in attributes.items()}
        )
        if end is not None:
            closing = end
            parser.EndElementHandler = lambda name: closing(short(name))
        if text is not None:
            parser.CharacterDataHandler = text
        with self.archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)


class _SheetParser:
    """Handlers for one sheet's XML."""

    def __init__(self, cells: Cells, strings: list[str], dates: frozenset[int], from_1904: bool, room: int) -> None:
        self.cells = cells
        self.filled = 0
        self._strings, self._dates, self._from_1904, self._room = strings, dates, from_1904, room
        self._row, self._column = 0, 0
        self._values: dict[int, Value] = {}
        self._kind, self._style = "n", 0
        self._has_formula, self._phonetic, self._takes = False, 0, False
        self._pieces: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self._start_cell(attributes)
        elif tag == "v":
            self._takes = True
        elif tag == "t":
            self._takes = self._kind == "inlineStr" and not self._phonetic
        elif tag == "f":
            self._has_formula = True
        elif tag == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column, self._values = 0, {}
            if not 1 <= self._row <= LAST_ROW:
                raise ValueError(f"row {self._row}")
        elif tag == "rPh":
            self._phonetic += 1
        elif tag == "mergeCell":
            self.cells.merged.append(_range(attributes["ref"]))

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        if reference is None:
            self._column += 1
        else:
            row, self._column = _place(reference)
            if row != self._row:
                raise ValueError(f"cell {reference} in row {self._row}")
        if self._column > LAST_COLUMN:
            raise ValueError(f"column {self._column}")
        self._kind, self._style = attributes.get("t", "n"), int(attributes.get("s", "0"))
        self._has_formula, self._phonetic, self._takes = False, 0, False
        self._pieces.clear()

    def text(self, text: str) -> None:
        if self._takes:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self._takes = False
        elif tag == "rPh":
            self._phonetic -= 1
        elif tag == "c":
            value = self._value()
            if value is not None:
                self._values[self._column] = value
                self.filled += 1
                if self.filled > self._room:
                    message = f"the workbook has more than {MAX_CELLS} filled cells"
                    raise _RefusedError(message, "split it: move sheets into YAML files")
        elif tag == "row" and self._values:
            self.cells.rows.append((self._row, self._values))

    def _value(self) -> Value | None:
        text = "".join(self._pieces)
        kind = self._kind
        if kind in ("str", "inlineStr", "s"):
            text = self._strings[int(text)] if kind == "s" and text else _unescaped(text)
            return text if text.strip() else None
        if not text:
            return NoResult() if self._has_formula else None
        if kind == "n":
            return self._number(text)
        if kind == "b":
            return text == "1" or text == "true"
        if kind == "e":
            return ErrorValue(text)
        if kind == "d":
            return datetime.fromisoformat(text) if _is_moment(text) else Damaged(text)
        return Damaged(text)

    def _number(self, text: str) -> Value:
        if _WHOLE.fullmatch(text):
            number: int | float = int(text) or float(text)  # -0 is a number of its own
        else:
            try:
                number = float(text)
            except ValueError:
                return Damaged(text)
            if not isfinite(number):
                return Damaged(text)
        return _moment(number, self._from_1904) if self._style in self._dates else number


def _moment(number: float, from_1904: bool) -> Value:
    from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

    try:
        moment: Value = from_excel(number, MAC_EPOCH if from_1904 else WINDOWS_EPOCH)
    except (ValueError, OverflowError):
        return Damaged(str(number))
    return moment


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _unescaped(text: str) -> str:
    """Return a text with `_x0041_` read as the character of that code, as Excel writes what XML cannot hold."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def _place(reference: str) -> tuple[int, int]:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"cell {reference}")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]), column


def _range(reference: str) -> tuple[int, int, int, int]:
    first, _, last = reference.partition(":")
    return (*_place(first), *_place(last or first))


def range_name(area: tuple[int, int, int, int]) -> str:
    """Return a range as people write it: A1:B2."""
    top, left, bottom, right = area
    return f"{column_letters(left)}{top}:{column_letters(right)}{bottom}"
