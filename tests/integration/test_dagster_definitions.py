"""What Dagster sees: pinned, so that nothing appears or vanishes unnoticed."""

from __future__ import annotations

import dagster as dg
import pytest

from expectations.catalogue import CATALOGUE
from tests.conftest import GoldenProject


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    from orchestration.definitions import build_definitions
    from orchestration.transformation import prepare

    settings = GoldenProject(tmp_path_factory.mktemp("definitions") / "golden").settings()
    prepare(settings)
    return build_definitions(settings)


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


def keys(graph, prefix):
    return {key.to_user_string() for key in graph.get_all_asset_keys() if key.path[0] == prefix}


def test_every_feed_is_an_asset(graph):
    assert keys(graph, "kpi_feed") == {"kpi_feed/operations", "kpi_feed/product"}


def test_layers_are_keys_and_groups(graph):
    for layer in ("staging", "intermediate", "marts", "reports"):
        found = keys(graph, layer)
        assert found
        for key in found:
            assert graph.get(dg.AssetKey.from_user_string(key)).group_name == layer


def test_release_stands_behind_audit_and_verdict(graph):
    release = dg.AssetKey(["releases", "okr_reports"])
    ancestors = {key.to_user_string() for key in graph.get_ancestor_asset_keys(release)}
    assert {
        "okr_definitions", "kpi_feed/operations", "raw/observations", "marts/fct_key_result_kpi",
        "governance/integrity_results", "reports/rpt_okr_scorecard", "governance/verdict", "governance/review_site",
    } <= ancestors  # fmt: skip


def test_reports_are_built_after_the_audit_of_the_marts(graph):
    for key in keys(graph, "reports"):
        assert dg.AssetKey(["governance", "integrity_results"]) in graph.get_ancestor_asset_keys(
            dg.AssetKey.from_user_string(key)
        )


def test_every_active_rule_is_an_asset_check_and_nothing_else(graph):
    checks = {key.name for key in graph.asset_check_keys}
    rules = {rule.check_name for stage in ("marts", "reports") for rule in CATALOGUE.active(stage)}
    assert checks == rules | {"gate_is_open", "every_message_was_delivered"}


def test_jobs_schedule_and_sensor(definitions):
    repository = definitions.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert jobs == {"publish_reports", "audit_without_publishing"}
    assert {schedule.name for schedule in repository.schedule_defs} == {"daily_report"}
    assert {sensor.name for sensor in repository.sensor_defs} == {"feed_files", "run_failed"}


def test_jobs_run_in_one_process(definitions):
    for name in ("publish_reports", "audit_without_publishing"):
        assert definitions.resolve_job_def(name).executor_def.name == "in_process"


def test_dry_run_leaves_the_release_out(definitions):
    nodes = {
        key.to_user_string()
        for key in definitions.resolve_job_def("audit_without_publishing").asset_layer.executable_asset_keys
    }
    assert "governance/verdict" in nodes
    assert "releases/okr_reports" not in nodes


def test_every_asset_has_a_description_and_a_group(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        if node.is_executable:
            assert node.description, key
            assert node.group_name != "default", key


def test_partitions_are_the_business_days_of_the_company(graph):
    partitions = graph.get(dg.AssetKey(["releases", "okr_reports"])).partitions_def
    assert partitions.timezone == "Europe/Berlin"
    assert partitions.get_first_partition_key() == "2026-01-01"


def test_schedule_and_sensor_start_by_themselves_only_in_production(tmp_path):
    from orchestration.defs import automation

    project = GoldenProject(tmp_path / "golden")
    for environment, running in (("development", False), ("production", True)):
        built = automation.definitions(project.settings(LOS_ENVIRONMENT=environment))
        (schedule,) = built.schedules
        assert (schedule.default_status == dg.DefaultScheduleStatus.RUNNING) is running


def test_sensor_asks_once_for_what_is_new_and_settled(tmp_path, monkeypatch):
    import os

    from orchestration.defs import automation
    from orchestration.defs.resources import ProjectResource

    project = GoldenProject(tmp_path / "golden")
    settings = project.settings()
    built = automation.definitions(settings)
    (sensor,) = built.sensors
    resource = ProjectResource(overrides=settings.variables())

    def tick(cursor=None):
        context = dg.build_sensor_context(cursor=cursor, resources={"project": resource})
        return sensor(context), context.cursor

    for path in project.landing.rglob("*.csv"):
        path.touch()
    answer, _ = tick()
    assert isinstance(answer, dg.SkipReason)  # just written: may still be arriving
    for path in project.landing.rglob("*.csv"):
        os.utime(path, (0, 0))
    answer, cursor = tick()
    assert isinstance(answer, dg.RunRequest)
    assert answer.partition_key == "2026-02-15"
    answer, _ = tick(cursor)
    assert isinstance(answer, dg.SkipReason)


def test_postgresql_is_a_step_behind_the_release_only_where_it_is_set(graph, tmp_path):
    from orchestration.defs import publication
    from orchestration.transformation import prepare

    assert keys(graph, "releases") == {"releases/okr_reports"}
    project = GoldenProject(tmp_path / "golden")
    settings = project.settings(LOS_POSTGRES_URL="postgresql://u:s3cret@host/db")
    prepare(settings)
    served = {key: asset for asset in publication.definitions(settings).assets for key in asset.keys}
    postgres = served[dg.AssetKey(["releases", "postgresql"])]
    assert postgres.dependency_keys == {dg.AssetKey(["releases", "okr_reports"])}
    # What Dagster shows of a run holds no password.
    assert "s3cret" not in str(settings.variables()) + repr(settings)
