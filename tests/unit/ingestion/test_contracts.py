"""feeds.yml: every error at once, with its line and what was meant."""

from __future__ import annotations

import pytest

from orchestration.errors import DefinitionErrors
from orchestration.ingestion.contracts import contract_hash, feed_records, load_contracts
from tests.unit.ingestion.small_feed import contract

START = "feeds:\n  - id: ops\n    name: Operations\n"
SOURCE = '    source: {type: file, path: "ops/*.csv"}\n    format: csv\n'
COLUMNS = "    columns: {kpi: kpi, period: day, value: value}\n"
GOOD = START + SOURCE + COLUMNS


def load(tmp_path, text):
    path = tmp_path / "feeds.yml"
    path.write_text(text, encoding="utf-8")
    return load_contracts(path)


def test_contract_is_loaded_with_its_defaults(tmp_path):
    (one,) = load(tmp_path, GOOD)
    assert (one.id, one.layout, one.delimiter, one.decimal_mark, one.null_tokens) == ("ops", "long", ",", ".", [""])
    assert (one.max_quarantine_share, one.on_schema_change, one.scale, one.line) == (0.05, "freeze", 1.0, 2)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        (GOOD + "    delimeter: ';'\n", 7, "feeds[0].delimeter", "`delimiter`"),
        (GOOD.replace("period", "perod"), 6, "feeds[0].columns.perod", "`period`"),
        (GOOD.replace("format: csv", "format: cvs"), 5, "feeds[0].format", "write csv"),
        (GOOD.replace("type: file", "type: ftp"), 4, "feeds[0].source.type", "file"),
        (GOOD.replace("ops/*.csv", "../*.csv"), 4, "feeds[0].source.path", "climbs out"),
        (GOOD.replace("ops/*.csv", "a/../../*.csv"), 4, "feeds[0].source.path", "climbs out"),
        (GOOD.replace("ops/*.csv", "/etc/passwd"), 4, "feeds[0].source.path", "absolute"),
        (GOOD.replace("ops/*.csv", "file:///etc/passwd"), 4, "feeds[0].source.path", "below the landing"),
        (GOOD.replace("ops/*.csv", "~root/*.csv"), 4, "feeds[0].source.path", "below the landing"),
        (GOOD.replace("ops/*.csv", "\\\\\\\\host\\\\x.csv"), 4, "feeds[0].source.path", "backslash"),
        (GOOD.replace("ops/*.csv", "C:x.csv"), 4, "feeds[0].source.path", "drive letters"),
        (GOOD.replace(", value: value", ""), 6, "feeds[0].columns", "no column for `value`"),
        (GOOD.replace("value: value", "value: kpi"), 6, "feeds[0].columns", "twice"),
        (GOOD + "    constants: {kpi: x}\n", 7, "feeds[0].constants", "both a column and a constant"),
        (GOOD + "    encoding: utf-99\n", 7, "feeds[0].encoding", "encoding"),
        (GOOD + "    encoding: rot13\n", 7, "feeds[0].encoding", "encoding"),
        (GOOD + "    delimiter: ab\n", 7, "feeds[0].delimiter", "one sign"),
        (GOOD + '    thousands_mark: "."\n', 7, "feeds[0].thousands_mark", "decimal mark"),
        (GOOD + '    date_format: "yyyy-mm-dd"\n', 7, "feeds[0].date_format", "strptime"),
        (GOOD + '    date_format: "%d.%m"\n', 7, "feeds[0].date_format", "without a year"),
        (GOOD + "    time_zone: Europe/Berlinn\n", 7, "feeds[0].time_zone", "Europe/Berlin"),
        (GOOD + "    scale: 0.01\n", 7, "feeds[0].scale", "unit"),
        (GOOD + "    unit: percent\n    scale: 0\n", 8, "feeds[0].scale", "0"),
        (GOOD + "    scale: 1%\n", 7, "feeds[0].scale", "0.01"),
        (GOOD + "    max_quarantine_share: 5\n", 7, "feeds[0].max_quarantine_share", "1"),
        (GOOD + "    max_deleted_share: 0.9\n", 7, "feeds[0].max_deleted_share", "full_extract"),
        (GOOD + "    full_extract: true\n    max_deleted_share: 90\n", 8, "feeds[0].max_deleted_share", "1"),
        (GOOD + "    layout: wide\n", 2, "feeds[0].kpi_columns", "kpi_columns"),
        (GOOD + "    kpi_columns: {A: x}\n", 7, "feeds[0].kpi_columns", "wide"),
        (GOOD + "    ignored_columns: [day]\n", 7, "feeds[0].ignored_columns", "both read and ignored"),
        (GOOD + "    name: Again\n", 7, None, "duplicate key"),
        (GOOD + "    owner: &a x\n    steward: *a\n", 7, None, "anchor"),
        (GOOD + GOOD.removeprefix("feeds:\n"), 7, "feeds[1].id", "duplicate feed id ops"),
    ],
)
def test_error_names_line_field_and_what_is_meant(tmp_path, text, line, column, words):
    with pytest.raises(DefinitionErrors) as caught:
        load(tmp_path, text)
    error = caught.value.errors[0]
    assert error.file == "feeds.yml"
    assert words in str(error)
    assert error.line == line
    if column:
        assert error.column == column


def test_all_errors_come_at_once(tmp_path):
    text = GOOD.replace("format: csv", "format: cvs") + "    delimeter: ';'\n    encoding: nope\n"
    with pytest.raises(DefinitionErrors) as caught:
        load(tmp_path, text)
    assert [error.line for error in caught.value.errors] == [5, 7, 8]


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(DefinitionErrors, match="missing"):
        load_contracts(tmp_path / "feeds.yml")


def test_no_feeds_is_in_order(tmp_path):
    assert load(tmp_path, "feeds: []\n") == []


def test_hash_follows_what_reading_follows():
    base = contract_hash(contract())
    for same in ({"name": "X"}, {"owner": "x"}, {"schedule": "0 0 * * *"}, {"max_quarantine_share": 0.5}):
        assert contract_hash(contract(**same)) == base
    changes = ({"delimiter": ";"}, {"time_zone": "UTC"}, {"null_tokens": []}, {"date_format": "%d.%m.%Y"})
    assert len({base, *(contract_hash(contract(**change)) for change in changes)}) == 5
    # A refused extract is read again when its limit is raised.
    limits = [contract_hash(contract(full_extract=True, max_deleted_share=limit)) for limit in (0.5, 0.9)]
    assert limits == [contract_hash(contract(full_extract=True)), limits[1]]
    assert len(set(limits)) == 2


def test_records_fill_the_lakes_columns(tmp_path):
    from orchestration.company.records import OWN_COLUMNS

    (record,) = feed_records(load(tmp_path, GOOD))
    assert (record.table, record.natural_id, record.source_file, record.source_row) == ("feeds", "ops", "feeds.yml", 2)
    assert set(record.columns) == set(OWN_COLUMNS["feeds"])
    assert record.columns["source_kind"] == "file"
