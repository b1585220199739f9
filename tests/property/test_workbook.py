"""Any company survives the way into a workbook and back; no workbook, however damaged, does more than be refused."""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from orchestration.company.fields import clean_id
from orchestration.company.loader import load_company
from orchestration.company.sheets import Column, Sheet, children, sheets
from orchestration.company.workbook import read_workbook, workbook_to_yaml, write_workbook
from orchestration.errors import DefinitionErrors
from tests.unit.company.company_files import FILES, put

SLOW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a company takes minutes to shrink, and is read as it is
)


def is_id(text: str) -> bool:
    try:
        return clean_id(text) == text and len(text) <= 60
    except PydanticCustomError:
        return False


CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"])
LINES = st.text(CHARACTERS, min_size=1, max_size=30).map(str.strip).filter(bool) | st.sampled_from(
    ["=1+1", "_x0041_", "x005F_", "#N/A", "no", "1e3", "2013-01-01", "a: b", "007", "-", "'"]
)
TEXTS = st.lists(LINES, min_size=1, max_size=3).map("\n".join)
IDS = st.text("abcXYZ019_-.:/#=+@'\"<>&é漢🎯 ", min_size=1, max_size=8).filter(is_id)
DAYS = st.dates(date(1900, 1, 1), date(9999, 12, 31)).map(str)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
SHARES = st.floats(0, 1)

SPECIAL = {
    "currency": st.sampled_from(["EUR", "USD"]),
    "email": st.just("a@b"),
    "time_zone": st.sampled_from(["UTC", "Europe/Berlin"]),
    "measured_as": st.sampled_from(["latest", "trailing_mean(7)"]),
    "share": SHARES,
    "expected_progress": SHARES,
    "confidence": SHARES,
    "max_manual_share": SHARES,
    "fiscal_year_starts_month": st.integers(1, 12),
    "lag": st.integers(0, 10_000),
}
ORDERED = [
    ("min", "max"), ("lower_limit", "upper_limit"), ("guardrail_min", "guardrail_max"), ("from", "to"),
    ("on", "expires_on"), ("starts_on", "due_on"), ("starts_on", "ends_on"), ("active_from", "active_to"),
    ("readiness_due_on", "locks_on"), ("locks_on", "closes_on"), ("readiness_due_on", "locks_on"),
    ("approved_on", "expires_on"), ("requested_on", "approved_on"),
]  # fmt: skip
MULTILINE = {"description", "formula", "statement", "threshold", "decision", "comment", "next_action", "text", "reason"}
NEEDED_IN_BLOCK = {"decision_rule": ("threshold", "decision"), "cost": ("amount",), "attestation": ("statement",)}
CHILDREN_ONCE = {"drivers": "kpi", "rebases": "on", "links": "kpi", "milestones": "id", "checkpoints": "on",
                 "demand": "unit", "holidays": "on"}  # fmt: skip


def value(column: Column) -> st.SearchStrategy:
    name = column.path[-1]
    if name in SPECIAL:
        return SPECIAL[name]
    if column.choices:
        if column.kind == "words":
            return st.lists(st.sampled_from(column.choices), min_size=1, unique=True)
        return st.sampled_from([int(choice) if column.kind == "whole" else choice for choice in column.choices])
    if column.kind == "day":
        return DAYS
    if column.kind == "number":
        return NUMBERS
    if "Id" in column.description.split(" ")[:1] or "status_rule" in name or name in ("rule", "reason_code"):
        return IDS
    return TEXTS if name in MULTILINE else LINES


@st.composite
def record(draw, sheet: Sheet):
    fields: dict = {}
    for column in sheet.columns:
        if not column.path or column.name == "effective_from":
            continue
        block = column.path[0] if len(column.path) > 1 else None
        needed = column.required or (block in fields and column.path[-1] in NEEDED_IN_BLOCK.get(block, ()))
        if needed or draw(st.booleans()):
            holder = fields.setdefault(block, {}) if block else fields
            holder[column.path[-1]] = draw(value(column))
    for block, names in NEEDED_IN_BLOCK.items():
        if block in fields and not all(name in fields[block] for name in names):
            del fields[block]
    for holder in [fields, *(inner for inner in fields.values() if isinstance(inner, dict))]:
        for low, high in ORDERED:
            if low in holder and high in holder and holder[high] < holder[low]:
                holder[low], holder[high] = holder[high], holder[low]
        if {"readiness_due_on", "locks_on", "closes_on"} & holder.keys():
            days = sorted(holder[name] for name in ("readiness_due_on", "locks_on", "closes_on") if name in holder)
            for name in ("readiness_due_on", "locks_on", "closes_on"):
                if name in holder:
                    holder[name] = days.pop(0)
    if sheet.name == "key_results":
        fields["type"], fields["direction"] = draw(
            st.sampled_from([("milestone", "milestone"), ("metric", "increase")])
        )
    if sheet.name == "decisions":
        fields["kpi"] = draw(IDS)
    if fields.get("calendar") == "working_days":
        fields["grain"] = "day"
    for child in children(sheet.name):
        if child.field != "key_results":
            items = draw(st.lists(record(child), max_size=2))
            key = CHILDREN_ONCE.get(child.field)
            fields[child.field] = list({item[key]: item for item in items}.values()) if key else items
    return fields


@st.composite
def versions(draw, sheet: str, min_size: int = 0, max_size: int = 2):
    """Some records, no id twice, one of them perhaps in a later version too."""
    drawn = draw(st.lists(record(sheets()[sheet]), min_size=min_size, max_size=max_size))
    items = list({item["id"]: item for item in drawn}.values())
    is_versioned = any(column.name == "effective_from" for column in sheets()[sheet].columns)
    if items and is_versioned and draw(st.booleans()):
        later = draw(record(sheets()[sheet]))
        items.append(later | {"id": items[0]["id"], "effective_from": draw(DAYS)})
    return items


@st.composite
def companies(draw):
    """File name -> content of a company that is well formed."""
    company = draw(record(sheets()["company"]))
    units = [unit | {"parent": "root of all"} for unit in draw(versions("units")) if unit["id"] != "root of all"]
    files = {
        "organization.yml": {
            "company": company,
            "units": [{"id": "root of all", "name": "R"}, *units],
            "people": draw(versions("people")),
        },
        "cycles.yml": {"cycles": draw(versions("cycles", 1))},
        "kpis/all.yml": {"kpis": draw(versions("kpis"))},
    }
    key_results = {one["id"]: one for one in draw(st.lists(record(sheets()["key_results"]), max_size=2))}
    for number, cycle_id in enumerate(("2013-Q1", "é 2")):
        objectives = draw(versions("objectives"))
        objectives = [one | {"id": f"{one['id']} {number}"} for one in objectives]
        for one in objectives:
            one["key_results"] = [key_results.popitem()[1]] if key_results else []
        files[f"okrs/{cycle_id}/all.yml"] = {"objectives": objectives}
    for kind in ("waivers", "change_requests", "capacity", "dependencies", "decisions", "check_ins"):
        files[f"governance/{kind}.yml"] = {kind: draw(versions(kind, 0, 1))}
    return files


def as_yaml(content) -> str:
    """JSON is YAML, but for the way it escapes what lies beyond 16 bit."""
    pair = re.compile(r"\\ud([89ab]..)\\ud([c-f]..)")

    def joined(match):
        high, low = int("d" + match[1], 16), int("d" + match[2], 16)
        return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"

    return pair.sub(joined, json.dumps(content))


@SLOW
@given(files=companies())
def test_company_survives_the_way_into_a_workbook_and_back(files):
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "company"
        for name, content in files.items():
            put(directory, name, as_yaml(content))
        before = load_company(directory)
        book = write_workbook(before, Path(folder) / "book.xlsx")
        assert read_workbook(book).content_hash == before.content_hash
        workbook_to_yaml(book, Path(folder) / "yaml")
        assert load_company(Path(folder) / "yaml").content_hash == before.content_hash


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("company")
    for name, text in FILES.items():
        put(folder / "company", name, text)
    return write_workbook(folder / "company", folder / "book.xlsx").read_bytes()


def only_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.xlsx"
        path.write_bytes(content)
        try:
            read_workbook(path)
        except DefinitionErrors as refusal:
            errors = refusal.errors
        else:
            return
        assert errors
        assert all(error.file and str(error).encode("utf-8") for error in errors)


EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), min_size=1, max_size=8)


def mutated(content: bytes, edits) -> bytes:
    changed = bytearray(content)
    for place, replacement in edits:
        start = int(place * len(changed))
        changed[start : start + len(replacement)] = replacement
        if not replacement:
            del changed[start : start + 3]
    return bytes(changed)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=EDITS)
def test_archive_changed_at_random_is_refused_or_read(book, edits):
    only_refused(mutated(book, edits))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=EDITS, data=st.data())
def test_part_changed_at_random_is_refused_or_read(book, edits, data):
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, mutated(content, edits) if part == name else content)
    only_refused(target.getvalue())
