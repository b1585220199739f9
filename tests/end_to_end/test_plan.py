"""`los plan` on the manufacturer's second quarter, before it starts. Each docstring is the failure it prevents."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from orchestration.errors import LosError
from orchestration.planning.plan import PlanReport, plan_cycle
from orchestration.settings import PROJECT_ROOT, Settings, load_settings

COMPANY = PROJECT_ROOT / "examples" / "manufacturer" / "company"
BEFORE, MENDED = date(2026, 3, 16), date(2026, 4, 7)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The manufacturer with its feeds' files, and nothing loaded yet."""
    folder = tmp_path_factory.mktemp("plan")
    command = [sys.executable, "examples/manufacturer/make_feeds.py", "--landing", str(folder / "landing")]
    subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True)
    return load_settings(
        {
            "LOS_COMPANY_DIR": str(COMPANY),
            "LOS_DATA_DIR": str(folder / "data"),
            "LOS_LANDING_DIR": str(folder / "landing"),
        }
    )


@pytest.fixture(scope="module")
def before(settings: Settings) -> PlanReport:
    return plan_cycle(settings, "2026-Q2", as_of=BEFORE, landing=settings.landing)


@pytest.fixture(scope="module")
def draft(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A draft that asks the order desk for more than it has."""
    folder = tmp_path_factory.mktemp("draft") / "company"
    shutil.copytree(COMPANY, folder)
    path = folder / "okrs/2026-Q2/operations.yml"
    text = path.read_text(encoding="utf-8")
    assert "unit: order_desk, demand: 300" in text
    path.write_text(text.replace("unit: order_desk, demand: 300", "unit: order_desk, demand: 900"), encoding="utf-8")
    return folder


def verdicts(report: PlanReport) -> dict[str, str]:
    return {row["subject_id"].removeprefix("kr_2026q2_"): row["verdict"] for row in report.facts.key_results}


def missed(report: PlanReport) -> set[tuple[str, str, str]]:
    return {
        (row["key_result_id"].removeprefix("kr_2026q2_"), row["criterion"], row["owner_name"])
        for row in report.facts.to_do
        if row["needed_for"] != "decision"
    }


def test_plan_of_march_says_what_is_no_plan_and_who_must_mend_it(before: PlanReport) -> None:
    """The quarter starts on a launch that the order desk never agreed to."""
    others = {
        "order_latency", "defects", "gross_margin", "receivables", "lead_velocity", "quote_turnaround",
        "on_time_delivery",
    }  # fmt: skip
    assert verdicts(before) == dict.fromkeys(others, "ready") | {
        "portal_launch": "not_a_plan",
        "portal_availability": "not_a_plan",
        "portal_adoption": "baseline_only",
    }
    assert missed(before) == {
        ("portal_launch", "dependencies_confirmed", "Order Desk Lead"),
        ("portal_availability", "impact_declared", "Portal Manager"),
        ("portal_availability", "enough_observations", "Data Steward, Commercial"),
        ("portal_adoption", "enough_observations", "Data Steward, Commercial"),
        ("portal_adoption", "fresh", "Data Steward, Commercial"),
    }
    assert before.exit_code() == 2


def test_page_and_programs_are_told_the_same(before: PlanReport) -> None:
    """The check of a pull request and the page that it links to disagree."""
    page = before.page.read_text(encoding="utf-8")
    assert "7 of 10 key results are ready; 1 may only measure a baseline; 2 are no plan." in page
    assert "Order Desk Lead" in page
    assert "http" not in page.replace("http-equiv", "")
    told = json.loads(before.as_json())
    assert (told["cycle"], told["is_ready"], len(told["to_do"])) == ("2026-Q2", False, len(before.facts.to_do))
    assert "not_a_plan    kr_2026q2_portal_launch: dependencies_confirmed" in before.as_text()


def test_nothing_but_the_folder_of_plans_is_touched(settings: Settings, before: PlanReport) -> None:
    """A draft leaves its definitions in the lake for ever."""
    assert [path.name for path in settings.data_dir.iterdir()] == ["plan"]


def test_mended_plan_is_ready_but_for_what_the_draft_adds(settings: Settings, before: PlanReport, draft: Path) -> None:
    """Everybody is told that it does not fit, and nobody what to cut."""
    report = plan_cycle(settings, "2026-Q2", as_of=MENDED, company_dir=draft, landing=settings.landing)
    assert missed(report) == {("order_latency", "within_capacity", "Order Desk Lead")}
    (desk,) = report.facts.overloaded
    assert (desk["org_unit_id"], round(desk["load_share"], 4), desk["cut_first"]) == (
        "order_desk", 1.0101, "kr_2026q2_order_latency",
    )  # fmt: skip
    assert report.exit_code() == 2


def test_unknown_cycle_is_named_with_the_nearest(settings: Settings) -> None:
    """A typo is a traceback."""
    with pytest.raises(LosError, match="did you mean 2026-Q2"):
        plan_cycle(settings, "2026-Q22", as_of=BEFORE)


def test_lock_of_what_is_no_plan_fails_and_says_so(settings: Settings) -> None:
    """Targets freeze on key results whose data nobody has, and the run that says so is green."""
    from orchestration.defs.cadence import lock_cycle_job
    from orchestration.defs.resources import ProjectResource

    # Nothing was ever loaded here: without data there is no plan.
    result = lock_cycle_job.execute_in_process(
        run_config={"ops": {"judge_lock": {"config": {"cycle": "2026-Q2", "as_of": "2026-04-08"}}}},
        resources={"project": ProjectResource(overrides=settings.variables())},
        raise_on_error=False,
    )
    (failure,) = [event.event_specific_data for event in result.all_events if event.is_step_failure]
    told = failure.user_failure_data.description
    assert told.startswith("2026-Q2 was locked without a plan: 0 of 10 key results are ready; 10 may only measure a")
