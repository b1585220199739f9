"""The user's path: from company files and feeds to a release, good and bad."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date

import duckdb
import pytest

from tests.conftest import GoldenProject
from tests.golden.defects import WARNED, WITHHELD
from tests.golden.expected import MAIN_KPI, SCORECARD

FIGURES = (
    "measured_value", "progress_raw", "progress", "expected_progress", "attainment_vs_locked", "attainment_vs_current",
    "data_age_days",
)  # fmt: skip
PUBLISHED = (
    "rpt_okr_scorecard", "rpt_key_result_kpi", "rpt_goalpost_ledger", "rpt_integrity_failures", "rpt_kpi_control_chart",
    "rpt_objective_scorecard", "rpt_owner_calibration", "rpt_status_rule_comparison", "rpt_watermelon",
    "rpt_plan_readiness", "rpt_shared_kpi", "rpt_capacity", "rpt_cycle_score",
    "rpt_escalation", "rpt_escalation_level", "rpt_integrity_history",
    "rpt_silo_conflict", "rpt_silo_conflict_placebo", "rpt_silo_friction", "rpt_suggested_link",
    "rpt_noise_candidate",
)  # fmt: skip


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """The golden company, run once."""
    project = GoldenProject(tmp_path_factory.mktemp("clean") / "golden")
    assert project.run() == 0
    return project


def rows(project, table):
    return project.query(f"select * from {table} order by all")


def tree_hash(folder):
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def current(project):
    return (project.root / "data/releases/current").resolve()


def loads(project):
    lake = project.root / "data/lake/loads"
    return duckdb.execute(
        "select kind, source_file, status, rows_read, rows_accepted, rows_quarantined, reason_code"
        " from read_parquet(?, union_by_name = true) where kind in ('feed', 'definitions') order by all",
        [f"{lake}/*.parquet"],
    ).fetchall()


def test_clean_company_is_published_with_the_figures_computed_by_hand(clean):
    found = {
        key_result: dict(zip(("status", "progress_raw", "progress", "expected_progress"), figures, strict=True))
        for key_result, *figures in clean.query(
            "select key_result_id, status, progress_raw, progress, expected_progress from reports.rpt_okr_scorecard"
        )
    }
    assert set(found) == set(SCORECARD)
    for key_result, expected in SCORECARD.items():
        assert found[key_result] == pytest.approx(expected, abs=1e-9), key_result


def test_each_key_result_names_its_kpi_and_who_answers_for_it(clean):
    found = {
        row[0]: row[1:]
        for row in clean.query("select key_result_id, main_kpi_id, main_kpi_owner_name from rpt_okr_scorecard")
    }
    assert found == MAIN_KPI


def test_clean_company_has_no_finding(clean):
    assert rows(clean, "rpt_integrity_failures") == []


def test_manifest_accounts_for_every_row(clean):
    manifest = json.loads((current(clean) / "manifest.json").read_text())
    feeds = [entry for entry in manifest["inputs"] if entry["kind"] == "feed"]
    assert sum(entry["rows_read"] for entry in feeds) == 46 * 2 + 46 * 3
    assert all(entry["rows_read"] == entry["rows_accepted"] + entry["rows_quarantined"] for entry in feeds)
    assert {name: table["rows"] for name, table in manifest["tables"].items()} == {
        "rpt_okr_scorecard": 5, "rpt_key_result_kpi": 8, "rpt_goalpost_ledger": 0, "rpt_integrity_failures": 0,
        "rpt_kpi_control_chart": 230,
        "rpt_objective_scorecard": 3, "rpt_owner_calibration": 2, "rpt_status_rule_comparison": 40, "rpt_watermelon": 2,
        "rpt_escalation": 3, "rpt_escalation_level": 9, "rpt_integrity_history": 0, "rpt_cycle_score": 0,
        "rpt_capacity": 3, "rpt_plan_readiness": 57, "rpt_shared_kpi": 2, "rpt_suggested_link": 0,
        "rpt_silo_conflict": 1, "rpt_silo_conflict_placebo": 0, "rpt_silo_friction": 2, "rpt_noise_candidate": 0,
    }  # fmt: skip


def test_no_e_mail_address_is_published(clean):
    for path in current(clean).rglob("*"):
        if path.is_file():
            assert b"@example.com" not in path.read_bytes(), path.name


def test_second_run_changes_nothing(clean):
    before, release, files = loads(clean), current(clean), tree_hash(current(clean))
    assert clean.run() == 0
    assert loads(clean) == before
    assert current(clean) == release
    assert tree_hash(current(clean)) == files


def test_rebuilding_the_warehouse_from_the_lake_gives_the_same_rows(clean):
    before = {table: rows(clean, table) for table in PUBLISHED}
    for path in (clean.root / "data/warehouse").iterdir():
        path.unlink()
    assert clean.run() == 0
    assert {table: rows(clean, table) for table in PUBLISHED} == before


def test_tampered_mart_closes_the_gate_and_leaves_the_release_untouched(clean):
    from orchestration.audit.run import run_audit
    from orchestration.audit.verdict import decide_and_record
    from orchestration.errors import GateClosed
    from orchestration.lake.store import Lake
    from orchestration.publication.publish import publish_reports

    settings, day = clean.settings(), date(2026, 2, 15)
    lake, files = Lake(settings.lake_dir), tree_hash(current(clean))
    backup = settings.warehouse_path.read_bytes()
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            "update marts.fct_kpi_observation set value = value - 5"
            " where kpi_id = 'latency' and period_start_on = date '2026-02-15'"
        )
    try:
        with pytest.raises(GateClosed):  # edited after the audit
            publish_reports(settings, lake, as_of=day)
        for stage in ("marts", "reports"):
            report = run_audit(
                warehouse=settings.warehouse_path, lake=lake, stage=stage, as_of=day, run_id="t", clock=settings.clock
            )
            if stage == "marts":
                assert report.outcome("DAT-06").outcome == "failed"
        verdict = decide_and_record(
            warehouse=settings.warehouse_path, lake=lake, as_of=day, run_id="t", mode="standard", clock=settings.clock
        )
        assert not verdict.passing
        assert "DAT-06" in verdict.blocked
        with pytest.raises(GateClosed):  # audited, and found wanting
            publish_reports(settings, lake, as_of=day)
    finally:
        settings.warehouse_path.write_bytes(backup)
    assert tree_hash(current(clean)) == files


def test_backfill_of_an_earlier_day_is_laid_beside_the_current_release(clean):
    before = current(clean)
    assert clean.run(LOS_AS_OF="2026-02-10") == 0
    assert current(clean) == before
    (earlier,) = [path for path in before.parent.iterdir() if path.name.startswith("2026-02-10-")]
    with duckdb.connect(str(earlier / "reports.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select as_of, measured_value from rpt_okr_scorecard where key_result_id = 'kr_latency'"
        ).fetchone()
    assert found == (date(2026, 2, 10), pytest.approx(20 - 0.05 * 40))


def test_fact_changed_by_hand_is_never_published_and_then_built_anew(clean, capsys):
    """A run takes in only what is new: what somebody changed would stand there for good."""
    assert clean.run() == 0
    release = current(clean)

    def change() -> None:
        with duckdb.connect(str(clean.settings().warehouse_path)) as connection:
            connection.execute("update marts.fct_kpi_observation set value = value - 5 where kpi_id = 'latency'")

    change()
    assert clean.run() == 2
    assert "DAT-06" in capsys.readouterr().out
    assert current(clean) == release
    assert clean.run() == 0
    change()
    assert clean.run(rebuild=True) == 0


@pytest.fixture(scope="module")
def defective(tmp_path_factory):
    """The golden company with every defect planted that a release survives, run once."""
    project = GoldenProject(tmp_path_factory.mktemp("defective") / "golden")
    for defect in WITHHELD:
        defect.edit(project)
    assert project.run() == 0
    return project


@pytest.fixture(scope="module")
def warned(tmp_path_factory):
    """The golden company with every defect planted that is published with a warning, run once."""
    project = GoldenProject(tmp_path_factory.mktemp("warned") / "golden")
    for edit in dict.fromkeys(defect.edit for defect in WARNED):
        edit(project)
    assert project.run() == 0
    return project


@pytest.mark.parametrize("defect", [*WITHHELD, *WARNED], ids=lambda defect: defect.name)
def test_planted_defect_is_caught_by_its_rule(request, defect):
    project = request.getfixturevalue("warned" if defect in WARNED else "defective")
    # The lake has the findings of both stages; the report is made before it is itself audited.
    with duckdb.connect() as connection:
        found = connection.execute(
            "select distinct severity, outcome, owner_id, detail from read_parquet($results, union_by_name = true)"
            " where rule_id = $rule and subject_id = $subject",
            {
                "results": str(project.root / "data/lake/integrity_results/**/*.parquet"),
                "rule": defect.rule,
                "subject": defect.subject,
            },
        ).fetchall()
    assert found, f"{defect.rule} does not name {defect.subject}"
    for severity, outcome, owner, detail in found:
        assert (severity, outcome) == (defect.severity, "failed")
        assert owner
        assert detail


def test_withheld_rows_keep_their_place_and_lose_every_figure(defective):
    found = {
        row[0]: row[1:]
        for row in defective.query(
            f"select key_result_id, status, withheld_reason, {', '.join(FIGURES)} from rpt_okr_scorecard"
        )
    }
    assert set(found) == set(SCORECARD)
    for key_result in ("kr_orders", "kr_latency", "kr_portal", "kr_quality"):
        status, reason, *figures = found[key_result]
        assert status == "withheld"
        assert reason
        assert figures == [None] * len(FIGURES)


def test_strict_gate_turns_withhold_into_block(defective, capsys):
    assert defective.run(LOS_GATE="strict") == 2
    printed = capsys.readouterr().out
    assert "closed" in printed
    # The terminal and the site count the same rules.
    (held,) = re.findall(r"Rules: +(\d+ of \d+ hold); ", printed)
    assert held in (defective.root / "data/governance/current/index.html").read_text(encoding="utf-8")


def test_circle_of_objectives_closes_the_gate(golden, capsys):
    golden.edit(
        "company/okrs/2026-Q1/group.yml",
        "    sponsor: chief\n    state",
        "    sponsor: chief\n    supports: o_product\n    state",
    )
    assert golden.run() == 2
    assert "MAP-05" in capsys.readouterr().out


def test_misspelt_field_stops_the_run_and_keeps_the_last_good_definitions(golden, capsys):
    golden.edit("company/okrs/2026-Q1/group.yml", "        champion: lead_orders", "        chmapion: lead_orders")
    assert golden.run() == 1
    printed = capsys.readouterr().out
    assert "okrs/2026-Q1/group.yml:11: [" in printed
    assert "chmapion" in printed
    assert "champion" in printed.replace("chmapion", "")
    assert not (golden.root / "data/releases").exists()


def test_empty_feed_folder_stops_the_run_with_what_to_do(golden, capsys):
    for path in golden.landing.rglob("*.csv"):
        path.unlink()
    assert golden.run() == 1
    printed = capsys.readouterr().out
    assert "no observation of any feed" in printed
    assert str(golden.landing) in printed


def test_unreadable_file_and_bad_rows_are_kept_with_their_reason(golden, capsys):
    path = golden.landing / "operations" / "2026.csv"
    lines = path.read_text().splitlines(keepends=True)
    bad = [line.replace(",", ",x", 1) if number % 10 in (3, 6, 9) else line for number, line in enumerate(lines)]
    path.write_text("".join(bad))
    planted = sum(old != new for old, new in zip(lines, bad, strict=True))
    (golden.landing / "operations" / "broken.csv").write_bytes(b"\x00\xff\xfe not a csv \x80\x81\n")
    golden.run()
    lake = golden.root / "data/lake"
    quarantined = duckdb.execute(
        "select source_file, source_row, reason_code, raw_text from read_parquet(?, union_by_name = true) order by all",
        [f"{lake}/quarantine/**/*.parquet"],
    ).fetchall()
    assert sum("2026.csv" in row[0] for row in quarantined) == planted
    for file, line, reason, text in quarantined:
        assert reason
        if "2026.csv" in file:
            assert text.strip() == bad[line - 1].strip()
    assert any("broken.csv" in row[0] for row in quarantined)
    by_file = {row[1]: row for row in loads(golden)}
    assert by_file["operations/broken.csv"][2] == "rejected"
    kept = by_file["operations/2026.csv"]
    assert kept[3] == 92
    assert kept[4] == 92 - planted
    printed = capsys.readouterr()
    assert "broken.csv" in printed.err
    assert f"quarantined of operations: bad_encoding 1, not_a_date {planted}\n" in printed.out
    assert "feeds.html names file and line" in printed.out
