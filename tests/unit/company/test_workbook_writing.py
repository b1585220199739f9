from __future__ import annotations

import shutil

import openpyxl
import pytest

from orchestration.company.files import FILE_MODELS
from orchestration.company.loader import load_company
from orchestration.company.records import OWN_COLUMNS
from orchestration.company.sheets import children, sheets
from orchestration.company.validation import plain_types
from orchestration.company.workbook import read_workbook, workbook_to_yaml, write_template, write_workbook
from orchestration.company.yaml_writer import _quoted
from orchestration.errors import DefinitionErrors
from orchestration.settings import PROJECT_ROOT
from tests.unit.company.company_files import edit, errors_of, put
from tests.unit.company.test_loader import FULL_KPI, FULL_OKR, GOVERNANCE

COMPANIES = ["tests/golden/company", "examples/flights/company", "examples/manufacturer/company"]


def round_trip(directory, tmp_path):
    """YAML to workbook to YAML: every record stays what it was, at each step."""
    before = load_company(directory)
    book = write_workbook(directory, tmp_path / "book.xlsx")
    assert read_workbook(book).content_hash == before.content_hash
    written = workbook_to_yaml(book, tmp_path / "yaml")
    assert all(path.is_file() for path in written)
    assert load_company(tmp_path / "yaml").content_hash == before.content_hash
    return before


@pytest.mark.parametrize("name", COMPANIES)
def test_our_companies_survive_the_round_trip(name, tmp_path):
    shutil.copytree(PROJECT_ROOT / name, tmp_path / "company")
    assert len(round_trip(tmp_path / "company", tmp_path).records) > 20


def test_every_field_of_every_table_survives_the_round_trip(company_dir, tmp_path):
    for kind, entry in GOVERNANCE.items():
        put(company_dir, f"governance/{kind}.yml", f"{kind}: [{entry}]\n")
    put(company_dir, "kpis/full.yml", FULL_KPI)
    put(company_dir, "okrs/2013-Q1/full.yml", FULL_OKR)
    company = round_trip(company_dir, tmp_path)
    tables = {record.table for record in company.records} | {
        child for record in company.records for child, rows in record.children.items() if rows
    }
    assert tables == set(sheets())


def test_sheets_are_the_tables_of_the_lake_less_the_feeds():
    assert set(sheets()) == set(OWN_COLUMNS) - {"feeds"}


def test_every_field_of_every_model_has_a_column_or_a_sheet():
    for sheet in sheets().values():
        names = {column.path[0] for column in sheet.columns if column.path}
        names |= {child.field for child in children(sheet.name)}
        assert names == {info.alias or name for name, info in sheet.model.model_fields.items()}
    tops = {(sheet.kind, sheet.field): sheet.model for sheet in sheets().values() if not sheet.parent}
    for kind, model in FILE_MODELS.items():
        for name, info in model.model_fields.items():
            inner = next(one for one in plain_types(info.annotation) if one is not type(None))
            assert tops.pop((kind, name)) in (inner, *getattr(inner, "__args__", ()))
    assert tops == {}


HOSTILE = [
    "=HYPERLINK(1)",
    "=1+1",
    "+1",
    "-x",
    "@SUM(A1)",
    "'quoted",
    "#N/A",
    "#REF!",
    "TRUE",
    "no",
    "null",
    "~",
    "1e3",
    "0o17",
    "0x1F",
    "12:30",
    "1_000",
    ".5",
    "2013-01-01",
    "01/02/2013",
    "007",
    "_x0041_",
    "x005F_",
    "_x005F_x0041_",
    "a: b",
    "a #b",
    "- a",
    "{a}",
    "[a]",
    "a, b",
    "*a",
    "&a",
    "!a",
    "%a",
    "`a",
    "\u2028line",
    "\ufeffbom",
    "\uffff",
    "emoji 🎯, \U00010348, 漢字, é",
    "<script>alert(1)</script>",
    "'; drop table kpis; --",
    'quote " and \\ back',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_and_is_never_a_formula(company_dir, tmp_path, text):
    edit(company_dir, "kpis/punctuality.yml", "name: On-time share", f"name: {_quoted(text)}")
    before = round_trip(company_dir, tmp_path)
    assert before.kpis[0].name == text.strip()
    workbook = openpyxl.load_workbook(tmp_path / "book.xlsx")
    assert {cell.data_type for page in workbook for row in page.iter_rows() for cell in row} <= {
        "s",
        "inlineStr",
        "n",
        "d",
    }
    assert workbook["kpis"]["B2"].quotePrefix == text.startswith(("=", "+", "-", "@", "'"))


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "indented\n  line",
        "trailing \nblank",
        "blank\n\nline",
        "tab\there",
        "# no comment\nx",
        "a\n---\nb",
    ],
)
def test_text_of_several_lines_comes_back(company_dir, tmp_path, text):
    edit(company_dir, "kpis/punctuality.yml", "name: On-time share", f"name: x\n    description: {_quoted(text)}")
    assert round_trip(company_dir, tmp_path).kpis[0].description == text


@pytest.mark.parametrize(
    "number", ["0.30000000000000004", "1e-300", "5e-324", "1.7976931348623157e308", "-0.0", "9007199254740992", "0.1"]
)
def test_numbers_come_back_to_the_last_bit(company_dir, tmp_path, number):
    edit(company_dir, "kpis/punctuality.yml", "grain: day", f"grain: day\n    target: {number}")
    assert repr(round_trip(company_dir, tmp_path).kpis[0].target) == repr(float(number))


@pytest.mark.parametrize("day", ["1900-01-01", "1900-02-28", "1900-03-01", "2000-02-29", "9999-12-31"])
def test_days_come_back(company_dir, tmp_path, day):
    """Excel believes that 1900 was a leap year."""
    edit(company_dir, "kpis/punctuality.yml", "from: 2013-01-01", f"from: {day}")
    assert str(round_trip(company_dir, tmp_path).kpis[0].owners[0].from_) == day


def test_text_too_long_for_a_cell_is_an_error(company_dir, tmp_path):
    edit(company_dir, "kpis/punctuality.yml", "name: On-time share", f"name: x\n    description: {'🎯' * 20_000}")
    with pytest.raises(DefinitionErrors, match=r"\[kpis!description\].*too long for a cell"):
        write_workbook(company_dir, tmp_path / "book.xlsx")
    assert not list(tmp_path.glob("*.xlsx"))
    assert not list(tmp_path.glob(".*.xlsx"))


def test_export_of_a_company_with_errors_says_them(company_dir, tmp_path):
    edit(company_dir, "kpis/punctuality.yml", "direction: increase", "direction: up")
    errors_of(company_dir)
    with pytest.raises(DefinitionErrors, match="direction"):
        write_workbook(company_dir, tmp_path / "book.xlsx")


def test_nothing_that_is_there_is_replaced(company_dir, tmp_path):
    book = write_workbook(company_dir, tmp_path / "book.xlsx")
    with pytest.raises(DefinitionErrors) as caught:
        workbook_to_yaml(book, company_dir)
    assert {error.message for error in caught.value.errors} == {"the file is there already"}
    assert load_company(company_dir).records


@pytest.mark.parametrize("cycle_id", ["..", "../../etc", ".hidden", "Q1/2013", "Q1\\2013", "Q1:2013", "é" * 200])
def test_cycle_that_names_no_folder_is_refused_and_nothing_leaves_the_directory(company_dir, tmp_path, cycle_id):
    book = write_workbook(company_dir, tmp_path / "book.xlsx")
    workbook = openpyxl.load_workbook(book)
    workbook["cycles"]["A2"] = workbook["objectives"]["A2"] = cycle_id
    workbook.save(book)
    target = tmp_path / "deep" / "yaml"
    with pytest.raises(DefinitionErrors, match="cannot name a folder"):
        workbook_to_yaml(book, target)
    assert not target.exists()


def test_units_whose_names_differ_in_case_share_a_file(company_dir, tmp_path):
    edit(company_dir, "organization.yml", "people:", "  - {id: Ops, name: Other, parent: acme_group}\npeople:")
    text = (company_dir / "kpis/punctuality.yml").read_text()
    put(
        company_dir,
        "kpis/more.yml",
        text.replace("id: on_time_share", "id: k2").replace("org_unit: ops", "org_unit: Ops"),
    )
    round_trip(company_dir, tmp_path)
    assert len(list((tmp_path / "yaml" / "kpis").iterdir())) == 1


# The template.


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return openpyxl.load_workbook(write_template(tmp_path_factory.mktemp("template") / "template.xlsx"))


def test_template_has_every_sheet_with_its_header_frozen_and_explained(template):
    assert template.sheetnames == ["notes", *sheets()]
    for name, sheet in sheets().items():
        page = template[name]
        assert [cell.value for cell in page[1]] == [column.name for column in sheet.columns]
        assert page.max_row == 1
        assert page.freeze_panes is not None
        assert page.freeze_panes.endswith("2")
        assert page.auto_filter.ref is not None
        for cell, column in zip(page[1], sheet.columns, strict=True):
            assert column.description
            assert column.description in cell.comment.text
            assert page.column_dimensions[cell.column_letter].width >= len(column.name)


def test_template_offers_choices_and_ids(template):
    rules = {str(rule.sqref).split(":")[0]: rule for rule in template["kpis"].data_validations.dataValidation}
    by_name = {cell.value: rules.get(f"{cell.column_letter}2") for cell in template["kpis"][1]}
    assert by_name["direction"].formula1 == '"increase,decrease,band"'
    assert by_name["direction"].errorStyle in (None, "stop")
    assert "units!$A$2" in by_name["org_unit"].formula1
    assert by_name["org_unit"].errorStyle == "warning"
    assert by_name["target"].type == "decimal"
    assert by_name["unit"] is None  # a unit of measure, not an organizational unit
    assert all(len(rule.formula1 or "") <= 255 and len(rule.error or "") <= 255 for rule in rules.values())


def test_template_formats_columns_so_that_excel_changes_no_id(template):
    page = template["kpis"]
    formats = {cell.value: page.column_dimensions[cell.column_letter].number_format for cell in page[1]}
    assert (formats["id"], formats["effective_from"], formats["target"]) == ("@", "yyyy-mm-dd", "General")


def test_template_by_itself_says_what_to_fill(tmp_path):
    path = write_template(tmp_path / "template.xlsx")
    with pytest.raises(DefinitionErrors) as caught:
        read_workbook(path)
    assert {error.column for error in caught.value.errors} == {"company", "units", "cycles"}
