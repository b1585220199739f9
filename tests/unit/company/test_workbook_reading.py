from __future__ import annotations

import datetime as dt
import os
import re
import time
import zipfile

import openpyxl
import pytest

from orchestration.company import xlsx_reader
from orchestration.company.loader import load_company, read_profile
from orchestration.company.workbook import read_workbook, write_workbook
from orchestration.errors import DefinitionErrors
from tests.unit.company.company_files import only_error, put
from tests.unit.company.workbooks import (
    change_workbook,
    column,
    edit_workbook,
    errors_in,
    only_error_in,
    rewrite_part,
    sheet_part,
)


@pytest.fixture
def book(company_dir, tmp_path):
    """The small company as a workbook."""
    return write_workbook(company_dir, tmp_path / "book.xlsx")


def spoil(book, place: str, value) -> None:
    """Set the cell below a header: `kpis!direction:2`."""
    sheet, rest = place.split("!")
    name, row = rest.split(":")
    edit_workbook(book, **{f"{sheet}__{column(book, sheet, name)}{row}": value})


def test_workbook_gives_the_models_and_records_of_the_yaml_files(company_dir, book):
    yaml, sheets = load_company(company_dir), read_workbook(book)
    assert sheets.content_hash == yaml.content_hash
    assert (sheets.profile, sheets.units, sheets.people) == (yaml.profile, yaml.units, yaml.people)
    assert (sheets.cycles, sheets.kpis, sheets.objectives) == (yaml.cycles, yaml.kpis, yaml.objectives)


def test_record_names_workbook_and_row(book):
    (kpi,) = (one for one in read_workbook(book).records if one.table == "kpis")
    assert (kpi.source_file, kpi.source_row) == ("book.xlsx", 2)
    assert [kpi.child_line("kpi_owners", position) for position in (0, 1)] == [2, 3]


def as_number(digits: str):
    """Let a cell hold these digits, in no format."""

    def write(cell):
        cell.value, cell.number_format = digits, "General"
        cell.data_type = "n"

    return write


# What is put into a cell, and words of the only error, which must name its sheet, column and row.
PLANTED = [
    ("kpis!direction:2", "incraese", ["expected increase, decrease or band", "write increase"]),
    ("kpis!unit:2", None, ["missing field `unit`"]),
    ("kpis!valid_range.min:2", 2, ["lies before"]),
    ("kpis!valid_range.max:2", "1", ["a number kept as text", "found the text '1'", "Convert to Number"]),
    ("kpis!valid_range.max:2", "80%", ["write the share as a number: 0.8"]),
    ("kpis!valid_range.max:2", "high", ["expected a number", "found the text 'high'"]),
    ("kpis!valid_range.max:2", True, ["expected a number", "found true"]),
    ("kpis!valid_range.max:2", as_number("9007199254740993"), ["a number beyond 2^53"]),
    ("kpis!valid_range.max:2", as_number("1e999"), ["the cell is damaged"]),
    ("kpis!valid_range.max:2", as_number("NaN"), ["the cell is damaged", "NaN"]),
    (
        "kpis!valid_range.max:2",
        dt.date(2013, 1, 1),
        ["a date where a number should stand", "found the date 2013-01-01"],
    ),
    ("kpis!valid_range.max:2", "#N/A", ["the cell shows an error", "found #N/A"]),
    ("kpis!valid_range.max:2", "=1+1", ["a formula that was saved without its result"]),
    ("kpis!id:2", 2013, ["expected text", "found the number 2013", "format the cell as Text"]),
    ("kpis!name:2", dt.date(2013, 1, 1), ["a date where text should stand", "Excel took it for a date"]),
    ("kpis!cost.currency:2", "EUR", ["missing field `amount`"]),
    ("cycles!ends_on:2", as_number("45658"), ["a number where a day should stand", "it would be 2025-01-01"]),
    ("cycles!ends_on:2", dt.datetime(2013, 3, 31, 12), ["a day with a time of day"]),
    ("cycles!ends_on:2", "31/03/2013", ["YYYY-MM-DD", "31/03/2013"]),
    ("cycles!ends_on:2", "2013-02-30", ["no calendar has"]),
    ("cycles!ends_on:2", dt.date(2012, 1, 1), ["lies before starts_on"]),
    ("company!fiscal_year_starts_month:2", 1.5, ["expected a whole number", "found the number 1.5"]),
    ("company!fiscal_year_starts_month:2", 13, ["less than or equal to 12"]),
    ("company!working_days:2", "mon, thr", ["write thu"]),
    ("company!time_zone:2", "America/NewYork", ["write America/New_York"]),
    ("kpi_owners!kpi_id:3", "on_tme_share", ["the sheet kpis has no such id", "write on_time_share"]),
    ("kpi_owners!kpi_id:3", None, ["an empty cell", "an id of the sheet kpis"]),
    ("kpi_owners!kpi_effective_from:3", dt.date(2013, 2, 1), ["no version of on_time_share", "2013-02-01", "(none)"]),
    ("key_results!objective_id:2", "o_punctal", ["the sheet objectives has no such id", "write o_punctual"]),
    ("key_result_links!type:2", "measure", ["write measures"]),
    ("objectives!cycle_id:2", None, ["an empty cell", "the id of a cycle"]),
    ("objectives!cycle_id:2", "(unknown)", ["begins with ("]),
    ("units!parent:3", None, ["several units have no parent", "line 2", "line 3"]),
]
ELSEWHERE = {
    "kpis!valid_range.min:2": "kpis!valid_range.max",
    "kpis!cost.currency:2": "kpis!cost.amount",
    "company!working_days:2": "company!working_days.1",
}


@pytest.mark.parametrize(("place", "value", "words"), PLANTED, ids=lambda value: str(value)[:40])
def test_error_names_row_sheet_and_column(book, place, value, words):
    spoil(book, place, value)
    errors = [error for error in errors_in(book) if error.column != "key_results"]
    wanted, row = place.split(":")
    error = errors[0]
    assert (error.file, error.line, error.column) == ("book.xlsx", int(row), ELSEWHERE.get(place, wanted))
    assert all(word in str(error) for word in words), str(error)
    assert len(errors) == 1, "\n".join(map(str, errors))


def test_error_reads_well(book):
    spoil(book, "kpis!direction:2", "incraese")
    assert str(only_error_in(book)) == (
        "book.xlsx:2: [kpis!direction] not one of the values allowed; expected increase, decrease or band; "
        "found 'incraese'; do: write increase"
    )


def test_every_error_of_every_sheet_is_told_at_once(book):
    spoil(book, "kpis!direction:2", "up")
    spoil(book, "cycles!ends_on:2", as_number("45658"))
    spoil(book, "people!name:2", 7)
    spoil(book, "key_result_links!kpi:2", "#REF!")
    columns = [error.column for error in errors_in(book)]
    assert columns == ["cycles!ends_on", "key_result_links!kpi", "kpis!direction", "people!name"]


@pytest.mark.parametrize(
    ("cell", "title", "words"),
    [
        ("kpis__H1", "drection", ["unknown column 'drection'", "write direction"]),
        ("kpis__F1", "Org Unit", ["unknown column 'Org Unit'", "write org_unit"]),
        ("kpis__AD1", "zzz", ["unknown column 'zzz'", "notes"]),
        ("kpis__C1", "id", ["the column stands twice", "columns A and C"]),
        ("kpis__A1", 7, ["unknown column 7"]),
    ],
)
def test_header_that_is_not_right_is_an_error_on_row_1(book, cell, title, words):
    edit_workbook(book, **{cell: title})
    errors = errors_in(book)
    assert {error.line for error in errors} == {1}
    error = errors[0]
    assert all(word in str(error) for word in words), str(error)


def test_missing_required_column_is_one_error_whatever_the_rows(book):
    letters = column(book, "kpi_owners", "role")
    index = openpyxl.utils.column_index_from_string(letters)
    change_workbook(book, lambda workbook: workbook["kpi_owners"].delete_cols(index))
    error = only_error_in(book)
    assert (error.line, error.column, error.message) == (1, "kpi_owners!role", "missing column role")


def test_columns_may_stand_in_any_order_and_optional_ones_be_left_out(book, company_dir):
    def reverse(workbook):
        for page in workbook:
            if page.title != "notes":
                rows = [[cell.value for cell in row][::-1] for row in page.iter_rows()]
                kept = [place for place in range(len(rows[0])) if any(row[place] is not None for row in rows[1:])]
                page.delete_rows(1, page.max_row)
                for row in rows:
                    page.append([row[place] for place in kept])

    change_workbook(book, reverse)
    assert read_workbook(book).content_hash == load_company(company_dir).content_hash


def test_value_in_a_column_without_a_name_is_an_error(book):
    edit_workbook(book, units__Z3="what is this")
    error = only_error_in(book)
    assert (error.line, error.column) == (3, "units!Z")
    assert "without a name" in error.message


def test_header_in_the_second_row_is_an_error(book):
    change_workbook(book, lambda workbook: workbook["people"].insert_rows(1))
    assert "the first row is empty" in str(only_error_in(book))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("KPI", "rename it to kpis"), ("kpi_owner", "rename it to kpi_owners"), ("Budget 2013", "delete it")],
)
def test_unknown_sheet_is_an_error_with_the_nearest_name(book, name, remedy):
    change_workbook(book, lambda workbook: workbook.create_sheet(name).append(["x"]))
    error = only_error_in(book)
    assert f"nothing reads the sheet '{name}'" in str(error)
    assert remedy in str(error)


def test_empty_sheets_blank_rows_and_notes_are_passed_over(book, company_dir):
    def fill(workbook):
        workbook.create_sheet("Sheet1")
        workbook["notes"]["A1"] = "=1/0"
        workbook["notes"].merge_cells("A1:B2")
        page = workbook["people"]
        page["A9"], page["B7"] = " ", None
        page.append([])

    change_workbook(book, fill)
    spoil(book, "units!head:2", "  ")
    assert read_workbook(book).content_hash == load_company(company_dir).content_hash


def test_merged_cells_are_an_error_and_hide_no_other(book):
    change_workbook(book, lambda workbook: workbook["units"].merge_cells("B2:B3"))
    spoil(book, "kpis!direction:2", "up")
    assert [error.message for error in errors_in(book)] == ["merged cells", "not one of the values allowed"]
    assert "B2:B3" in str(next(error for error in errors_in(book) if error.message == "merged cells"))


def test_formula_counts_by_the_result_saved_with_it(book, company_dir):
    letters = column(book, "kpis", "valid_range.max")
    spoil(book, "kpis!valid_range.max:2", "=0.5+0.5")
    rewrite_part(
        book,
        sheet_part(book, "kpis"),
        lambda content: content.replace(b"<f>0.5+0.5</f><v />", b"<f>0.5+0.5</f><v>1</v>").replace(
            b"<f>0.5+0.5</f><v></v>", b"<f>0.5+0.5</f><v>1</v>"
        ),
    )
    assert letters
    assert read_workbook(book).content_hash == load_company(company_dir).content_hash


def test_days_may_be_dates_or_text(book, company_dir):
    spoil(book, "cycles!ends_on:2", "2013-03-31")
    spoil(book, "kpi_owners!from:2", " 2013-01-01 ")
    assert read_workbook(book).content_hash == load_company(company_dir).content_hash


def test_dates_of_the_1904_system_are_read(book, company_dir):
    def use_1904(workbook):
        workbook.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
        for page in workbook:
            for row in page.iter_rows():
                for cell in row:
                    if isinstance(cell.value, dt.datetime):
                        cell.value = cell.value.date()

    change_workbook(book, use_1904)
    assert read_workbook(book).content_hash == load_company(company_dir).content_hash


def test_versions_by_effective_from_keep_their_own_children(company_dir, tmp_path):
    text = (company_dir / "kpis/punctuality.yml").read_text()
    later = text.replace("id: on_time_share", "id: on_time_share\n    effective_from: 2013-02-01")
    put(company_dir, "kpis/later.yml", later.replace("role: data_steward", "role: sponsor"))
    book = write_workbook(company_dir, tmp_path / "two.xlsx")
    company = read_workbook(book)
    assert company.content_hash == load_company(company_dir).content_hash
    assert sorted((str(kpi.effective_from), kpi.owners[1].role) for kpi in company.kpis) == [
        ("2013-02-01", "sponsor"),
        ("None", "data_steward"),
    ]


def test_child_of_the_only_version_needs_no_day(book):
    spoil(book, "kpis!effective_from:2", dt.date(2013, 2, 1))
    assert len(read_workbook(book).kpis[0].owners) == 2


def test_duplicate_in_one_sheet_names_both_rows(book):
    change_workbook(book, lambda workbook: workbook["people"].append(["coo", "Somebody else"]))
    error = only_error_in(book)
    assert (error.line, error.column, error.found) == (3, "people!id", "the same at book.xlsx:2 [people!id]")


@pytest.mark.parametrize("table", ["company", "units", "cycles"])
def test_what_every_company_must_state_is_missed_by_its_sheet(book, table):
    change_workbook(book, lambda workbook: workbook.remove(workbook[table]))
    errors = errors_in(book)
    assert f"the sheet {table} is missing or has no rows" in {error.message for error in errors}


def test_second_row_of_the_company_is_an_error(book):
    change_workbook(book, lambda workbook: workbook["company"].append(["b", "B", "UTC"]))
    assert "expected one company" in str(only_error_in(book))


# A mixture of YAML files and one workbook.


@pytest.mark.parametrize(
    ("gone", "sheets"),
    [
        (["kpis/punctuality.yml"], ["kpis", "kpi_owners"]),
        (["organization.yml"], ["company", "holidays", "units", "people"]),
        (["cycles.yml"], ["cycles"]),
        (["okrs/2013-Q1/ops.yml"], ["objectives", "key_results", "key_result_links"]),
        (["cycles.yml", "kpis/punctuality.yml"], ["cycles", "kpis", "kpi_owners"]),
    ],
)
def test_sheets_may_stand_in_for_files(company_dir, gone, sheets):
    before = load_company(company_dir).content_hash
    book = write_workbook(company_dir, company_dir / "company.xlsx")
    change_workbook(
        book, lambda workbook: [workbook.remove(page) for page in workbook.worksheets if page.title not in sheets]
    )
    for name in gone:
        (company_dir / name).unlink()
    assert load_company(company_dir).content_hash == before
    assert read_profile(company_dir).time_zone == "America/New_York"


def test_people_of_files_and_sheets_are_added_up(company_dir):
    book = openpyxl.Workbook()
    page = book.active
    page.title = "people"
    page.append(["id", "name", "unit"])
    page.append(["cfo", "Chief Financial Officer", "ops"])
    book.save(company_dir / "company.xlsx")
    assert [person.id for person in load_company(company_dir).people] == ["cfo", "coo"]


def test_same_id_in_file_and_sheet_is_an_error_naming_both(company_dir):
    book = write_workbook(company_dir, company_dir / "company.xlsx")
    change_workbook(
        book, lambda workbook: [workbook.remove(page) for page in workbook.worksheets if page.title != "kpis"]
    )
    error = only_error(company_dir)
    assert "duplicate id 'on_time_share' in kpis" in str(error)
    assert (error.file, error.line) == ("kpis/punctuality.yml", 2)
    assert error.found == "the same at company.xlsx:2 [kpis!id]"


def test_company_in_file_and_sheet_is_an_error_naming_both(company_dir):
    book = write_workbook(company_dir, company_dir / "company.xlsx")
    kept = ("company", "holidays")
    change_workbook(
        book, lambda workbook: [workbook.remove(page) for page in workbook.worksheets if page.title not in kept]
    )
    error = only_error(company_dir)
    assert (error.message, error.found) == ("the company stands twice", "the same at company.xlsx:2 [company]")


def test_two_enterprises_in_file_and_sheet_name_both_places(company_dir):
    book = openpyxl.Workbook()
    book.active.title = "units"
    book.active.append(["id", "name"])
    book.active.append(["other", "Other group"])
    book.save(company_dir / "company.xlsx")
    error = only_error(company_dir)
    assert error.found == "other (company.xlsx:2 [units]), acme_group (organization.yml:3)"


def test_damaged_workbook_hides_no_other_error(company_dir):
    put(company_dir, "company.xlsx", "no workbook")
    (company_dir / "cycles.yml").unlink()
    put(company_dir, "kpis/x.yml", "kpis: [{}]\n")
    files = {error.file for error in _errors(company_dir)}
    assert files == {"company.xlsx", "kpis/x.yml"}  # cycles may stand in the workbook


def _errors(directory):
    with pytest.raises(DefinitionErrors) as caught:
        load_company(directory)
    return caught.value.errors


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("kpis.xlsx", "company.xlsx"), ("company.xlsm", "move it out"), ("kpis/company.xlsx", "move it out")],
)
def test_other_workbooks_in_the_directory_are_errors(company_dir, name, remedy):
    put(company_dir, name, "x")
    assert remedy in str(only_error(company_dir))


def test_lock_file_of_an_open_workbook_is_passed_over(company_dir):
    put(company_dir, "~$company.xlsx", "x")
    load_company(company_dir)


# What is refused as a whole.


def test_macros_are_refused(book, tmp_path):
    macros = tmp_path / "macros.xlsm"
    macros.write_bytes(book.read_bytes())
    assert "save it as .xlsx" in str(only_error_in(macros))
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert "holds macros" in str(only_error_in(book))


def test_links_to_other_files_are_refused(book):
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr("xl/externalLinks/externalLink1.xml", b"<x/>")
    assert "values from other files" in str(only_error_in(book))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_entities_are_refused(book, encoding):
    bomb = '<?xml version="1.0" encoding="{0}"?><!DOCTYPE w [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><row>&b;</row>'
    rewrite_part(book, sheet_part(book, "kpis"), lambda _: bomb.format(encoding).encode(encoding))
    assert "XML entities" in str(only_error_in(book))


def test_zip_bomb_is_refused_before_it_is_unpacked(book, monkeypatch):
    monkeypatch.setattr(xlsx_reader, "FREE_BYTES", 1 << 20)
    with zipfile.ZipFile(book, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/blank.bin", bytes(64 << 20))
    assert "unpacks from" in str(only_error_in(book))


@pytest.mark.parametrize(("limit", "words"), [("MAX_FILE_BYTES", "too large"), ("MAX_UNPACKED_BYTES", "unpacks"),
                                              ("MAX_PARTS", "parts"), ("MAX_CELLS", "filled cells")])  # fmt: skip
def test_limits_hold(book, monkeypatch, limit, words):
    monkeypatch.setattr(xlsx_reader, limit, 5)
    assert words in str(only_error_in(book))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"id,name\n", "no .xlsx file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "password"),
        (b"PK\x05\x06" + bytes(18), "cannot be read"),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path, content, words):
    path = tmp_path / "book.xlsx"
    path.write_bytes(content)
    assert words in str(only_error_in(path))


def test_truncated_workbook_is_refused(book):
    book.write_bytes(book.read_bytes()[:-1000])
    assert "damaged" in str(only_error_in(book))


def test_link_out_of_the_directory_and_pipes_are_refused(company_dir, book):
    (company_dir / "company.xlsx").symlink_to(book)
    assert "outside its directory" in str(only_error(company_dir))
    (company_dir / "company.xlsx").unlink()
    os.mkfifo(company_dir / "company.xlsx")
    assert "not an ordinary file" in str(only_error(company_dir))


def test_missing_workbook_says_so(tmp_path):
    with pytest.raises(DefinitionErrors, match="the workbook is missing"):
        read_workbook(tmp_path / "nowhere.xlsx")


# Workbooks as other programs write them.


def test_shared_strings_rich_text_and_readings_are_read(book):
    """Excel and LibreOffice keep texts apart from the cells; readings above Japanese signs are no part of them."""
    strings = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<si><t>coo</t></si><si><r><t>Chief </t></r><r><rPr><b/></rPr><t>Officer _x2013_ </t></r>"
        b"<rPh sb='0' eb='1'><t>reading</t></rPh></si></sst>"
    )
    cells = "".join(f'<x:c t="inlineStr"><x:is><x:t>{name}</x:t></x:is></x:c>' for name in ("id", "name"))
    xml = (
        '<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData>'
        f'<x:row>{cells}</x:row><x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c></x:row>'
        "</x:sheetData></x:worksheet>"
    )
    rewrite_part(book, sheet_part(book, "people"), lambda _: xml.encode())
    relation = (
        b'<Relationship Id="rIdS" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"'
        b' Target="/xl/strings.xml"/></Relationships>'
    )
    rewrite_part(
        book, "xl/_rels/workbook.xml.rels", lambda old: _without_strings(old).replace(b"</Relationships>", relation)
    )
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr("xl/strings.xml", strings)
    (person,) = read_workbook(book).people
    assert (person.id, person.name) == ("coo", "Chief Officer –")


def _without_strings(relations: bytes) -> bytes:
    return re.sub(rb"<Relationship [^>]*sharedStrings[^>]*/>", b"", relations)


def test_errors_of_one_sheet_are_counted_out(book):
    def repeat(workbook):
        for number in range(500):
            workbook["units"].append([f"u{number}", number, "acme_group"])

    change_workbook(book, repeat)
    errors = errors_in(book)
    assert len(errors) == 100
    assert "the last of 100 errors" in str(errors[-1])


def test_reading_time_grows_with_the_rows_and_stays_small(book):
    """Looking up parents row by row turns 20,000 KPIs into minutes."""

    def repeat(workbook):
        for number in range(3000):
            workbook["units"].append([f"u{number}", "Unit", "acme_group"])
            workbook["kpi_owners"].append(["on_time_share", "sponsor", "coo"])

    change_workbook(book, repeat)
    start = time.process_time()
    read_workbook(book)
    assert time.process_time() - start < 3
