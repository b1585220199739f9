"""Composed ids and derived values: declared in the contract, computed by DuckDB, and never guessed."""

from __future__ import annotations

import csv
import io
import json
import sys
import unicodedata
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import DefinitionErrors
from orchestration.ingestion import derived
from orchestration.ingestion.contracts import contract_hash
from orchestration.ingestion.registry import KpiEntry, KpiRegistry
from orchestration.ingestion.templates import filtered
from tests.unit.ingestion.small_feed import KPIS, NOW, SmallFeed, contract
from tests.unit.ingestion.test_contracts import GOOD, load
from tests.unit.ingestion.workbooks import as_bytes, workbook

RATIO = {"kpi": "kpi", "period": "day", "value": {"ratio": ["good", "all"]}}
SUMMED = {"kpi": "kpi", "period": "day", "value": {"ratio": ["good", "all"], "complement": True, "sum_over": ["type"]}}
WARDS = "kpi,day,type,good,all\n"


def registry(*ids: str) -> KpiRegistry:
    return KpiRegistry((*KPIS, *(KpiEntry(name, "share") for name in ids)))


def composed(template: str) -> dict:
    return {"kpi": {"template": template}, "period": "day", "value": "value"}


def test_id_is_composed_of_columns(feed):
    """Two columns that name a KPI together need a script before the feed."""
    feed.put('project,kpi,day,value\nRoad & Rail,"Km  built",2026-02-01,3\nRoad & Rail,Km built!,2026-02-02,4\n')
    feed.ingest(columns=composed("{project|lower}_{kpi|slug}"), registry=registry("road & rail_km-built"))

    assert feed.values() == [("road & rail_km-built", "2026-02-01", 3.0), ("road & rail_km-built", "2026-02-02", 4.0)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12), min_size=1))
def test_composed_id_is_the_one_that_a_mapping_makes(tmp_path_factory, texts):
    """A registry's mapping and its feed make two ids of one KPI, and no value ever arrives."""
    feed = SmallFeed(tmp_path_factory.mktemp("same"))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["name", "day", "value"])
    writer.writerows([text, "2026-02-01", "1"] for text in ["Km", *texts])
    feed.put(buffer.getvalue())
    template = "{name}|{name|slug}|{name|lower}|{name|upper}|{name|hash}"
    feed.ingest(columns=composed(template))

    wanted = []
    for text in ["Km", *texts]:
        clean = unicodedata.normalize("NFC", text.strip())
        parts = [filtered(clean, name) for name in (None, "slug", "lower", "upper", "hash")]
        wanted.append(unicodedata.normalize("NFC", "|".join(parts)) if clean else None)
    found = [row["kpi_id"] for row in feed.rows("quarantine")]
    assert sorted(found, key=str) == sorted(wanted, key=str)


def test_every_blank_is_taken_off_as_mappings_do():
    """An ideographic space at the end of a name makes another KPI."""
    assert "".join(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()) == derived._BLANK


def test_missing_part_of_an_id_is_named(feed):
    """Half an id is taken for a whole one."""
    feed.put(
        "project,kpi,day,value\nroad,,2026-02-01,3\n ,km,2026-02-01,3\nroad,km,2026-02-01,3\nroad,kn,2026-02-01,3\n"
    )
    feed.ingest(columns=composed("{project}_{kpi}"), registry=registry("road_km", "_km", "road_"))

    assert feed.values() == [("road_km", "2026-02-01", 3.0)]
    assert feed.reasons() == [
        (2, "missing_value", "kpi"),
        (3, "missing_value", "project"),
        (5, "unknown_kpi", "project, kpi"),
    ]
    unknown = feed.rows("quarantine")[-1]
    assert (unknown["raw_value"], unknown["kpi_id"]) == ("road_kn", "road_kn")
    assert "did the source mean road_km?" in unknown["message"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"ratio": ["good", "all"]}, 0.25),
        ({"ratio": ["good", "all"], "complement": True}, 0.75),
        ({"difference": ["good", "all"]}, -3.0),
        ({"sum": ["good", "all", "more"]}, 15.0),
    ],
)
def test_value_is_computed_of_columns(feed, value, expected):
    """A share needs a script before the feed."""
    feed.put("kpi,day,good,all,more\nlatency,2026-02-01,1,4,10\n")
    columns = RATIO | {"value": value}
    feed.ingest(columns=columns, on_schema_change="evolve")

    assert feed.values() == [("latency", "2026-02-01", expected)]


def test_scale_applies_to_what_was_computed(feed):
    """The operands are scaled, and a ratio of them is not."""
    feed.put("kpi,day,good,all\non_time,2026-02-01,150,2\n")
    feed.ingest(columns=RATIO, unit="percent", scale=0.01)

    assert feed.values() == [("on_time", "2026-02-01", 0.75)]


@pytest.mark.parametrize(
    ("good", "every", "reason", "column", "raw"),
    [
        ("1", "0", "not_finite", "all", "0"),
        ("0", "0", "not_finite", "all", "0"),
        ("1", "-0.0", "not_finite", "all", "-0.0"),
        ("", "4", "missing_value", "good", ""),
        ("1", "", "missing_value", "all", ""),
        ("one", "4", "not_a_number", "good", "one"),
        ("1", "4 of 5", "not_a_number", "all", "4 of 5"),
        ("NaN", "4", "not_finite", "good", "NaN"),
        ("1", "inf", "not_finite", "all", "inf"),
        ("9007199254740993", "4", "out_of_range", "good", "9007199254740993"),
        ("1", "1e-400", "out_of_range", "all", "1e-400"),
        ("1000000000000000", "1e-300", "not_finite", "good, all", "inf"),
        ("5", "4", "out_of_range", "good, all", "1.25"),
    ],
)
def test_impossible_ratio_is_quarantined_with_its_column(feed, good, every, reason, column, raw):
    """Nothing by nothing is published as a figure."""
    feed.put(f"kpi,day,good,all\non_time,2026-02-01,{good},{every}\n")
    feed.ingest(columns=RATIO)

    assert feed.values() == []
    assert feed.reasons() == [(2, reason, column)]
    assert feed.rows("quarantine")[0]["raw_value"] == raw


def test_sum_that_would_be_rounded_is_quarantined(feed):
    """Beyond 2^53 a sum is another number."""
    feed.put("kpi,day,good,all\nlatency,2026-02-01,9007199254740990,1\nlatency,2026-02-02,9007199254740991,1\n")
    feed.ingest(columns=RATIO | {"value": {"sum": ["good", "all"]}})

    assert feed.values() == [("latency", "2026-02-01", 2.0**53 - 1)]
    assert feed.reasons() == [(3, "out_of_range", "good, all")]


def test_value_is_taken_out_of_its_text(feed):
    """A currency sign keeps every number out, or everything that holds a digit is read."""
    value = {"column": "value", "pattern": r"\$?(?P<value>.*?) ?%?"}
    columns = {"kpi": "kpi", "period": "day", "value": value}
    feed.put(
        'kpi,day,value\nlatency,2026-02-01,"$43,632"\nlatency,2026-02-02,5.7 %\nlatency,2026-02-03,TBD\n'
        "latency,2026-02-04,$\nlatency,2026-02-05,about 5\nlatency,2026-02-06,$-0.10\n"
    )
    feed.ingest(columns=columns, thousands_mark=",", null_tokens=["", "TBD"])

    assert feed.values() == [
        ("latency", "2026-02-01", 43632.0),
        ("latency", "2026-02-02", 5.7),
        ("latency", "2026-02-06", -0.1),
    ]
    assert feed.reasons() == [
        (4, "missing_value", "value"),
        (5, "missing_value", "value"),
        (6, "not_a_number", "value"),
    ]
    assert [row["raw_value"] for row in feed.rows("quarantine")] == ["TBD", "$", "about 5"]


def test_text_that_does_not_fit_the_pattern_is_no_number(feed):
    """A number that the declared form does not allow comes in through the back door."""
    value = {"column": "value", "pattern": r"EUR (?P<value>[0-9.]+)"}
    feed.put("kpi,day,value\nlatency,2026-02-01,EUR 5\nlatency,2026-02-02,5\nlatency,2026-02-03,USD 5\n")
    feed.ingest(columns={"kpi": "kpi", "period": "day", "value": value})

    assert feed.values() == [("latency", "2026-02-01", 5.0)]
    assert feed.reasons() == [(3, "not_a_number", "value"), (4, "not_a_number", "value")]


def test_scaled_text_keeps_every_digit(feed):
    """0.07 becomes 0.07 and not 0.07000000000000001, with a pattern as without."""
    value = {"column": "value", "pattern": "(?P<value>.*?)p"}
    feed.put("kpi,day,value\non_time,2026-02-01,7p\n")
    feed.ingest(columns={"kpi": "kpi", "period": "day", "value": value}, unit="percent", scale=0.01)

    assert feed.values() == [("on_time", "2026-02-01", 0.07)]


def test_rows_of_one_period_are_added_up_before_the_ratio(feed):
    """The mean of the wards' shares is published as the share of the hospital."""
    feed.put(WARDS + "on_time,2026-02-01,a,1,10\non_time,2026-02-01,b,3,10\non_time,2026-02-02,a,1,4\n")
    report = feed.ingest(columns=SUMMED)

    assert feed.values() == [("on_time", "2026-02-01", 0.8), ("on_time", "2026-02-02", 0.75)]
    assert (report.rows_read, report.rows_accepted, report.rows_collapsed) == (3, 3, 1)
    assert [row["source_row"] for row in feed.rows("observations")] == [2, 4]


def test_one_column_is_added_up(feed):
    """A count by region needs a script before the feed."""
    feed.put("kpi,day,region,value\nlatency,2026-02-01,n,1\nlatency,2026-02-01,s,2\nlatency,2026-02-01,w,4\n")
    feed.ingest(columns={"kpi": "kpi", "period": "day", "value": {"column": "value", "sum_over": ["region"]}})

    assert feed.values() == [("latency", "2026-02-01", 7.0)]


@pytest.mark.parametrize(
    ("bad", "reason", "column"),
    [
        ("on_time,2026-02-01,b,x,10", "not_a_number", "good"),
        ("on_time,2026-02-01,b,,10", "missing_value", "good"),
        ("on_time,2026-02-01,,3,10", "missing_value", "type"),
        ("on_time,2026-02-01,a,2,10", "duplicate_in_file", "good"),
    ],
)
def test_sum_that_lacks_a_row_is_withdrawn_whole(feed, bad, reason, column):
    """A ward that cannot be read makes its hospital look better."""
    feed.put(f"{WARDS}on_time,2026-02-01,a,1,10\n{bad}\non_time,2026-02-02,a,1,4\n")
    feed.ingest(columns=SUMMED)

    assert feed.values() == [("on_time", "2026-02-02", 0.75)]
    first, second = feed.reasons()
    other = (2, "duplicate_in_file", "good") if reason == "duplicate_in_file" else (2, "missing_value", "good, all")
    assert (first, second) == (other, (3, reason, column))


def test_other_problem_of_a_row_withdraws_the_sum_too(feed):
    """A row of another unit is left out, and the sum of the others stays."""
    columns = SUMMED | {"unit": "unit", "obs_status": "status"}
    feed.put(
        "kpi,day,type,good,all,unit,status\non_time,2026-02-01,a,1,10,share,A\non_time,2026-02-01,b,1,10,percent,A\n"
        "on_time,2026-02-03,a,1,10,share,A\non_time,2026-02-03,b,1,10,share,E\n"
    )
    feed.ingest(columns=columns)

    assert feed.values() == []
    assert [reason for _, reason, _ in feed.reasons()] == [
        "missing_value",
        "unit_mismatch",
        "duplicate_in_file",
        "duplicate_in_file",
    ]


def test_row_that_stands_twice_is_added_once(feed):
    """A row that was exported twice counts double."""
    feed.put(WARDS + "on_time,2026-02-01,a,1,10\non_time,2026-02-01,a,1.0,10\non_time,2026-02-01,b,3,10\n")
    report = feed.ingest(columns=SUMMED)

    assert feed.values() == [("on_time", "2026-02-01", 0.8)]
    assert report.rows_collapsed == 2


@pytest.mark.parametrize("bad", ["on_time,2026-02-01,b,3", ",2026-02-01,b,3,10", "on_time,yesterday,b,3,10"])
def test_row_without_a_home_stops_a_file_of_sums(feed, bad):
    """Nobody can say which sum lacks the row."""
    feed.put(f"{WARDS}on_time,2026-02-01,a,1,10\n{bad}\n")
    (result,) = feed.ingest(columns=SUMMED).files

    assert (result.status, result.reason_code) == ("rejected", "unreadable_file")
    assert "any value may lack them" in result.message
    assert feed.values() == []


def test_sum_without_anything_below_is_no_ratio(feed):
    """A hospital that saw nobody fails nobody."""
    feed.put(
        WARDS
        + "on_time,2026-02-01,a,0,0\non_time,2026-02-01,b,0,0\non_time,2026-02-02,a,0,0\non_time,2026-02-02,b,1,2\n"
    )
    feed.ingest(columns=SUMMED)

    assert feed.values() == [("on_time", "2026-02-02", 0.5)]
    assert feed.reasons() == [(2, "not_finite", "all"), (3, "not_finite", "all")]


def test_vintages_are_added_up_apart(feed):
    """Yesterday's figures are added to today's."""
    columns = SUMMED | {"available_at": "at"}
    rows = [(at, ward, good) for at, share in (("03", 1), ("04", 2)) for ward, good in (("a", share), ("b", share))]
    feed.put(
        "kpi,day,type,good,all,at\n"
        + "".join(f"on_time,2026-02-01,{ward},{good},10,2026-02-{at}T06:00:00Z\n" for at, ward, good in rows)
    )
    feed.ingest(columns=columns)

    assert [value for _, _, value in feed.values()] == [0.9, 0.8]


def test_restated_ward_restates_the_sum_once(feed):
    """The second delivery of a sum is another observation for each of its rows."""
    feed.load(WARDS + "on_time,2026-02-01,a,1,10\non_time,2026-02-01,b,3,10\n", columns=SUMMED)
    feed.put(WARDS + "on_time,2026-02-01,b,5,10\non_time,2026-02-01,a,1,10\n")
    feed.ingest(columns=SUMMED, clock=NOW + timedelta(days=1))

    assert [value for _, _, value in feed.values()] == [0.8, 0.7]


def test_other_formats_derive_alike(tmp_path):
    """What CSV can be asked, Excel, Parquet and JSON cannot."""
    rows = [("on", "time", "2026-02-01", 1, 4), ("on", "time", "2026-02-02", 1, 0)]
    names = ("a", "b", "day", "good", "all")
    columns = {"kpi": {"template": "{a}_{b}"}, "period": "day", "value": {"ratio": ["good", "all"]}}
    outcomes = []
    for kind in ("csv", "jsonl", "parquet", "xlsx"):
        feed = SmallFeed(tmp_path / kind)
        path = feed.put("", f"ops/1.{kind}")
        if kind == "csv":
            path.write_text(",".join(names) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
        elif kind == "jsonl":
            path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
        elif kind == "parquet":
            pq.write_table(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]), path)
        else:
            path.write_bytes(as_bytes(workbook([list(names), *map(list, rows)])))
        feed.ingest(columns=columns, format=kind)
        outcomes.append((feed.values(), [reason[1:] for reason in feed.reasons()]))
    assert outcomes == [([("on_time", "2026-02-01", 0.25)], [("not_finite", "all")])] * 4


@pytest.mark.parametrize(
    ("columns", "field", "words"),
    [
        ("{kpi: {template: fixed}, period: day, value: value}", "kpi.template", "without a column"),
        ("{kpi: {template: '{a|slugg}'}, period: day, value: value}", "kpi.template", "slug"),
        ("{kpi: {template: '{a'}, period: day, value: value}", "kpi.template", "brace"),
        ("{kpi: {templat: '{a}'}, period: day, value: value}", "kpi.templat", "`template`"),
        ("{kpi: kpi, period: day, value: {ratio: [a]}}", "value.ratio", "at least 2"),
        ("{kpi: kpi, period: day, value: {ratio: [a, a]}}", "value.ratio", "twice"),
        ("{kpi: kpi, period: day, value: {ratio: [a, b], sum: [a, b]}}", "value", "one of column, sum"),
        ("{kpi: kpi, period: day, value: {complement: true}}", "value.column", "one of column, sum"),
        ("{kpi: kpi, period: day, value: {sum: [a, b], complement: true}}", "value.complement", "only a ratio"),
        ("{kpi: kpi, period: day, value: {column: a}}", "value.column", "value: a"),
        ("{kpi: kpi, period: day, value: {column: a, pattern: '.*'}}", "value.pattern", "(?P<value>"),
        ("{kpi: kpi, period: day, value: {column: a, pattern: '(?P<value>.)(?!x)'}}", "value.pattern", "look-around"),
        ("{kpi: kpi, period: day, value: {rato: [a, b]}}", "value.rato", "`ratio`"),
        ("{kpi: {template: '{a}'}, period: day, value: a}", "columns", "twice"),
    ],
)
def test_error_in_a_derived_field_names_its_place(tmp_path, columns, field, words):
    text = GOOD.replace("{kpi: kpi, period: day, value: value}", columns)
    assert text != GOOD
    with pytest.raises(DefinitionErrors) as caught:
        load(tmp_path, text)
    error = caught.value.errors[0]
    assert words in str(error)
    assert error.column.startswith(f"feeds[0].columns{'.' + field if field != 'columns' else ''}")


def test_wide_files_and_constants_refuse_what_is_made(tmp_path):
    wide = GOOD.replace("{kpi: kpi, period: day, value: value}", "{kpi: {template: '{a}'}, period: day}")
    both = GOOD.replace("kpi: kpi,", "kpi: {template: '{a}'},") + "    constants: {kpi: x}\n"
    for text, words in ((wide + "    layout: wide\n    kpi_columns: '*'\n", "no column for `kpi`"), (both, "constant")):
        with pytest.raises(DefinitionErrors, match=words):
            load(tmp_path, text)


def test_hash_follows_what_is_derived():
    """A changed formula leaves yesterday's figures standing."""
    hashes = {contract_hash(contract(columns=columns)) for columns in (RATIO, SUMMED, composed("{a}"), composed("{b}"))}
    assert len(hashes) == 4
