"""Publishing, listing and rolling back, on a small warehouse that was audited for real."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import date

import duckdb
import pytest

from orchestration.audit.gate import Verdict
from orchestration.audit.verdict import verdict_to_dict
from orchestration.errors import GateClosed, PublicationError
from orchestration.publication import durable_files
from orchestration.publication.manifest import ManifestInputs, code_version, collect_manifest_inputs
from orchestration.publication.release import STEPS, list_releases, publish_release, rollback
from orchestration.publication.release_store import is_whole
from tests.unit.publication.reviewed_company import AS_OF, NOW

TABLES = {
    "rpt_goalpost_ledger",
    "rpt_integrity_failures",
    "rpt_key_result_kpi",
    "rpt_kpi_control_chart",
    "rpt_noise_candidate",
    "rpt_objective_scorecard",
    "rpt_okr_scorecard",
    "rpt_owner_calibration",
    "rpt_silo_conflict",
    "rpt_silo_conflict_placebo",
    "rpt_silo_friction",
    "rpt_status_rule_comparison",
    "rpt_suggested_link",
    "rpt_watermelon",
}


def digest_of(folder):
    """Hash of every file below a folder."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def change(company):
    """Let the reports say something new, and audit that."""
    company.run("update reports.rpt_okr_scorecard set target = 0.95 where key_result_id = 'kr_00'")
    company.audit_again()


def current(company):
    return str((company.root / "releases" / "current").readlink())


# --- what is in a release -------------------------------------------------------------------------------------------


def test_release_answers_by_either_name_of_a_table(company):
    release = company.publish()
    with duckdb.connect(str(release.database), read_only=True) as connection:
        count = "select count(*) from {}rpt_okr_scorecard"
        assert connection.execute(count.format("")).fetchone() == (12,)
        assert connection.execute(count.format("reports.")).fetchone() == (12,)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release.database}' as anything (read_only)")
        assert connection.execute(count.format("anything.")).fetchone() == (12,)


def test_release_holds_exactly_the_rows_of_the_reports(company):
    release = company.publish()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release.database}' as published (read_only)")
        connection.execute(f"attach '{company.warehouse}' as warehouse (read_only)")
        for table in TABLES:
            for source in (f"published.{table}", f"read_parquet('{release.path}/parquet/{table}.parquet')"):
                for one, other in ((f"warehouse.reports.{table}", source), (source, f"warehouse.reports.{table}")):
                    extra = connection.execute(f"select count(*) from (from {one} except all from {other})").fetchone()
                    assert extra == (0,), (one, other)


def test_release_keeps_comments_keys_and_not_null(company):
    company.run("alter table reports.rpt_okr_scorecard add primary key (key_result_id)")
    company.audit_again()
    release = company.publish()
    with duckdb.connect(str(release.database), read_only=True) as connection:
        tables = dict(connection.execute("select table_name, comment from duckdb_tables()").fetchall())
        assert set(tables) == TABLES | {"release_info"}
        assert tables["rpt_okr_scorecard"].startswith("One row per committed key result")
        columns = connection.execute(
            "select column_name, comment, is_nullable from duckdb_columns() where table_name = 'rpt_okr_scorecard'"
        ).fetchall()
        assert all(comment for _, comment, _ in columns)
        assert {name for name, _, is_nullable in columns if not is_nullable} == {"key_result_id"}
        keys = connection.execute(
            "select table_name, constraint_column_names from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        ).fetchall()
        assert keys == [("rpt_okr_scorecard", ["key_result_id"])]


def test_release_says_which_it_is_in_a_table(company):
    release = company.publish("r7")
    with duckdb.connect(str(release.database), read_only=True) as connection:
        row = connection.execute("select release_id, as_of, oldest_input_on from release_info").fetchone()
    assert row == ("r7", AS_OF, date(2026, 2, 10))


def test_release_is_one_file_in_a_format_that_older_drivers_open(company):
    release = company.publish()
    assert {path.name for path in release.path.iterdir()} == {"reports.duckdb", "parquet", "manifest.json"}
    with duckdb.connect(str(release.database), read_only=True) as connection:
        tags = connection.execute("select tags from duckdb_databases() where database_name = 'reports'").fetchone()[0]
    assert tags["storage_version"].startswith("v1.5.0")


def test_manifest_tells_rules_inputs_and_checksums(company):
    release = company.publish("r1", site_dir=company.write_site())
    manifest = json.loads((release.path / "manifest.json").read_text())
    verdict = company.verdict()
    assert manifest["release_id"] == "r1"
    assert manifest["as_of"] == AS_OF.isoformat()
    assert manifest["data_fingerprint"] == verdict.fingerprint
    assert manifest["catalogue_hash"] == company.catalogue.hash
    assert manifest["verdict"]["withheld"] == ["DAT-03", "OWN-01", "OWN-02"]
    outcomes = {(line["rule_id"], line["stage"]): line["outcome"] for line in manifest["rules"]}
    assert outcomes["OWN-02", "marts"] == "failed"
    assert outcomes["RPT-02", "reports"] == "passed"
    assert manifest["oldest_input"] == {"kpi_id": "latency_09", "on": "2026-02-10", "age_days": 5}
    assert set(manifest["tables"]) == TABLES
    assert {name: facts["rows"] for name, facts in manifest["tables"].items() if facts["rows"]} == {
        "rpt_integrity_failures": 11,
        "rpt_key_result_kpi": 12,
        "rpt_okr_scorecard": 12,
    }
    for name, facts in manifest["tables"].items():
        audited = verdict.tables[f"reports.{name}"]
        assert (facts["rows"], facts["columns"], facts["checksum"]) == (audited.rows, audited.columns, audited.checksum)
    files = {entry["source_file"]: entry for entry in manifest["inputs"] if entry["kind"] == "feed"}
    desk = files["desk/2026-02-14.csv"]
    assert (desk["rows_read"], desk["rows_accepted"], desk["rows_quarantined"]) == (1250, 1247, 3)
    assert len(desk["file_sha256"]) == 64
    assert files["ledger/february.csv"]["status"] == "rejected"
    assert len(manifest["definition_hash"]) == 64
    for name, facts in manifest["files"].items():
        content = (release.path / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (facts["bytes"], facts["sha256"])
    assert (release.path / "governance" / "index.html").is_file()


def test_release_tells_its_steps_in_order(company):
    steps = []
    company.publish(reached=steps.append)
    assert tuple(steps) == STEPS


def test_nothing_personal_is_in_a_release(company):
    people = {b"ana@example.com", b"someone@example.com"}
    release = company.publish(site_dir=company.write_site())
    for path in (path for path in release.path.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(address in content for address in people), path
    with duckdb.connect(str(release.database), read_only=True) as connection:
        for table, column in connection.execute(
            "select table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and not internal"
        ).fetchall():
            found = connection.execute(f"select count(*) from {table} where contains({column}, '@')").fetchone()
            assert found == (0,), (table, column)


@pytest.mark.parametrize("column", ["email", "champion_email", "phone_number", "home_address"])
def test_column_named_like_a_personal_datum_is_refused(company, column):
    company.run(f"alter table reports.rpt_okr_scorecard add column {column} varchar")
    company.audit_again()
    with pytest.raises(PublicationError, match=f"personal datum.*|{column}"):
        company.publish()
    assert not (company.root / "releases" / "current").exists()


# --- the gate -------------------------------------------------------------------------------------------------------


def refuse(company, match, **changes):
    """Publish in vain, and prove that nothing moved."""
    company.publish("before")
    before = digest_of(company.root / "releases")
    with pytest.raises(GateClosed, match=match):
        company.publish("after", **changes)
    assert digest_of(company.root / "releases") == before
    assert current(company) == f"{AS_OF}-before"


def test_closed_verdict_publishes_nothing(company):
    refuse(company, "OWN-02 failed", verdict_dict=verdict_to_dict(company.verdict("strict")))


def test_verdict_of_another_day_publishes_nothing(company):
    refuse(company, "not of 2026-02-16", as_of=date(2026, 2, 16))


@pytest.mark.parametrize(
    "verdict",
    [{}, {"passing": True}, {"passing": True, "as_of": "2026-02-15", "checksum": "0"}, []],
    ids=["empty", "bare", "without its checksum", "no mapping"],
)
def test_something_like_a_verdict_publishes_nothing(company, verdict):
    with pytest.raises((GateClosed, TypeError)):
        company.publish(verdict_dict=verdict)
    assert not (company.root / "releases" / "current").exists()


def test_verdict_that_was_edited_publishes_nothing(company):
    edited = verdict_to_dict(company.verdict("strict")) | {"passing": True, "reasons": [], "blocked": []}
    refuse(company, "changed after it was filed", verdict_dict=edited)


def test_verdict_that_contradicts_itself_publishes_nothing(company):
    strange: Verdict = replace(company.verdict(), blocked=("OWN-02",))
    refuse(company, "OWN-02", verdict_dict=verdict_to_dict(strange))


@pytest.mark.parametrize(
    "edit",
    [
        "update reports.rpt_okr_scorecard set progress = 1 where key_result_id = 'kr_02'",
        "delete from reports.rpt_okr_scorecard where key_result_id = 'kr_02'",
        "insert into reports.rpt_okr_scorecard select * from reports.rpt_okr_scorecard limit 1",
        "alter table reports.rpt_okr_scorecard add column more integer",
        "drop table reports.rpt_integrity_failures",
        "create table reports.rpt_more as select 1 as one",
        "create view reports.rpt_more as select 1 as one",
    ],
)
def test_report_edited_after_its_audit_is_not_published(company, edit):
    verdict = verdict_to_dict(company.verdict())
    company.publish("before")
    company.run(edit)
    before = digest_of(company.root / "releases")
    with pytest.raises(GateClosed, match="not what was audited"):
        company.publish("after", verdict_dict=verdict)
    assert digest_of(company.root / "releases") == before


def test_file_that_does_not_read_back_as_audited_is_not_published(company, monkeypatch):
    from orchestration.publication import release

    write = release.write_reports

    def write_and_spoil(connection, database, tables, folder, info):
        write(connection, database, tables, folder, info)
        with duckdb.connect(str(folder / "reports.duckdb")) as spoiler:
            spoiler.execute("update rpt_okr_scorecard set progress = 0.99 where key_result_id = 'kr_02'")

    monkeypatch.setattr(release, "write_reports", write_and_spoil)
    with pytest.raises(GateClosed, match="rpt_okr_scorecard"):
        company.publish()
    assert [path.name for path in (company.root / "releases").iterdir()] == [".lock"]


# --- again, and back ------------------------------------------------------------------------------------------------


def test_same_content_is_published_once(company):
    first = company.publish("r1")
    before = digest_of(company.root / "releases")
    again = company.publish("r2")
    assert (first.is_new, again.is_new, again.name) == (True, False, first.name)
    assert digest_of(company.root / "releases") == before


def test_other_content_is_published_anew(company):
    company.publish("r1")
    change(company)
    assert company.publish("r2").is_new
    assert current(company) == f"{AS_OF}-r2"


def test_same_rows_from_other_inputs_are_published_anew(company):
    company.publish("r1")
    inputs = collect_manifest_inputs(company.warehouse, company.outcomes())
    other = inputs.inputs[-1].model_copy(update={"file_sha256": "0" * 64})
    assert company.publish(
        "r2", manifest_inputs=inputs.model_copy(update={"inputs": (*inputs.inputs[:-1], other)})
    ).is_new


def test_current_release_that_was_damaged_is_replaced(company):
    first = company.publish("r1")
    (first.path / "parquet" / "rpt_okr_scorecard.parquet").unlink()
    second = company.publish("r2")
    assert second.is_new
    assert is_whole(second)


def test_id_of_a_published_release_is_not_used_again(company):
    company.publish("r1")
    change(company)
    with pytest.raises(PublicationError, match="published before"):
        company.publish("r1")
    assert is_whole(list_releases(company.root / "releases")[0])


def test_release_that_was_rolled_back_is_led_to_again(company):
    company.publish("r1")
    change(company)
    second = company.publish("r2")
    rollback(company.root / "releases", clock=lambda: NOW)
    before = second.database.stat().st_mtime_ns
    again = company.publish("r2")
    assert (again.is_new, current(company), second.database.stat().st_mtime_ns) == (True, second.name, before)


def publish_some(company, count):
    for number in range(count):
        company.run(f"update reports.rpt_okr_scorecard set target = {number} where key_result_id = 'kr_00'")
        company.audit_again()
        company.publish(f"r{number}")
    return company.root / "releases"


def test_rollback_leads_to_the_release_published_before(company):
    releases = publish_some(company, 3)
    assert rollback(releases).manifest.release_id == "r1"
    assert rollback(releases).manifest.release_id == "r0"
    with pytest.raises(PublicationError, match="no earlier release"):
        rollback(releases)
    assert rollback(releases, "r2").is_current
    assert current(company) == f"{AS_OF}-r2"
    assert rollback(releases, f"{AS_OF}-r1").manifest.release_id == "r1"
    history = [json.loads(line)["release"][-2:] for line in (releases / "history.jsonl").read_text().splitlines()]
    assert history == ["r0", "r1", "r2", "r1", "r0", "r2", "r1"]


def test_rollback_to_nothing_known_says_what_there_is(company):
    releases = publish_some(company, 2)
    with pytest.raises(PublicationError, match=r"2026-02-15-r1, 2026-02-15-r0.*did you mean 2026-02-15-r\d"):
        rollback(releases, "2026-02-15-r9")


def test_rollback_to_a_damaged_release_is_refused(company):
    releases = publish_some(company, 2)
    with (releases / f"{AS_OF}-r0" / "reports.duckdb").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(PublicationError, match="damaged"):
        rollback(releases)
    assert current(company) == f"{AS_OF}-r1"


def test_rollback_without_any_release_says_so(tmp_path):
    with pytest.raises(PublicationError, match="no earlier release"):
        rollback(tmp_path / "releases")
    assert list_releases(tmp_path / "elsewhere") == []


def test_releases_are_listed_in_order_of_publication_whatever_the_clock_says(company):
    releases = publish_some(company, 3)  # all at the same moment
    assert [release.manifest.release_id for release in list_releases(releases)] == ["r2", "r1", "r0"]
    (releases / "notes").mkdir()
    assert [release.is_current for release in list_releases(releases)] == [True, False, False]


def test_last_releases_are_kept_and_the_current_one_always(company):
    releases = publish_some(company, 3)
    rollback(releases, "r0")
    company.run("update reports.rpt_okr_scorecard set target = 9 where key_result_id = 'kr_00'")
    company.audit_again()
    company.publish("r9", keep=2)
    assert [release.manifest.release_id for release in list_releases(releases)] == ["r9", "r2"]
    company.run("update reports.rpt_okr_scorecard set target = 10 where key_result_id = 'kr_00'")
    company.audit_again()
    company.publish("r10", keep=0)
    assert [release.manifest.release_id for release in list_releases(releases)] == ["r10"]


def test_reader_keeps_the_release_that_it_opened(company):
    releases = company.root / "releases"
    company.publish("r1")
    with duckdb.connect(str(releases / "current" / "reports.duckdb"), read_only=True) as reader:
        query = "select target from rpt_okr_scorecard where key_result_id = 'kr_00'"
        assert reader.execute(query).fetchone() == (0.9,)
        change(company)
        company.publish("r2", keep=1)  # the file that is open is removed, too
        assert reader.execute(query).fetchone() == (0.9,)
    with duckdb.connect() as fresh:
        fresh.execute(f"attach '{releases}/current/reports.duckdb' as now (read_only)")
        assert fresh.execute(query.replace("rpt_", "now.rpt_")).fetchone() == (0.95,)


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_full_disk_leaves_the_current_release(company, monkeypatch):
    company.publish("r1")
    before = digest_of(company.root / "releases")
    change(company)

    def refuse_to_sync(folder):
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(durable_files, "sync_tree", refuse_to_sync)
    with pytest.raises(PublicationError, match=r"No space left.*current release is untouched"):
        company.publish("r2")
    assert digest_of(company.root / "releases") == before
    assert not [path for path in (company.root / "releases").iterdir() if path.name.startswith(".building")]


def test_leavings_of_a_crash_are_removed(company):
    company.publish("r1")
    releases = company.root / "releases"
    (releases / ".building-x" / "parquet").mkdir(parents=True)
    (releases / ".switching-1").symlink_to("nowhere")
    company.publish("r2")
    assert {path.name for path in releases.iterdir()} == {".lock", "current", "history.jsonl", f"{AS_OF}-r1"}


def test_history_survives_a_line_that_was_cut_short(company):
    releases = publish_some(company, 2)
    with (releases / "history.jsonl").open("a") as handle:
        handle.write('{"release": "2026-02-1')
    assert rollback(releases).manifest.release_id == "r0"
    assert [release.manifest.release_id for release in list_releases(releases)] == ["r1", "r0"]


def test_folder_called_current_is_not_taken_for_a_link(company):
    (company.root / "releases" / "current").mkdir(parents=True)
    with pytest.raises(PublicationError, match="not a link"):
        company.publish()


@pytest.mark.parametrize("release_id", ["", "..", "a/b", "a b", ".hidden", "x" * 200, "a\n"])
def test_id_that_is_no_file_name_is_refused(company, release_id):
    with pytest.raises(PublicationError, match="no release can have this id"):
        company.publish(release_id)


def test_missing_warehouse_is_told(company):
    verdict, inputs = verdict_to_dict(company.verdict()), {"definition_hash": None, "oldest_input": None, "inputs": ()}
    company.warehouse.unlink()
    with pytest.raises(PublicationError, match="no warehouse"):
        publish_release(
            warehouse=company.warehouse,
            releases_dir=company.root / "releases",
            as_of=AS_OF,
            release_id="r1",
            verdict_dict=verdict,
            manifest_inputs=ManifestInputs(**inputs),
            site_dir=None,
            clock=lambda: NOW,
            keep=3,
        )


def test_code_version_starts_with_that_of_the_package():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\+[0-9a-f]+(-dirty)?)?", code_version())
