"""What Dagster sees: pinned, so that nothing appears or vanishes unnoticed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

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
    rhythm = {"plan_cycle", "lock_cycle", "weekly_review", "close_cycle"}
    assert jobs == {"publish_reports", "audit_without_publishing"} | rhythm
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "daily_report", "plan_until_the_lock", "lock_on_its_day", "review_every_monday", "close_on_its_day",
    }  # fmt: skip
    assert {sensor.name for sensor in repository.sensor_defs} == {"feed_files", "run_failed"}


def test_jobs_run_in_one_process(definitions):
    for name in (
        "publish_reports", "audit_without_publishing", "plan_cycle", "lock_cycle", "weekly_review", "close_cycle",
    ):  # fmt: skip
        assert definitions.resolve_job_def(name).executor_def.name == "in_process"


def test_dry_run_leaves_the_release_out(definitions):
    nodes = {
        key.to_user_string()
        for key in definitions.resolve_job_def("audit_without_publishing").asset_layer.executable_asset_keys
    }
    assert "governance/verdict" in nodes
    assert not {"releases/okr_reports", "releases/closed_cycles"} & nodes


def test_scores_are_written_after_the_release_that_says_them(graph):
    closed = dg.AssetKey(["releases", "closed_cycles"])
    assert dg.AssetKey(["releases", "okr_reports"]) in graph.get(closed).parent_keys


@pytest.mark.parametrize(
    ("schedule", "day", "asked"),
    [
        ("plan_until_the_lock", "2025-12-15", ["2026-Q1"]),
        ("plan_until_the_lock", "2026-01-05", []),
        ("lock_on_its_day", "2026-01-05", ["2026-Q1"]),
        ("lock_on_its_day", "2026-01-06", []),
        ("review_every_monday", "2026-02-16", ["2026-Q1"]),
        ("review_every_monday", "2026-04-13", []),
        ("close_on_its_day", "2026-04-10", ["2026-Q1"]),
        ("close_on_its_day", "2026-04-09", []),
    ],
)
def test_rhythm_follows_the_cycles(definitions, tmp_path, schedule, day, asked):
    """A cycle is closed because somebody remembered it."""
    from orchestration.defs.resources import ProjectResource

    repository = definitions.get_repository_def()
    (found,) = [one for one in repository.schedule_defs if one.name == schedule]
    project = ProjectResource(overrides=GoldenProject(tmp_path / "golden").settings().variables())
    moment = datetime.fromisoformat(f"{day}T08:30:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    ticked = found.evaluate_tick(
        dg.build_schedule_context(
            scheduled_execution_time=moment, resources={"project": project}, repository_def=repository
        )
    )
    assert [request.tags["cycle"] for request in ticked.run_requests or []] == asked
    assert bool(ticked.skip_message) is not bool(asked)


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
    from orchestration.defs import automation, cadence

    project = GoldenProject(tmp_path / "golden")
    for environment, running in (("development", False), ("production", True)):
        settings = project.settings(LOS_ENVIRONMENT=environment)
        for schedule in [*automation.definitions(settings).schedules, *cadence.definitions(settings).schedules]:
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

    assert "releases/postgresql" not in keys(graph, "releases")
    project = GoldenProject(tmp_path / "golden")
    settings = project.settings(LOS_POSTGRES_URL="postgresql://u:s3cret@host/db")
    prepare(settings)
    served = {key: asset for asset in publication.definitions(settings).assets for key in asset.keys}
    postgres = served[dg.AssetKey(["releases", "postgresql"])]
    assert postgres.dependency_keys == {dg.AssetKey(["releases", "okr_reports"])}
    # What Dagster shows of a run holds no password.
    assert "s3cret" not in str(settings.variables()) + repr(settings)
