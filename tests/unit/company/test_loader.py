from __future__ import annotations

import dataclasses
import errno
import os
import time
from datetime import date
from pathlib import Path

import pytest

from orchestration.company.loader import load_company, read_profile, registry_rows
from orchestration.company.records import DefinitionRecord, records_hash
from orchestration.company.tables import TABLES
from orchestration.errors import DefinitionErrors
from tests.unit.company.company_files import edit, errors_of, only_error, put

ORGANIZATION, CYCLES = "organization.yml", "cycles.yml"
KPIS, OKRS = "kpis/punctuality.yml", "okrs/2013-Q1/ops.yml"


def record(company, table, natural_id) -> DefinitionRecord:
    (found,) = (one for one in company.records if (one.table, one.natural_id) == (table, natural_id))
    return found


def test_load_company_gives_models_and_records(company_dir):
    company = load_company(company_dir)
    assert company.time_zone.key == read_profile(company_dir).time_zone == "America/New_York"
    assert [(cycle_id, objective.id) for cycle_id, objective in company.objectives] == [("2013-Q1", "o_punctual")]
    assert [(one.table, one.natural_id) for one in company.records] == [
        ("cycles", "2013-Q1"),
        ("kpis", "on_time_share"),
        ("objectives", "o_punctual"),
        ("key_results", "kr_on_time"),
        ("company", "acme"),
        ("units", "acme_group"),
        ("units", "ops"),
        ("people", "coo"),
    ]


def test_record_carries_columns_children_and_lines(company_dir):
    company = load_company(company_dir)
    kpi = record(company, "kpis", "on_time_share")
    assert (kpi.source_file, kpi.source_row) == (KPIS, 2)
    assert (kpi.columns["valid_min"], kpi.columns["valid_max"], kpi.columns["target"]) == (0.0, 1.0, None)
    assert [owner["role"] for owner in kpi.children["kpi_owners"]] == ["accountable_owner", "data_steward"]
    assert kpi.children["kpi_owners"][0]["owned_from"] == date(2013, 1, 1)
    assert [kpi.child_line("kpi_owners", position) for position in (0, 1)] == [12, 13]
    key_result = record(company, "key_results", "kr_on_time")
    assert (key_result.columns["objective_id"], key_result.columns["cycle_id"]) == ("o_punctual", "2013-Q1")
    assert (key_result.columns["measured_as"], key_result.columns["trailing_periods"]) == ("trailing_mean", 7)
    assert key_result.columns["starts_on"] is None
    assert record(company, "company", "acme").children["holidays"] == [
        {"company_id": "acme", "holiday_on": date(2013, 1, 1), "name": "New Year"}
    ]


GOVERNANCE = {
    "waivers": "{id: w1, rule: MAP-01, subject_type: key_result, subject: kr, reason: r, approved_by: coo, "
    "approved_on: 2013-01-02, expires_on: 2013-02-02}",
    "change_requests": "{id: c1, subject_type: key_result, subject: kr, field: target, reason_code: definition_error, "
    "reason: r, requested_by: a, requested_on: 2013-01-02, approved_by: b, approved_on: 2013-01-03}",
    "capacity": "{id: x1, unit: ops, cycle: 2013-Q1, capacity: 100, business_as_usual: 60, measure: hours}",
    "dependencies": "{id: d1, key_result: kr, provider_unit: it, description: d, needed_by: 2013-01-02, "
    "confirmed_by: a, confirmed_on: 2013-01-02, delivered_on: 2013-01-02, risk_owner: b}",
    "escalations": "{id: e1, state: acknowledged, by: coo, on: 2013-01-02, next_action: n, due_on: 2013-01-09, "
    "comment: c}",
    "decisions": "{id: z1, decided_on: 2013-01-02, forum: f, text: t, kpi: k, key_result: kr, decided_by: coo}",
    "check_ins": "{id: s1, key_result: kr, on: 2013-01-02, by: coo, status: on_track, confidence: 0.7, progress: -0.1, "
    "comment: c}",
}

FULL_KPI = """\
kpis:
  - id: full
    name: Full
    description: d
    formula: f
    unit: share
    org_unit: ops
    feed: f
    direction: band
    grain: day
    aggregation: mean
    valid_range: {min: 0, max: 1}
    target: 0.5
    lower_limit: 0.4
    upper_limit: 0.6
    category: health
    indicator: leading
    tier: output
    decision_rule: {threshold: t, decision: d, forum: f}
    constraint: {min: 0.5, max: 0.9, reason: r, owner: coo}
    cost: {amount: 12.5, currency: USD, volume_kpi: v}
    owners: [{role: controller, person: a, from: 2013-01-01, to: 2013-02-01, acknowledged_on: 2012-12-10,
              delegated_from: b}]
    inputs: [{name: n, controlled_by_unit: u, controlled_by_person: p, share: 0.6}]
    drivers: [{kpi: k, sign: -1, lag: 2}]
    rebases: [{on: 2013-06-01, reason: r}]
    lifecycle: shadow
    freshness_days: 2
    max_manual_share: 0.4
"""

FULL_OKR = """\
objectives:
  - id: full
    title: Full
    unit: ops
    owner: a
    sponsor: b
    supports: o
    state: draft
    key_results:
      - id: full
        title: Full
        champion: a
        reviewer: b
        type: control
        direction: stay_within
        unit: share
        baseline: 0.1
        target: 0.2
        stretch: 0.3
        lower_limit: 0.4
        upper_limit: 0.5
        starts_on: 2013-01-01
        due_on: 2013-02-01
        weight: 1
        indicator: leading
        measured_as: trailing_mean(3)
        state: draft
        status_rule: pace_gap
        links: [{kpi: k, type: guardrail, weight: 1, sign: -1, lag: 1, minimum_effect: 1, guardrail_min: 1,
                 guardrail_max: 2, approver: a, approved_on: 2013-01-01}]
        attestation: {statement: s, by: a, on: 2013-01-01, expires_on: 2013-02-01}
        milestones: [{id: m, title: t, kind: release, weight: 1, due_on: 2013-01-01, completed_on: 2013-01-02}]
        checkpoints: [{on: 2013-01-01, expected_progress: 0.5}]
        demand: [{unit: u, demand: 1, measure: hours}]
"""


def test_every_column_of_every_table_is_filled_from_some_field(company_dir):
    for kind, entry in GOVERNANCE.items():
        put(company_dir, f"governance/{kind}.yml", f"{kind}: [{entry}]\n")
    put(company_dir, "kpis/full.yml", FULL_KPI)
    put(company_dir, "okrs/2013-Q1/full.yml", FULL_OKR)
    put(
        company_dir,
        ORGANIZATION,
        "company: {id: a, name: A, time_zone: UTC, currency: USD, holidays: [{on: 2013-01-01, name: New Year}], "
        "max_manual_share: 0.3}\n"
        "units: [{id: g, name: G}, {id: u, name: U, parent: g, head: p}]\n"
        "people: [{id: p, name: P, email: p@example.com, unit: u, active_from: 2010-01-01, active_to: 2014-01-01}]\n",
    )
    put(
        company_dir,
        CYCLES,
        "cycles: [{id: c, name: C, starts_on: 2013-01-01, ends_on: 2013-03-31, readiness_due_on: 2012-12-17, "
        "locks_on: 2013-01-07, closes_on: 2013-04-10, status_rule: pace_gap}]\n",
    )
    filled: dict[str, set[str]] = {}
    for one in load_company(company_dir).records:
        for table, rows in {one.table: [one.columns], **one.children}.items():
            for row in rows:
                filled.setdefault(table, set()).update(name for name, value in row.items() if value is not None)
    shared = {"record_key", "record_hash", "effective_from", "is_deleted", "position", "load_id", "loaded_at"}
    shared |= {"source_feed", "source_file", "source_row", "row_hash"}
    expected = {
        entity.removeprefix("definitions/"): set(schema.names) - shared
        for entity, schema in TABLES.items()
        if entity != "definitions/feeds"
    }
    assert filled == expected


# One planted error of form each: file, what stands there, what is written instead, line, words of the message.
PLANTED = [
    (OKRS, "champion: coo", "chmapion: coo", 8, ["unknown field `chmapion`", "do: write `champion`"]),
    (KPIS, "    name: On-time share\n", "", 2, ["missing field `name`"]),
    (KPIS, "direction: increase", "direction: incraese", 7, ["expected increase, decrease or band", "write increase"]),
    (KPIS, "id: on_time_share", "id: 2013", 2, ["expected text", 'put it in quotes: "2013"']),
    (KPIS, "name: On-time share", "name: 1.10", 3, ["found the number 1.10", 'put it in quotes: "1.10"']),
    (OKRS, "target: 0.8", "target: '0.8'", 13, ["expected a number", "write 0.8, without quotes"]),
    (OKRS, "target: 0.8", "target: 80%", 13, ["expected a number", "write the share: 0.8"]),
    (OKRS, "target: 0.8", "target: 0,8", 13, ["expected a number", "with a point for decimals"]),
    (OKRS, "target: 0.8", "target: true", 13, ["expected a number", "found true"]),
    (OKRS, "weight: 1}", "weight: 1, sign: true}", 16, ["not one of the values allowed", "-1 or 1"]),
    (OKRS, "trailing_mean(7)", "trailing_mean(0)", 14, ["trailing_mean(n)"]),
    (OKRS, "trailing_mean(7)", "trailling_mean(7)", 14, ["do: write trailing_mean(7)"]),
    (OKRS, "direction: increase", "direction: milestone", 10, ["exclude each other"]),
    (OKRS, "        direction: increase\n", "", 6, ["missing field `direction`"]),
    (OKRS, "    key_results:\n", "    keyresults:\n", 5, ["unknown field `keyresults`", "write `key_results`"]),
    (OKRS, "type: measures", "type: measure", 16, ["measures, drives, impacts or guardrail", "write measures"]),
    (CYCLES, "2013-03-31", "2013-02-30", 2, ["[cycles[0].ends_on]", "no calendar has"]),
    (CYCLES, "2013-03-31", "31/03/2013", 2, ["YYYY-MM-DD", "found '31/03/2013'"]),
    (CYCLES, "2013-03-31", "2012-03-31", 2, ["ends_on 2012-03-31 lies before starts_on 2013-01-01"]),
    (CYCLES, "2013-01-07", "0213-01-07", 2, ["before 1900"]),
    (CYCLES, "cycles:", "cycle:", 1, ["unknown field `cycle`", "write `cycles`"]),
    (ORGANIZATION, "America/New_York", "America/NewYork", 1, ["time zone", "write America/New_York"]),
    (ORGANIZATION, "coo@example.com", "coo", 6, ["not an e-mail address"]),
    (ORGANIZATION, "{id: acme, name", "{id: '(unowned)', name", 1, ["begins with ("]),
    (ORGANIZATION, "id: coo", 'id: "c\\u200Boo"', 6, ["invisible character"]),
    (ORGANIZATION, "name: Acme}", 'name: "A\\u0007"}', 3, ["control character"]),
    (
        ORGANIZATION,
        ", parent: acme_group",
        "",
        4,
        ["several units have no parent", "acme_group (line 3), ops (line 4)"],
    ),
    (ORGANIZATION, "name: Acme}", "name: Acme, parent: ops}", 3, ["no enterprise"]),
    (KPIS, "min: 0", "min: 2", 10, ["max 1.0 lies before min 2.0"]),
    (KPIS, "org_unit: ops", "org_unit:", 6, []),
    (KPIS, "unit: share", "unit:", 4, ["found nothing", "write a value"]),
    (KPIS, "    owners:\n", "    owners: coo\n    x:\n", 11, ["expected a list"]),
    (KPIS, "{min: 0, max: 1}", "0-1", 10, ["expected a mapping"]),
    (KPIS, "kpis:\n", "kpis:\n  - just text\n", 2, ["expected a mapping"]),
]


@pytest.mark.parametrize(("name", "old", "new", "line", "words"), PLANTED, ids=lambda value: str(value)[:30])
def test_error_of_form_names_file_line_and_remedy(company_dir, name, old, new, line, words):
    edit(company_dir, name, old, new)
    if not words:
        load_company(company_dir)
        return
    errors = errors_of(company_dir)
    texts = [str(error) for error in errors]
    assert any(
        (error.file, error.line) == (name, line) and all(word in text for word in words)
        for error, text in zip(errors, texts, strict=True)
    ), "\n".join(texts)


def test_typo_in_a_field_name_reads_well(company_dir):
    edit(company_dir, OKRS, "champion: coo", "chmapion: coo")
    assert str(only_error(company_dir)) == (
        "okrs/2013-Q1/ops.yml:8: [objectives[0].key_results[0].chmapion] unknown field `chmapion`; do: write `champion`"
    )
    assert only_error(company_dir).subject == "kr_on_time"


def test_unknown_field_unlike_any_other_lists_the_valid_ones(company_dir):
    edit(company_dir, CYCLES, "name: Q1 2013", "name: Q1 2013, zzz: 1")
    error = only_error(company_dir)
    assert "one of: effective_from, id, name, starts_on" in str(error)


def test_every_error_of_every_file_is_told_at_once(company_dir):
    edit(company_dir, OKRS, "champion: coo", "chmapion: coo")
    edit(company_dir, OKRS, "target: 0.8", "target: high")
    edit(company_dir, KPIS, "direction: increase", "direction: up")
    edit(company_dir, CYCLES, "cycles:", "cycles: [")
    put(company_dir, "kpi/stray.yml", "kpis: []\n")
    put(company_dir, "kpis/again.yml", "kpis: [{id: on_time_share}]\n")
    places = [(error.file, error.line) for error in errors_of(company_dir)]
    assert ("cycles.yml", 1) in places or ("cycles.yml", 2) in places
    assert ("kpi/", None) in places
    assert ("kpis/again.yml", 1) in places
    assert (KPIS, 7) in places
    assert {(OKRS, 8), (OKRS, 13)} <= set(places)


def test_duplicate_id_names_both_places(company_dir):
    put(company_dir, "kpis/a.yml", FULL_KPI.replace("id: full", "id: ' on_time_share '"))
    error = only_error(company_dir)
    assert (error.file, error.line) == (KPIS, 2)
    assert "duplicate id 'on_time_share' in kpis" in str(error)
    assert "the same at kpis/a.yml:2" in str(error)


def test_duplicate_key_result_over_cycles_is_refused(company_dir):
    text = (company_dir / OKRS).read_text()
    put(company_dir, "okrs/2013-Q2/ops.yml", text)
    assert [(error.file, error.line) for error in errors_of(company_dir)] == [
        ("okrs/2013-Q2/ops.yml", 2),
        ("okrs/2013-Q2/ops.yml", 6),
    ]


def test_two_versions_by_effective_from_load(company_dir):
    text = (company_dir / KPIS).read_text()
    later = text.replace("id: on_time_share", "id: on_time_share\n    effective_from: 2013-02-01")
    later = later.replace("max: 1", "max: 2")
    put(company_dir, "kpis/later.yml", later)
    company = load_company(company_dir)
    versions = [one.effective_from for one in company.records if one.table == "kpis"]
    assert sorted(versions, key=str) == [date(2013, 2, 1), None]
    assert [row["valid_max"] for row in registry_rows(company)] == [2.0]
    assert [row["valid_max"] for row in registry_rows(company, on=date(2013, 1, 31))] == [1.0]
    assert [row["valid_max"] for row in registry_rows(company, on=date(2013, 2, 1))] == [2.0]
    put(company_dir, "kpis/latest.yml", later)
    error = only_error(company_dir)
    assert "with effective_from 2013-02-01" in str(error)


def test_registry_rows_hold_what_ingestion_checks_against(company_dir):
    assert registry_rows(load_company(company_dir)) == [
        {
            "kpi_id": "on_time_share",
            "unit": "share",
            "grain": "day",
            "valid_min": 0.0,
            "valid_max": 1.0,
            "lifecycle": "active",
            "feed_id": "on_time",
        }
    ]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("kpi/x.yml", "rename it to kpis/"),
        ("okr/2013-Q1/x.yml", "rename it to okrs/"),
        ("Governance/waivers.yml", "rename it to governance/"),
        ("elsewhere/x.yml", "move it out"),
        ("organization.yaml", "organization.yml"),
        ("organisation.yml", "organization.yml"),
        ("kpis.yml", "kpis/kpis.yml"),
        ("waivers.yml", "governance/waivers.yml"),
        ("kpis/x.yaml", "kpis/x.yml"),
        ("kpis/sub/x.yml", "kpis/x.yml"),
        ("okrs/x.yml", "okrs/<cycle_id>/x.yml"),
        ("okrs/2013-Q1/deep/x.yml", "okrs/2013-Q1/x.yml"),
        ("governance/waiver.yml", "governance/waivers.yml"),
        ("kpis/list.xlsx", "move it out"),
    ],
)
def test_file_that_nothing_reads_is_an_error(company_dir, name, remedy):
    put(company_dir, name, "kpis: []\n")
    error = only_error(company_dir)
    assert "nothing reads" in error.message
    assert remedy in str(error)


def test_empty_folder_of_a_wrong_name_is_an_error(company_dir):
    (company_dir / "okr").mkdir()
    assert "rename it to okrs/" in str(only_error(company_dir))


def test_linked_folder_is_an_error(company_dir, tmp_path):
    (tmp_path / "outside").mkdir()
    (company_dir / "okrs" / "2013-Q2").symlink_to(tmp_path / "outside")
    assert "linked folder" in str(only_error(company_dir))


def test_notes_hidden_files_schemas_and_feeds_are_passed_over(company_dir):
    for name in ("README.md", ".hidden/x.yml", ".DS_Store", ".schemas/kpis.schema.json", "x.schema.json", "feeds.yml"):
        put(company_dir, name, "not read")
    load_company(company_dir)


def test_folder_that_cannot_be_listed_is_an_error(company_dir, monkeypatch):
    """Passing over it would mark every KPI as deleted."""
    scandir = os.scandir

    def refuse_kpis(path):
        if Path(path).name == "kpis":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_kpis)
    error = only_error(company_dir)
    assert (error.file, error.message) == ("kpis/", "the folder cannot be read: Permission denied")


def test_missing_or_empty_directory_says_so(tmp_path):
    with pytest.raises(DefinitionErrors, match=r"directory is missing.*LOS_COMPANY_DIR"):
        load_company(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DefinitionErrors, match=r"directory is empty.*LOS_COMPANY_DIR"):
        load_company(tmp_path / "empty")


@pytest.mark.parametrize("name", [ORGANIZATION, CYCLES])
def test_missing_required_file_is_an_error(company_dir, name):
    (company_dir / name).unlink()
    error = only_error(company_dir)
    assert error.file == name
    assert "missing" in error.message


@pytest.mark.parametrize("name", [ORGANIZATION, CYCLES, KPIS, OKRS])
def test_empty_file_is_an_error(company_dir, name):
    put(company_dir, name, "# nothing yet\n")
    error = only_error(company_dir)
    assert (error.file, error.message) == (name, "the file is empty")


def test_list_that_is_named_and_left_empty_is_empty(company_dir):
    put(company_dir, "governance/waivers.yml", "waivers:\n")
    edit(
        company_dir,
        OKRS,
        "        links:\n          - {kpi: on_time_share, type: measures, weight: 1}\n",
        "        links:\n",
    )
    assert record(load_company(company_dir), "key_results", "kr_on_time").children["key_result_links"] == []


def test_errors_of_meaning_load(company_dir):
    edit(company_dir, OKRS, "kpi: on_time_share", "kpi: nowhere")
    edit(company_dir, OKRS, "weight: 1", "weight: -3")
    edit(company_dir, OKRS, "        champion: coo\n", "")
    edit(company_dir, KPIS, "role: accountable_owner, person: coo", "role: sponsor, person: nobody")
    edit(company_dir, ORGANIZATION, "head: coo", "head: nobody")
    put(company_dir, "okrs/2099-Q9/x.yml", "objectives: [{id: o9, title: In no cycle, supports: nothing}]\n")
    assert len(load_company(company_dir).objectives) == 2


def test_text_that_looks_like_code_is_kept(company_dir):
    hostile = "=HYPERLINK(1) <script>alert(1)</script> '; drop table x"
    edit(company_dir, KPIS, "name: On-time share", f'name: "{hostile}"')
    assert load_company(company_dir).kpis[0].name == hostile


def test_ids_are_compared_trimmed_and_composed(company_dir):
    edit(company_dir, KPIS, "id: on_time_share", "id: ' cafe\u0301 '")
    edit(company_dir, OKRS, "kpi: on_time_share", "kpi: caf\u00e9")
    company = load_company(company_dir)
    assert company.kpis[0].id == company.objectives[0][1].key_results[0].links[0].kpi == "caf\u00e9"


def test_loop_of_units_is_named(company_dir):
    put(
        company_dir,
        ORGANIZATION,
        "company: {id: a, name: A, time_zone: UTC}\n"
        "units:\n"
        "  - {id: top, name: Top}\n"
        "  - {id: a, name: A, parent: b}\n"
        "  - {id: b, name: B, parent: c}\n"
        "  - {id: c, name: C, parent: a}\n",
    )
    error = only_error(company_dir)
    assert (error.line, error.found) == (6, "a -> b -> c -> a")


def test_units_that_exchange_places_one_day_are_no_loop(company_dir):
    put(
        company_dir,
        ORGANIZATION,
        "company: {id: a, name: A, time_zone: UTC}\n"
        "units:\n"
        "  - {id: top, name: Top}\n"
        "  - {id: a, name: A, parent: top}\n"
        "  - {id: b, name: B, parent: a}\n"
        "  - {id: a, name: A, parent: b, effective_from: 2013-06-01}\n"
        "  - {id: b, name: B, parent: top, effective_from: 2013-06-01}\n",
    )
    load_company(company_dir)


def test_milestone_needs_no_direction(company_dir):
    edit(company_dir, OKRS, "        type: metric\n        direction: increase\n", "        type: milestone\n")
    assert record(load_company(company_dir), "key_results", "kr_on_time").columns["direction"] == "milestone"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (
            "weight: 1}",
            "weight: 1}\n          - {kpi: on_time_share, type: measures}",
            "the link measures on_time_share",
        ),
        (
            "        links:",
            "        milestones: [{id: m, title: a}, {id: m, title: b}]\n        links:",
            "the milestone m",
        ),
    ],
)
def test_child_that_stands_twice_is_an_error(company_dir, old, new, word):
    edit(company_dir, OKRS, old, new)
    assert f"{word} stands twice" in str(only_error(company_dir))


def test_escalation_may_have_several_steps(company_dir):
    put(
        company_dir,
        "governance/escalations.yml",
        "escalations:\n"
        "  - {id: e1, state: acknowledged, on: 2013-01-02}\n"
        "  - {id: e1, state: resolved, on: 2013-01-05}\n",
    )
    ids = [one.natural_id for one in load_company(company_dir).records if one.table == "escalations"]
    assert ids == ["e1 acknowledged 2013-01-02", "e1 resolved 2013-01-05"]
    edit(
        company_dir,
        "governance/escalations.yml",
        "state: resolved, on: 2013-01-05",
        "state: acknowledged, on: 2013-01-02",
    )
    assert "duplicate id" in str(only_error(company_dir))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("on_track", "not_assessable", "status"),
        ("0.7", "7", "confidence"),
        ("2013-01-02", "2013-02-30", "calendar"),
        ("by: coo", "effective_from: 2013-01-02", "effective_from"),
    ],
)
def test_check_in_that_says_nothing_clear_is_an_error(company_dir, old, new, word):
    put(
        company_dir,
        "governance/check_ins.yml",
        "check_ins: [{id: s, key_result: kr, on: 2013-01-02, by: coo, status: on_track, confidence: 0.7}]\n",
    )
    assert record(load_company(company_dir), "check_ins", "s").columns["on"] == date(2013, 1, 2)
    edit(company_dir, "governance/check_ins.yml", old, new)
    assert word in str(only_error(company_dir))


def test_record_hash_follows_meaning_not_place(company_dir):
    before = load_company(company_dir)
    (company_dir / KPIS).rename(company_dir / "kpis" / "renamed.yml")
    edit(company_dir, "kpis/renamed.yml", "kpis:", "# moved down\nkpis:")
    after = load_company(company_dir)
    assert after.content_hash == before.content_hash
    edit(company_dir, "kpis/renamed.yml", "role: data_steward, person: coo", "role: data_steward, person: cfo")
    assert load_company(company_dir).content_hash != before.content_hash


def test_record_hash_ignores_absent_columns_and_order(company_dir):
    records = list(load_company(company_dir).records)
    kpi = next(one for one in records if one.table == "kpis")
    widened = dataclasses.replace(kpi, columns={**dict(reversed(kpi.columns.items())), "later_column": None})
    assert widened.hash == kpi.hash
    assert records_hash(reversed(records)) == records_hash(records)


def test_loading_time_grows_with_the_number_of_kpis_and_stays_small(company_dir):
    """Reading slows down unnoticed: a parser in pure Python would take minutes for the largest company."""
    block = (company_dir / KPIS).read_text().removeprefix("kpis:\n")

    def seconds(count: int) -> float:
        text = "kpis:\n" + "".join(block.replace("id: on_time_share", f"id: kpi_{n}") for n in range(count))
        put(company_dir, "kpis/many.yml", text)
        start = time.process_time()
        assert len(load_company(company_dir).kpis) == count + 1
        return time.process_time() - start

    small, large = seconds(250), seconds(2500)
    assert large < 30 * max(small, 0.02)  # linear is 10; leaves room for a busy machine
    assert large < 5  # 20,000 take eight times as long
