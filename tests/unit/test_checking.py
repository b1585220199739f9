from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from expectations.catalogue import load_catalogue
from orchestration.checking import check, find_landing
from orchestration.cli import app
from orchestration.company.meaning import REFERENCES, STATUS_RULES
from orchestration.company.sheets import sheets
from orchestration.company.workbook import write_workbook
from orchestration.errors import LosError
from orchestration.settings import PROJECT_ROOT
from tests.unit.company.company_files import FILES, edit, put

DAY = date(2013, 2, 1)
CLOCK = datetime(2013, 3, 1, tzinfo=UTC)
ORGANIZATION, KPIS, OKRS = "organization.yml", "kpis/punctuality.yml", "okrs/2013-Q1/ops.yml"
FEEDS = """\
feeds:
  - id: on_time
    name: On-time share
    owner: coo
    source: {type: file, path: "on_time/*.csv"}
    format: csv
    columns: {kpi: kpi, period: day, value: value}
"""


@pytest.fixture
def company_dir(tmp_path):
    """The small company, with a reviewer and a feed, so that nothing is to be said about it."""
    directory = tmp_path / "company"
    for name, text in FILES.items():
        put(directory, name, text)
    put(directory, "feeds.yml", FEEDS)
    edit(
        directory,
        ORGANIZATION,
        "people:\n",
        "people:\n  - {id: cfo, name: Chief Financial Officer, unit: acme_group}\n",
    )
    edit(directory, OKRS, "champion: coo", "champion: coo\n        reviewer: cfo")
    return directory


def found_in(directory, **options):
    return check(directory, as_of=DAY, clock=CLOCK, **options)


def only_problem(directory, **options):
    problems = found_in(directory, **options).problems
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


def test_company_without_fault_gives_nothing(company_dir):
    report = found_in(company_dir)
    assert (list(report.problems), report.exit_code(strict=True)) == ([], 0)
    assert report.definitions == 10


def test_errors_of_form_are_told_with_those_of_feeds(company_dir):
    edit(company_dir, OKRS, "champion: coo", "chmapion: coo")
    edit(company_dir, "feeds.yml", "format: csv", "format: cvs")
    report = found_in(company_dir)
    assert report.exit_code() == 1
    assert [(one.severity, one.file, one.line) for one in report.problems] == [
        ("error", "feeds.yml", 6),
        ("error", OKRS, 8),
    ]
    assert str(report.problems[1]) == (
        "okrs/2013-Q1/ops.yml:8: error: [objectives[0].key_results[0].chmapion] unknown field `chmapion`; "
        "do: write `champion`"
    )


# File, what stands there, what is written instead; line, rule and words of the only warning.
PLANTED = [
    (OKRS, "kpi: on_time_share", "kpi: on_tme_share", 17, "MAP-03", ["key_results[0].links[0].kpi", "on_time_share"]),
    (OKRS, "reviewer: cfo", "reviewer: cof", 9, "MAP-03", ["key_results[0].reviewer", "no person has this id"]),
    (OKRS, "unit: ops", "unit: opps", 4, "MAP-03", ["[objectives[0].unit]", "no unit has this id", "write ops"]),
    (OKRS, "unit: ops", "unit: ops\n    supports: o_grand", 5, "MAP-03", ["no objective has this id", "o_grand"]),
    (KPIS, "feed: on_time", "feed: on_tme", 6, "MAP-03", ["[kpis[0].feed]", "no feed has this id", "write on_time"]),
    (KPIS, "person: coo}", "person: ceo}", 13, "MAP-03", ["owners[1].person"]),
    (KPIS, "    owners:", "    drivers: [{kpi: nothing}]\n    owners:", 11, "MAP-03", ["drivers[0].kpi", "define"]),
    (ORGANIZATION, "head: coo", "head: nobody", 4, "MAP-03", ["units[1].head"]),
    (ORGANIZATION, "unit: ops,", "unit: op,", 7, "MAP-03", ["people[1].unit"]),
    ("feeds.yml", "owner: coo", "owner: cooo", 4, "MAP-03", ["feeds[0].owner", "write coo"]),
    ("cycles.yml", "locks_on", "status_rule: pace_gp, locks_on", 2, "MAP-03", ["no status rule", "write pace_gap"]),
    (OKRS, "weight: 1", "weight: 0.9", 16, "MAP-04", ["sum to 0.9, expected 1"]),
    (OKRS, "weight: 1", "weight: -1", 16, "MAP-04", ["more than 0"]),
    (OKRS, "unit: share", "unit: minutes", 17, "MAP-04", ["counts in minutes", "in share"]),
    (OKRS, "        reviewer: cfo\n", "", 6, "OWN-01", ["no reviewer is named"]),
    (OKRS, "        champion: coo\n", "", 6, "OWN-01", ["no champion is named"]),
    (OKRS, "reviewer: cfo", "reviewer: coo", 9, "OWN-01", ["the champion is the reviewer too"]),
    (KPIS, "role: accountable_owner", "role: sponsor", 11, "OWN-02", ["nobody is its accountable owner on 2013-02-01"]),
    (KPIS, "from: 2013-01-01", "from: 2013-02-02", 11, "OWN-02", ["nobody"]),
    (KPIS, "from: 2013-01-01", "from: 2013-01-01, to: 2013-01-31", 11, "OWN-02", ["nobody"]),
    (KPIS, "role: data_steward, person: coo", "role: accountable_owner, person: cfo", 11, "OWN-02", ["cfo, coo"]),
    (OKRS, "type: measures, weight: 1", "type: drives", 16, "MAP-01", ["no KPI measures it"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "line", "rule", "words"), PLANTED)
def test_error_of_meaning_is_a_warning_with_its_rule_and_line(company_dir, name, old, new, line, rule, words):
    edit(company_dir, name, old, new)
    problem = only_problem(company_dir)
    assert (problem.severity, problem.rule_id, problem.file, problem.line) == ("warning", rule, name, line)
    assert all(word in str(problem) for word in words), str(problem)
    assert found_in(company_dir).exit_code() == 0
    assert found_in(company_dir).exit_code(strict=True) == 1


def test_milestone_needs_a_link_that_does_not_measure(company_dir):
    edit(company_dir, OKRS, "        type: metric\n        direction: increase\n", "        type: milestone\n")
    problem = only_problem(company_dir)
    assert (problem.rule_id, problem.message) == ("MAP-01", "no KPI is linked that its work drives, impacts or guards")


def test_some_weights_without_the_others_are_told(company_dir):
    edit(company_dir, KPIS, "kpis:\n", "kpis:\n" + (FILES[KPIS].removeprefix("kpis:\n")).replace("on_time_share", "k2"))
    edit(company_dir, OKRS, "weight: 1}", "weight: 1}\n          - {kpi: k2, type: measures}")
    assert "1 of its measuring KPIs have no weight" in only_problem(company_dir).message


def test_what_nobody_committed_to_or_what_is_retired_is_not_judged(company_dir):
    edit(company_dir, OKRS, "type: metric", "type: metric\n        state: draft")
    edit(company_dir, OKRS, "weight: 1", "weight: 3")
    edit(company_dir, KPIS, "grain: day", "grain: day\n    lifecycle: retired")
    edit(company_dir, KPIS, "accountable_owner", "sponsor")
    assert found_in(company_dir).problems == []


def test_version_that_a_later_one_has_replaced_is_not_judged(company_dir):
    unit = "  - {id: ops, name: Operations, parent: acme_group, head: coo}\n"
    edit(
        company_dir,
        ORGANIZATION,
        unit,
        unit.replace("coo", "gone") + unit.replace("id", "effective_from: 2013-01-01, id", 1),
    )
    assert found_in(company_dir).problems == []
    before = check(company_dir, as_of=date(2012, 6, 1), clock=CLOCK).problems
    assert [problem.found for problem in before if problem.rule_id == "MAP-03"] == ["gone"]


def test_waiver_for_nothing_is_told(company_dir):
    put(
        company_dir,
        "governance/waivers.yml",
        "waivers:\n  - {id: w, rule: MAP-01, subject_type: kpi, subject: on_time, reason: r, approved_by: cfo,\n"
        "     approved_on: 2013-01-01, expires_on: 2013-02-01}\n",
    )
    problem = only_problem(company_dir)
    assert (problem.column, problem.remedy) == ("waivers[0].subject", "write on_time_share")


def test_references_are_those_of_the_warehouse():
    """A reference judged here but not there, or the reverse, is a promise that the run does not keep."""
    model = PROJECT_ROOT / "dbt_project/models/intermediate/int_definitions__references.sql"
    stated = re.findall(r'\("(\w+)", "\w+", "\w+", "([\w.]+)", "\w+", "(\w+)"\)', model.read_text(encoding="utf-8"))
    words = {"units": "unit", "people": "person", "kpis": "kpi", "objectives": "objective", "cycles": "cycle"}
    words |= {"key_results": "key_result", "feeds": "feed", STATUS_RULES: "status_rule", "company": "company"}
    words |= {"dependencies": "dependency", "capacity": "capacity"}
    ours = set()
    for table, references in REFERENCES.items():
        sheet = sheets().get(table)
        parent = sheet.parent if sheet and sheet.parent and sheet.field != "key_results" else None
        subject = parent or table
        for _, field, target in references:
            name = f"{sheet.field}.{field}" if parent else field
            ours.add((words.get(subject, subject.removesuffix("s")), name, words[target]))
    # A key result stands inside its objective: these two cannot dangle without the objective's own.
    implied = {("key_result", "objective", "objective"), ("key_result", "cycle", "cycle")}
    assert set(stated) - implied == ours


def test_rules_named_in_warnings_exist():
    known = {rule.id for rule in load_catalogue().rules}
    assert {"MAP-01", "MAP-03", "MAP-04", "OWN-01", "OWN-02", "DAT-05"} <= known


def test_workbook_gives_the_same_warnings_by_sheet_and_row(company_dir, tmp_path):
    edit(company_dir, OKRS, "kpi: on_time_share", "kpi: on_tme_share")
    edit(company_dir, OKRS, "weight: 1", "weight: 0.5")
    edit(company_dir, OKRS, "unit: ops", "unit: opps")
    book = write_workbook(company_dir, tmp_path / "book.xlsx")
    places = {(one.rule_id, one.file, one.line, one.column) for one in found_in(book).problems}
    assert places == {
        ("MAP-03", "book.xlsx", 2, "key_result_links!kpi"),
        ("MAP-04", "book.xlsx", 2, "key_results"),
        ("MAP-03", "book.xlsx", 2, "objectives!unit"),
    }


def test_workbook_checked_apart_from_its_directory_says_so(company_dir):
    book = write_workbook(company_dir, company_dir / "company.xlsx")
    assert "checked alone" in found_in(book).as_text()


# The files of feeds.


def land(tmp_path, name: str, text: str):
    return put(tmp_path / "landing", f"on_time/{name}", text).parents[1]


def test_feed_files_are_read_and_nothing_is_left_behind(company_dir, tmp_path):
    landing = land(tmp_path, "1.csv", "kpi,day,value\non_time_share,2013-01-01,0.5\non_time_share,2013-01-02,0.6\n")
    before = sorted(path for path in tmp_path.rglob("*"))
    report = found_in(company_dir, landing_dir=landing)
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert report.problems == []
    (file,) = report.feed_files
    assert (file.feed, file.file, file.rows_read, file.rows_accepted) == ("on_time", "on_time/1.csv", 2, 2)
    assert "on_time: 1 file, 2 rows read = 2 accepted + 0 quarantined" in report.as_text()


def test_quarantined_rows_are_warnings_by_reason_with_lines(company_dir, tmp_path):
    good = "".join(f"on_time_share,2013-01-{day:02d},0.5\n" for day in range(1, 29))
    bad = "on_time_share,2013-02-01,x\non_time_share,2013-02-02,y\non_tme_share,2013-02-03,1\n"
    landing = land(tmp_path, "1.csv", f"kpi,day,value\n{good}{bad}")
    problems = found_in(company_dir, landing_dir=landing).problems
    assert [(one.severity, one.rule_id, one.file, one.line, one.column) for one in problems] == [
        ("warning", "DAT-05", "on_time/1.csv", 30, "value"),
        ("warning", "DAT-05", "on_time/1.csv", 32, "kpi"),
    ]
    assert problems[0].message.startswith("2 rows quarantined: not_a_number (also on line 31)")
    assert "'x'" in str(problems[0])
    assert "1 row quarantined: unknown_kpi" in problems[1].message


def test_quarantine_below_the_limit_names_no_rule(company_dir, tmp_path):
    edit(company_dir, "feeds.yml", "format: csv", "format: csv\n    max_quarantine_share: 0.9")
    landing = land(tmp_path, "1.csv", "kpi,day,value\non_time_share,2013-01-01,x\non_time_share,2013-01-02,1\n")
    assert only_problem(company_dir, landing_dir=landing).rule_id is None


def test_file_that_cannot_be_read_is_an_error(company_dir, tmp_path):
    landing = land(tmp_path, "1.csv", "kpi,day\non_time_share,2013-01-01\n")
    problem = only_problem(company_dir, landing_dir=landing)
    assert (problem.severity, problem.file) == ("error", "on_time/1.csv")
    assert "the file is rejected: missing_column" in problem.message


def test_feed_without_files_is_a_warning_at_its_contract(company_dir, tmp_path):
    (tmp_path / "landing").mkdir()
    problem = only_problem(company_dir, landing_dir=tmp_path / "landing")
    assert (problem.severity, problem.file, problem.line) == ("warning", "feeds.yml", 2)
    assert "on_time/*.csv" in str(problem)


def test_rows_of_a_release_log_are_checked_against_the_key_results(company_dir, tmp_path):
    """A release log is connected, and its first run says that none of its goals exists."""
    log = """\
  - id: log
    name: Release log
    kind: events
    source: {type: file, path: "log/*.csv"}
    format: csv
    columns: {key_result: goal, event: version, event_type: type, occurred_on: day}
"""
    put(company_dir, "feeds.yml", FEEDS + log)
    landing = land(tmp_path, "1.csv", "kpi,day,value\non_time_share,2013-01-01,0.5\n")
    rows = "kr_on_time,1,release,2013-01-02\nkr_on_tme,2,release,2013-01-03\n"
    put(landing, "log/1.csv", "goal,version,type,day\n" + rows)
    problem = only_problem(company_dir, landing_dir=landing)
    assert (problem.severity, problem.rule_id, problem.file, problem.line) == ("warning", "DAT-05", "log/1.csv", 3)
    assert (problem.column, problem.subject, problem.found) == ("goal", "log", "'kr_on_tme'")
    assert "1 row quarantined: unknown_key_result" in problem.message
    assert "did the source mean kr_on_time?" in problem.message
    (_, events) = found_in(company_dir, landing_dir=landing).feed_files
    assert (events.rows_read, events.rows_accepted, events.rows_quarantined) == (2, 1, 1)


def test_missing_landing_folder_is_an_error(company_dir, tmp_path):
    with pytest.raises(LosError, match="landing folder is missing"):
        found_in(company_dir, landing_dir=tmp_path / "nowhere")


def test_landing_beside_the_company_is_found(company_dir, tmp_path):
    assert find_landing(company_dir) is None
    (tmp_path / "landing").mkdir()
    assert find_landing(company_dir) == tmp_path / "landing"


# The commands.


def los(*arguments: str):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_command_checks_and_exits_by_what_it_finds(company_dir):
    assert los("check", company_dir, "--as-of", "2013-02-01").exit_code == 0
    edit(company_dir, OKRS, "weight: 1", "weight: 0.5")
    result = los("check", company_dir, "--as-of", "2013-02-01")
    assert (result.exit_code, "warning MAP-04" in result.output) == (0, True)
    assert los("check", company_dir, "--as-of", "2013-02-01", "--strict").exit_code == 1
    edit(company_dir, OKRS, "champion: coo", "chmapion: coo")
    assert los("check", company_dir).exit_code == 1


def test_command_prints_json_for_programs(company_dir):
    edit(company_dir, OKRS, "champion: coo", "chmapion: coo")
    content = json.loads(los("check", company_dir, "--format", "json").output)
    assert (content["errors"], content["problems"][0]["line"]) == (1, 8)


def test_commands_make_template_export_and_import(company_dir, tmp_path):
    book = tmp_path / "book.xlsx"
    assert los("workbook", "template", tmp_path / "template.xlsx").exit_code == 0
    assert los("workbook", "export", company_dir, book).exit_code == 0
    assert isinstance(los("workbook", "export", company_dir, book).exception, LosError)
    assert isinstance(los("workbook", "template", tmp_path / "template.pdf").exception, LosError)
    result = los("workbook", "import", book, tmp_path / "yaml")
    assert str(tmp_path / "yaml" / "organization.yml") in result.output
    assert los("check", tmp_path / "yaml", "--as-of", "2013-02-01").exit_code == 1  # feeds.yml is not in a workbook


def test_command_writes_schemas_with_those_of_feeds_and_mappings(tmp_path):
    assert los("schemas", tmp_path / "schemas").exit_code == 0
    names = {path.name for path in (tmp_path / "schemas").iterdir()}
    assert {"kpis.schema.json", "feeds.schema.json", "mappings.schema.json"} <= names
