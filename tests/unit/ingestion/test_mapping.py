"""Foreign registries, read by configuration alone. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import yaml

from orchestration.errors import DefinitionErrors
from orchestration.ingestion.mapping.contract import load_mappings
from orchestration.ingestion.mapping.load import MappedDefinitions, read_mapped_definitions, write_mapped_files
from orchestration.lake.store import Lake
from tests.unit.ingestion.small_feed import NOW

FIELDS = {
    "name": {"column": "title"},
    "unit": "share",
    "org_unit": "ops",
    "feed": "f",
    "direction": "increase",
    "grain": "day",
    "aggregation": "mean",
    "category": "health",
    "indicator": "lagging",
    "tier": "output",
}
KPI = {"kind": "kpis", "id": "{title|slug}", "fields": FIELDS}


class Registry:
    """A company directory with one mapping, and a landing folder with its files."""

    def __init__(self, root: Path) -> None:
        self.company, self.landing = root / "company", root / "landing"
        self.company.mkdir()
        self.landing.mkdir()
        self.own: list[Any] = []

    def map(self, *targets: dict[str, Any], **changes: Any) -> None:
        mapping = {"id": "m", "name": "M", "source": {"type": "file", "path": "r*"}, "format": "csv"}
        content = {"mappings": [{**mapping, "targets": list(targets), **changes}]}
        (self.company / "mappings.yml").write_text(yaml.safe_dump(content, sort_keys=False))

    def read(self, content: str | bytes, name: str = "r1") -> MappedDefinitions:
        (self.landing / name).write_bytes(content.encode() if isinstance(content, str) else content)
        company: Any = SimpleNamespace(records=self.own)
        found = read_mapped_definitions(load_mappings(self.company), landing_dir=self.landing, company=company)
        for file in found.files:
            assert file.read == file.accepted + file.quarantined
        return found


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path)


def kept_out(found: MappedDefinitions) -> list[tuple]:
    return [(one.line, one.misfit.reason, one.misfit.column, one.is_value) for one in found.withheld]


def with_fields(**fields: Any) -> dict[str, Any]:
    return KPI | {"fields": FIELDS | fields}


def test_record_becomes_the_definition_that_a_company_file_would_give(registry):
    """A mapped KPI is another thing than a written one."""
    registry.map(
        with_fields(
            target={"column": "goal", "scale": 0.01},
            owners=[{"role": "accountable_owner", "person": {"column": "who"}}],
        )
    )
    found = registry.read("title,goal,who\nOn time,95,ada\nReturns,4,\n")

    first, second = found.records
    assert (first.table, first.natural_id, first.source_file, first.source_row) == ("kpis", "on-time", "r1", 2)
    assert (first.columns["target"], first.columns["lifecycle"]) == (0.95, "active")
    assert [row["person_id"] for row in first.children["kpi_owners"]] == ["ada"]
    assert second.children["kpi_owners"] == []  # nobody, and not somebody without a name
    assert found.withheld == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("At or above 95%", ("increase", 0.95)),
        ("below 20 %", ("decrease", 0.2)),
        ("Above 7", ("increase", 7.0)),
        ("about 7", None),
        ("At or above many%", None),
    ],
)
def test_patterns_read_prose_and_what_fits_none_is_quarantined(registry, text, expected):
    """A target in words is guessed, or dropped."""
    cases = [
        {"match": "(?i)(?:at or )?above (?P<target>[0-9.]+) ?%", "scale": 0.01, "set": {"direction": "increase"}},
        {"match": "(?i)below (?P<target>[0-9.]+) ?%", "scale": 0.01, "set": {"direction": "decrease"}},
        {"match": "(?i)above (?P<target>[0-9.]+)", "set": {"direction": "increase"}},
    ]
    registry.map(KPI | {"patterns": [{"column": "goal", "cases": cases}]})
    found = registry.read(f"title,goal\nA,{text}\nB,\n")

    got = {one.natural_id: (one.columns["direction"], one.columns["target"]) for one in found.records}
    assert got.get("a") == expected
    assert "b" in got
    assert kept_out(found) == ([] if expected else [(2, "unmatched_value", "goal", False)])


def test_value_alone_is_held_back_where_the_mapping_says_so(registry):
    """One word nobody understands hides a KPI from its owner."""
    cases = [{"match": "(?P<target>[0-9.]+)"}]
    registry.map(
        with_fields(freshness_days={"column": "fresh", "unmatched": "hold_value"})
        | {"patterns": [{"column": "goal", "cases": cases, "unmatched": "hold_value"}]}
    )
    found = registry.read("title,goal,fresh\nA,TBD,soon\n")

    (record,) = found.records
    assert (record.columns["target"], record.columns["freshness_days"]) == (None, None)
    assert kept_out(found) == [
        (2, "not_a_number", "fresh", True),
        (2, "unmatched_value", "goal", True),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A,1,active,extra", "ragged_row"),
        ("A,1.234,active", "not_a_number"),
        ("A,1e400,active", "out_of_range"),
        ("A,9007199254740993,active", "out_of_range"),
        ("A,1,zombie", "unmatched_value"),
        (",1,active", "missing_value"),
        ("(unknown),1,active", None),
        ("A\x00b,1,active", "invalid_definition"),
    ],
)
def test_what_does_not_fit_is_quarantined_with_line_and_text(registry, row, reason):
    """A record vanishes between two systems."""
    registry.map(
        with_fields(
            target={"column": "goal"},
            lifecycle={"column": "state", "values": {"active": "active", "done": "retired"}},
        ),
        decimal_mark=",",
        thousands_mark=".",
    )
    if reason == "not_a_number":
        row = row.replace("1.234", "1.23")  # no group of three
    found = registry.read(f"title,goal,state\nGood,1.234,active\n{row}\n")

    assert found.records[0].columns["target"] == 1234.0
    assert [one.misfit.reason for one in found.withheld] == ([reason] if reason else [])
    assert all((one.line, one.text) == (3, row) for one in found.withheld)


def test_bytes_of_another_encoding_stay_in_their_record(registry):
    """One wrong byte refuses the registry, or is replaced by a question mark."""
    registry.map(KPI)
    found = registry.read(b"title\nGr\xf6\xdfe\nB\n")

    assert [one.natural_id for one in found.records] == ["b"]
    assert kept_out(found) == [(2, "bad_encoding", None, False)]


def test_carriage_returns_alone_end_lines_and_quotes_span_them(registry):
    """A file of an old Macintosh is one long line."""
    registry.map(KPI, encoding="cp1252")
    found = registry.read(b'title,x\r"Gr\xf6\xdfe, ""all""",1\rB,"two\rlines"\rC,1\r')

    assert [(one.columns["name"], one.source_row) for one in found.records] == [('Größe, "all"', 2), ("B", 3), ("C", 5)]


def test_identical_records_become_one_and_differing_ones_stay_out(registry):
    """The last of two contradicting definitions wins, unseen."""
    registry.map(with_fields(target={"column": "goal"}))
    found = registry.read("title,goal\nA,1\nA,1\nB,1\nB,2\n")

    assert [one.natural_id for one in found.records] == ["a"]
    assert (found.files[0].accepted, found.files[0].collapsed) == (2, 1)
    assert kept_out(found) == [(4, "duplicate_in_file", None, False), (5, "duplicate_in_file", None, False)]
    assert "r1:4, r1:5" in found.withheld[0].misfit.message


def test_differing_records_get_the_id_kept_for_that_and_are_named(registry):
    """Two departments have a KPI of one name, and neither is reported."""
    registry.map(with_fields(target={"column": "goal"}) | {"conflict_id": "{title|slug} ({goal})"})
    found = registry.read("title,goal\nB,1\nB,2\n")

    assert [one.natural_id for one in found.records] == ["b (1)", "b (2)"]
    assert [one.is_value for one in found.withheld] == [True, True]


def test_company_directory_wins_over_a_registry(registry):
    """A registry overwrites what the company itself defines."""
    registry.map(KPI)
    registry.own = [registry.read("title\nA\n").records[0]]
    found = registry.read("title\nA\nB\n")

    assert [one.natural_id for one in found.records] == ["b"]
    assert kept_out(found) == [(2, "duplicate_in_file", None, False)]


def test_one_record_yields_definitions_of_several_kinds(registry):
    """An export of objectives needs code."""
    links = [{"kpi": {"template": "{k|slug}"}, "type": "measures"}]
    registry.map(
        {"kind": "units", "id": "{team|slug}", "fields": {"name": {"column": "team"}, "parent": "acme"}},
        {"kind": "objectives", "id": "{o|slug}", "cycle": "2026-Q1", "fields": {"title": {"column": "o"}}},
        {
            "kind": "key_results",
            "id": "{o|slug}/{k|slug}",
            "objective": "{o|slug}",
            "cycle": "2026-Q1",
            "fields": {
                "title": {"template": "{k}: {goal}"},
                "type": "metric",
                "direction": "increase",
                "target": {"column": "goal"},
                "due_on": {"column": "due"},
                "links": links,
            },
        },
        date_format="%d.%m.%Y",
    )
    found = registry.read("team,o,k,goal,due\nOps,Grow,Orders,5,31.03.2026\nOps,Grow,Margin,6,\n")

    assert [(one.table, one.natural_id) for one in found.records] == [
        ("units", "ops"),
        ("objectives", "grow"),
        ("key_results", "grow/orders"),
        ("key_results", "grow/margin"),
    ]
    key_result = found.records[2]
    assert (key_result.columns["objective_id"], key_result.columns["cycle_id"]) == ("grow", "2026-Q1")
    assert str(key_result.columns["due_on"]) == "2026-03-31"
    assert key_result.children["key_result_links"][0]["kpi_id"] == "orders"


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_nested_records_are_reached_by_pointers(registry, form):
    """An export nests its figures, and somebody writes a script."""
    target = with_fields(target={"column": "/health/level"}, description={"column": "@stem"})
    registry.map(target, format=form, record_path="/teams/*/kpis")
    found = registry.read('{"teams": {"a": {"kpis": [\n{"title": "A", "health": {"level": 2}},\n7]}}}\n', "r1.json")

    (record,) = found.records
    assert (record.columns["target"], record.columns["description"], record.source_row) == (2.0, "r1", 2)
    assert kept_out(found) == [(3, "ragged_row", None, False)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("titel\nA\n", "no record has the column title"),
        ("title,title\nA,B\n", "a column stands twice"),
        ("title\n", "the file holds no record"),
        ('title\n"A\n', "the CSV is broken"),
    ],
)
def test_file_that_cannot_be_read_stops_the_definitions(registry, content, message):
    """A registry that changed its columns deletes every definition that came from it."""
    registry.map(KPI)
    with pytest.raises(DefinitionErrors, match=message):
        registry.read(content)


def test_missing_registry_stops_the_definitions(registry):
    """A folder that was not mounted deletes every definition that came from it."""
    registry.map(KPI)
    with pytest.raises(DefinitionErrors, match="the registry is missing"):
        read_mapped_definitions(
            load_mappings(registry.company), landing_dir=registry.landing, company=SimpleNamespace(records=[])
        )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (KPI | {"fields": FIELDS | {"targte": 1}}, "no field `targte`; do: write target"),
        (KPI | {"id": "{title|slag}"}, "unknown filter slag"),
        (KPI | {"id": "{title"}, "a brace that does not close"),
        (KPI | {"patterns": [{"column": "a", "cases": [{"match": "([0-9])"}]}]}, "a group without a name"),
        (KPI | {"patterns": [{"column": "a", "cases": [{"match": "(?P<goal>[0-9])"}]}]}, "no field `goal`"),
        (KPI | {"fields": FIELDS | {"target": {"column": "a", "sclae": 2}}}, "sclae"),
        (KPI | {"cycle": "2026"}, "kpis need no `cycle`"),
        ({"kind": "key_results", "id": "a", "cycle": "c"}, "key_results need a `objective`"),
    ],
)
def test_mapping_with_an_error_says_where_and_what(registry, target, message):
    """A typing error in the mapping reads nothing, silently."""
    registry.map(target)
    with pytest.raises(DefinitionErrors) as raised:
        load_mappings(registry.company)
    assert message in str(raised.value)
    assert "mappings.yml:" in str(raised.value)


def test_quarantine_and_ledger_are_written_once_per_outcome(registry, tmp_path):
    """Every run adds the same rejected rows again, or none of them reaches the lake."""
    registry.map(with_fields(target={"column": "goal"}))
    found = registry.read("title,goal\nA,1\nB,x\n")
    lake = Lake(tmp_path / "lake")
    assert len(write_mapped_files(lake, found, clock=NOW)) == 1
    assert write_mapped_files(lake, found, clock=NOW) == []

    with duckdb.connect() as connection:
        rows = connection.execute(
            "select reason_code, column_name, raw_value, raw_text, source_feed, source_file, source_row, kpi_id "
            f"from read_parquet('{lake.glob('quarantine')}')"
        ).fetchall()
        ledger = connection.execute(
            "select kind, source_feed, rows_read, rows_accepted, rows_quarantined "
            f"from read_parquet('{lake.glob('loads')}')"
        ).fetchall()
    assert rows == [("not_a_number", "goal", "x", "B,x", "m", "r1", 3, "b")]
    assert ledger == [("definitions", "m", 2, 1, 1)]


def test_a_column_that_is_the_same_in_every_row_takes_no_longer(registry):
    """One group of all rows is compared once for every row: an export of 12,765 rows took two minutes."""
    import time

    registry.map(KPI)
    started = time.process_time()
    found = registry.read("title\n" + "A\n" * 6_000)

    assert (len(found.records), found.files[0].collapsed) == (1, 5_999)
    assert time.process_time() - started < 10


CHECK_INS = {
    "kind": "check_ins",
    "id": "tool-{id}",
    "fields": {
        "key_result": {"column": "goal"},
        "on": {"column": "date"},
        "by": {"template": "{user|slug}"},
        "status": {"column": "state", "values": {"green": "on_track", "yellow": "at_risk", "red": "off_track"}},
        "confidence": {"column": "sure", "scale": 0.1},
        "progress": {"column": "done", "scale": 0.01},
        "comment": {"column": "note"},
    },
}


def test_check_ins_of_an_okr_tool_arrive_by_configuration(registry):
    """What a tool's users report is typed in a second time, or not at all."""
    registry.map(CHECK_INS, date_format="%d.%m.%Y", delimiter=";")
    found = registry.read(
        "id;goal;date;user;state;sure;done;note\n"
        "1;kr_a;07.04.2026;Ada Byron;green;7;112.5;all well\n"
        "2;kr_a;14.04.2026;Ada Byron;yellow;;;\n"
        "3;kr_a;21.04.2026;Ada Byron;purple;7;10;\n"
        "4;kr_a;31.04.2026;Ada Byron;green;7;10;\n"
        "5;kr_a;28.04.2026;Ada Byron;green;11;10;\n"
    )
    assert [dict(one.columns) for one in found.records] == [
        {
            "check_in_id": "tool-1",
            "key_result_id": "kr_a",
            "on": date(2026, 4, 7),
            "by_id": "ada-byron",
            "status": "on_track",
            "confidence": 0.7,
            "progress": 1.125,
            "comment": "all well",
        },
        {
            "check_in_id": "tool-2",
            "key_result_id": "kr_a",
            "on": date(2026, 4, 14),
            "by_id": "ada-byron",
            "status": "at_risk",
            "confidence": None,
            "progress": None,
            "comment": None,
        },
    ]
    assert kept_out(found) == [
        (4, "unmatched_value", "state", False),
        (5, "not_a_date", "date", False),
        (6, "invalid_definition", "confidence", False),
    ]
