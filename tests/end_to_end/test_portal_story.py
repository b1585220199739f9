"""The story of the README, lived through: a launch that is on track, and an order desk that pays for it.

Each day is what could be known on its morning: values reach the warehouse at five of the day after. Each docstring is
the failure that the test prevents.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.end_to_end.manufacturer_lake import PORTAL, Manufacturer, make_feeds

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
RELEASE_ON = date(2026, 4, 6)  # a Monday
WITHIN_FIVE_WORKING_DAYS = date(2026, 4, 13)
LAUNCH, LATENCY = "kr_2026q2_portal_launch", "order_processing_latency_minutes"
LINK = (
    "          - {kpi: order_processing_latency_minutes, type: impacts, lag: 0, minimum_effect: 0.5, "
    "approver: operations_head, approved_on: 2026-04-03}\n"
)
DONE = ", due_on: 2026-04-10, completed_on: 2026-04-06}"
CONFLICTS = f"select key_result_id from marts.fct_silo_conflict where kpi_id = '{LATENCY}'"
TREMOR = f"from marts.fct_tremor where key_result_id = '{LAUNCH}' and kpi_id = '{LATENCY}'"
OBJECTIVE = "select status from marts.fct_objective_daily where objective_id = 'o_2026q2_portal' and is_latest"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return Manufacturer(tmp_path_factory.mktemp("portal") / "manufacturer")


@pytest.fixture(scope="module")
def days(company: Manufacturer) -> dict[date, tuple[list[tuple[object, ...]], str, dict[str, object]]]:
    """Conflicts, status of Product's objective, and the tremor, as of each morning from the release on."""
    found = {}
    for day in (7, 9, 10, 11, 13, 16):
        warehouse = company.build(date(2026, 4, day))
        found[date(2026, 4, day)] = (
            warehouse.rows("from marts.fct_silo_conflict"),
            warehouse.rows(OBJECTIVE)[0][0],
            warehouse.row(TREMOR),
        )
    return found


def test_conflict_is_raised_within_five_working_days(days) -> None:
    """The company learns of it at the end of the quarter."""
    raised = min(day for day, (conflicts, _, _) in days.items() if conflicts)
    assert raised == date(2026, 4, 11) <= WITHIN_FIVE_WORKING_DAYS
    assert {day: len(conflicts) for day, (conflicts, _, _) in days.items() if day >= raised} == {
        date(2026, 4, 11): 1,
        date(2026, 4, 13): 1,
        date(2026, 4, 16): 1,
    }


def test_until_then_nothing_is_claimed(days) -> None:
    """A release is accused before there is evidence."""
    for day in (7, 9, 10):
        conflicts, status, tremor = days[date(2026, 4, day)]
        assert (conflicts, status) == ([], "on_track")
        assert (tremor["attribution"], tremor["null_reason"], tremor["cost_basis"]) == (
            "cannot_tell",
            "too_early",
            "no_tremor",
        )


def test_objective_of_product_is_not_green_from_then_on(days) -> None:
    """Product stays green at the expense of Operations."""
    assert [days[date(2026, 4, day)][1] for day in (11, 13, 16)] == ["off_track"] * 3


def test_conflict_names_both_owners_and_the_key_result(company: Manufacturer, days) -> None:
    """Everybody is sorry and nobody is asked."""
    warehouse = company.build(date(2026, 4, 16))
    row = warehouse.row("from marts.fct_silo_conflict")
    assert row["silo_conflict_key"] == f"{LAUNCH}|{LATENCY}|2026-04-10"
    assert (row["champion_id"], row["key_result_org_unit_id"]) == ("portal_manager", "product")
    assert (row["kpi_owner_id"], row["kpi_org_unit_id"]) == ("order_desk_lead", "operations")
    assert (row["key_result_status"], row["attribution"], row["shared_with"]) == ("on_track", "single", None)
    assert (row["event_on"], row["detected_on"], row["is_open"]) == (RELEASE_ON, date(2026, 4, 10), True)
    assert (row["method"], row["p_value"] <= 0.05, row["history_count"] > 400) == ("placebo", True, True)


def test_bill_is_that_of_the_story(company: Manufacturer, days) -> None:
    """The bill is a guess, or what is still to be saved is not told."""
    tremor = company.build(date(2026, 4, 16)).row(TREMOR)
    effect, margin, volume = tremor["effect"], tremor["effect_margin"], tremor["volume_to_date"]
    assert abs(effect - 3) <= 1.2 * margin, (effect, margin)  # one draw of noise: three minutes are given
    orders = make_feeds._order_counts(make_feeds.DEFAULT_SEED)
    known = [count for day, count in orders.items() if RELEASE_ON <= day <= date(2026, 4, 15)]
    assert volume == sum(known)
    assert tremor["cost_to_date_amount"] == pytest.approx(effect * volume * 400_000 / 180_000, rel=1e-9)
    assert tremor["projected_cost_amount"] == pytest.approx(effect / 3 * 400_000, rel=0.02)
    remaining = tremor["projected_cost_amount"] - tremor["cost_to_date_amount"]
    assert tremor["remaining_cost_amount"] == pytest.approx(remaining, rel=1e-9)
    assert (tremor["currency"], tremor["cost_basis"]) == ("USD", "effect_x_volume")


def test_published_row_is_enough_for_a_page(tmp_path: Path) -> None:
    """The conflict stays in the warehouse."""
    company = Manufacturer(tmp_path / "manufacturer")
    assert company.run(date(2026, 4, 16)) == 0
    ((finding, disproof, remaining, is_withheld),) = company.published(
        "select finding, disproof, remaining_cost_amount, is_withheld from reports.rpt_silo_conflict"
    )
    assert finding.startswith("Order processing latency is at ")
    assert f"; {remaining:.0f} USD are still to come to the end of the cycle" in finding
    assert "is taken back" in disproof
    assert (remaining > 0, is_withheld) == (True, False)
    ((bars, dates, marked),) = company.published(
        "select count(*), sum(placebo_count), count(case when holds_release then 1 end)"
        " from reports.rpt_silo_conflict_placebo"
    )
    assert (bars, dates > 400, marked) == (24, True, 1)
    assert company.published(
        "select status, worst_guardrail_kpi_id from reports.rpt_objective_scorecard"
        " where objective_id = 'o_2026q2_portal'"
    ) == [("off_track", LATENCY)]
    assert company.published(
        "select open_conflict_count from reports.rpt_silo_friction"
        " where cycle_id = '2026-Q2' and org_unit_id = 'product' and other_org_unit_id = 'operations'"
    ) == [(1,)]


def test_missing_link_is_refused(tmp_path: Path) -> None:
    """The launch is planned and nobody asks what else it touches."""
    company = Manufacturer(tmp_path / "manufacturer")
    company.edit(PORTAL, LINK, "")
    company.edit(PORTAL, "        links:\n          # Product expected", "        # Product expected")
    company.edit(PORTAL, "          # minute is the smallest", "        # minute is the smallest")
    assert company.run(date(2026, 3, 31)) == 0
    finding = (
        "select severity, detail from reports.rpt_integrity_failures"
        f" where rule_id = 'MAP-02' and subject_id = '{LAUNCH}'"
    )
    ((severity, detail),) = company.published(finding)
    assert (severity, "nobody attests that there is none" in detail) == ("warn", True)
    assert company.run(date(2026, 4, 9)) == 0  # the day after the lock
    ((severity, _),) = company.published(finding)
    assert severity == "withhold"
    assert company.published(
        f"select status, is_withheld from reports.rpt_okr_scorecard where key_result_id = '{LAUNCH}'"
    ) == [("withheld", True)]
    # And when it does touch the order desk, the link is suggested, without the figures that are withheld.
    assert company.run(date(2026, 4, 16)) == 0
    assert company.published(
        "select key_result_id, kpi_id, relation, is_withheld, p_value from reports.rpt_suggested_link"
    ) == [(LAUNCH, LATENCY, "input_of_its_unit", True, None)]


# --- what must not be said --------------------------------------------------------------------------------------------


def of_story(tmp_path: Path, name: str) -> Manufacturer:
    return Manufacturer(tmp_path / "manufacturer", make_feeds.STORIES[name])


def test_release_without_effect_is_no_conflict(tmp_path: Path) -> None:
    """Every launch is suspected."""
    warehouse = of_story(tmp_path, "no_effect").build(date(2026, 4, 28))
    tremor = warehouse.row(TREMOR)
    assert (tremor["attribution"], tremor["is_tremor"], tremor["is_window_over"]) == ("none", False, True)
    assert tremor["p_value"] > 0.05
    assert (warehouse.rows(CONFLICTS), warehouse.rows(OBJECTIVE)) == ([], [("on_track",)])


def test_shift_without_a_release_is_nobodys(tmp_path: Path) -> None:
    """Whoever is nearest is blamed for what a KPI does."""
    company = of_story(tmp_path, "no_release")
    company.edit(PORTAL, DONE, ", due_on: 2026-04-10}")
    warehouse = company.build(date(2026, 4, 16))
    assert warehouse.rows(CONFLICTS) == []
    assert warehouse.rows(f"select * {TREMOR}") == []
    # The KPI itself does not keep silent.
    assert ("concern",) in warehouse.rows(
        f"select variation from marts.fct_kpi_control_chart where kpi_id = '{LATENCY}' and is_latest"
    )


def test_two_key_results_that_go_live_in_one_week_share_it(tmp_path: Path) -> None:
    """One of two is accused, by chance."""
    company = Manufacturer(tmp_path / "manufacturer")
    company.edit(
        PORTAL,
        "          - {kpi: orders_count, type: impacts, sign: 1, lag: 5, minimum_effect: 20}\n",
        "          - {kpi: orders_count, type: impacts, sign: 1, lag: 5, minimum_effect: 20}\n"
        "          - {kpi: order_processing_latency_minutes, type: impacts, minimum_effect: 0.5}\n"
        "        milestones:\n"
        "          - {id: mobile, title: Portal on phones, kind: release, completed_on: 2026-04-08}\n",
    )
    warehouse = company.build(date(2026, 4, 20))
    assert warehouse.rows(
        f"select key_result_id, attribution, shared_with from marts.fct_tremor "
        f"where kpi_id = '{LATENCY}' and cycle_id = '2026-Q2' order by 1"
    ) == [
        ("kr_2026q2_portal_adoption", "shared", LAUNCH),
        (LAUNCH, "shared", "kr_2026q2_portal_adoption"),
    ]
    assert {row[0] for row in warehouse.rows("select attribution from marts.fct_silo_conflict")} == {"shared"}


def test_missing_values_in_the_window_are_no_alibi(tmp_path: Path) -> None:
    """Who sends nothing has done nothing."""
    warehouse = of_story(tmp_path, "missing_data").build(date(2026, 4, 16))
    tremor = warehouse.row(TREMOR)
    assert (tremor["attribution"], tremor["null_reason"]) == ("cannot_tell", "missing_data")
    assert (tremor["missing_period_count"] > 0, tremor["p_value"]) == (True, None)
    assert warehouse.rows(CONFLICTS) == []
    assert warehouse.rows(OBJECTIVE) == [("not_assessable",)]


def test_end_of_the_month_is_no_tremor(tmp_path: Path) -> None:
    """What happens every month is taken for what happened once."""
    company = of_story(tmp_path, "month_end")
    company.edit(PORTAL, DONE, ", due_on: 2026-04-24, completed_on: 2026-04-20}")
    tremor = company.build(date(2026, 5, 13)).row(TREMOR)  # 28 to 30 April lie in the window
    assert (tremor["attribution"], tremor["is_window_over"]) == ("none", True)


def test_improvement_is_told_and_accuses_nobody(tmp_path: Path) -> None:
    """Good news reads like bad news, or is lost."""
    company = Manufacturer(tmp_path / "manufacturer", make_feeds.Story(slower_by_minutes=-3.0))
    warehouse = company.build(date(2026, 4, 16))
    tremor = warehouse.row(TREMOR)
    assert (tremor["is_tremor"], tremor["is_adverse"], tremor["attribution"]) == (True, False, "single")
    assert (tremor["effect"] < -2, tremor["cost_basis"], tremor["cost_to_date_amount"]) == (True, "not_adverse", None)
    assert (warehouse.rows(CONFLICTS), warehouse.rows(OBJECTIVE)) == ([], [("on_track",)])
