"""The page of a silo conflict: what a sceptical reader needs, nothing withheld, and nothing planted that acts."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta

import pytest

from orchestration.publication.pages import chart, conflict
from orchestration.publication.pages.links import page_file
from orchestration.settings import PROJECT_ROOT
from tests.unit.publication.reviewed_company import AS_OF
from tests.unit.publication.test_site import HOSTILE, read

KEY = "kr_02|latency_03"
PAGE = page_file("conflict", KEY)
ESCALATIONS = """
insert into reports.rpt_escalation by name
select
    '{side}' as escalation_key, date '2026-02-15' as as_of, 'silo_conflict:{side}:kr_02|latency_03' as escalation_id,
    'silo_conflict' as trigger_type, 'kpi' as subject_type, 'latency_03' as subject_id, 'Latency' as subject_name,
    'ops' as org_unit_id, 'Ops' as org_unit_name, 'asked: {side}' as detail, 'open' as state, 'owner' as level_role,
    'bo' as owner_id, 'Bo Lindqvist' as owner_name, 'Roll back' as next_action, 0 as level, 3 as age_days,
    true as is_open, false as is_overdue, date '2026-02-12' as opened_on, date '2026-02-16' as due_on
"""
FRICTION = """
insert into reports.rpt_silo_friction by name
select
    '{unit}' as silo_friction_key, '2026-Q1' as cycle_id, '{unit}' as org_unit_id, '{unit}' as org_unit_name,
    'ops' as other_org_unit_id, 'Ops' as other_org_unit_name, '{reason}' as cost_null_reason, 2 as link_count,
    1 as release_test_count, 0 as adverse_tremor_count, 0 as favourable_tremor_count, 1 as cannot_tell_count,
    {conflicts} as conflict_count, {conflicts} as open_conflict_count, 0 as withheld_conflict_count,
    0 as uncosted_conflict_count, 3 as dependency_count, 2 as unconfirmed_dependency_count,
    1 as overdue_dependency_count, 3 + {conflicts} as friction_count
"""


@pytest.fixture
def company(company):
    """The company with a histogram and both escalations of its conflict."""
    company.run(
        "insert into reports.rpt_silo_conflict_placebo by name select "
        f"'{KEY}|' || bin as placebo_bin_key, '{KEY}' as silo_conflict_key, 'minutes' as unit, bin, "
        "(bin - 12) * 0.25 as from_movement, (bin - 11) * 0.25 as to_movement, "
        "case when bin < 23 then 10 else 2 end as placebo_count, bin = 22 as holds_release "
        "from (select unnest(range(24))::integer as bin)"
    )
    for side in ("champion", "owner"):
        company.run(ESCALATIONS.format(side=side))
    return company


def change(company, assignments):
    company.run(f"update reports.rpt_silo_conflict set {assignments}")


def written(company):
    company.audit_again()
    return company.write_site(release_id="r1")


def test_page_gives_whose_work_whose_number_how_much_and_what_it_costs(company):
    page = read(written(company), PAGE)
    for told in (
        "Sales released “Portal released” on 2026-01-30, and Order latency, line 03 of Ops is at 34 minutes instead of "
        "31 minutes: 3 minutes more (± 0.8 minutes), which is worse. That cost 41,200 EUR so far, and comes to "
        "400,000 EUR by the end of the cycle if nothing is done.",
        "Chi Okafor", "Ana Reyes",
        "p = 0.004", "about once in 250 times", "240 earlier dates", "against earlier dates without this release",
        "3 minutes × 6,866.6667 (Order latency, line 01) × 2 EUR = 41,200 EUR to date.", "358,800 EUR",
        "effect × volume × declared cost",
        "It is disproved if it stays where it is after the release is taken back.",
        "none yet",
    ):  # fmt: skip
        assert told in page.text, told


def test_page_draws_the_kpi_with_the_release_and_the_placebo_dates_and_says_both_in_words(company):
    page = read(written(company), PAGE)
    drawn = [one for one in page.all("svg") if one.get("role") == "img"]
    assert len(drawn) == 2
    ids = {attributes.get("id") for _, attributes in page.tags}
    for one in drawn:
        assert set(one["aria-labelledby"].split()) <= ids
    assert {"event", "level", "column", "line"} <= {path["class"] for path in page.all("path")}
    assert "In the 14 periods before the release of 2026-01-30 the level was 31 minutes" in page.text
    assert "at most 12 moved as far" in page.text
    assert "12 earlier dates show about as much or more" in page.text


def test_page_shows_the_escalations_of_both_sides_and_of_no_other_conflict(company):
    company.run(ESCALATIONS.format(side="owner").replace("kr_02|", "kr_09|").replace("asked: owner", "asked: stranger"))
    text = read(written(company), PAGE).text
    assert "asked: champion" in text
    assert "asked: owner" in text
    assert "asked: stranger" not in text


def test_escalations_lead_to_the_conflict(company):
    links = {link["href"] for link in read(written(company), "escalations.html").all("a")}
    assert PAGE in links


def test_decision_is_told_with_who_and_when(company):
    change(
        company,
        "decision_id = 'D-7', decision = 'Take the portal back', decided_by_id = 'dee', decided_on = date '2026-02-11'",
    )
    text = read(written(company), PAGE).text
    for told in ("Take the portal back", "Dee Marchetti", "2026-02-11", "D-7"):
        assert told in text, told


WITHHELD = ", ".join(
    [
        "is_withheld = true, withheld_reason = 'OWN-02: nobody answers for it', key_result_status = 'withheld'",
        *(
            f"{name} = null"
            for name in (
                "cost_basis", "currency", "finding", "baseline_level", "level_after", "effect", "effect_margin",
                "statistic", "p_value", "minimum_effect", "cost_per_unit_amount", "volume_to_date",
                "cost_to_date_amount", "remaining_cost_amount", "projected_cost_amount",
            )
        ),
    ]
)  # fmt: skip


def test_withheld_conflict_shows_why_and_no_figure(company):
    change(company, WITHHELD)
    folder = written(company)
    page = read(folder, PAGE)
    assert "Its figures are withheld. OWN-02: nobody answers for it" in page.text
    assert "figure" not in {tag for tag, _ in page.tags}
    for figure in ("minutes", "EUR", "p =", "41,200", "240"):
        assert figure not in page.text, figure
    assert not {"conflict-periods.csv", "conflict-placebos.csv"} & {path.name for path in (folder / "data").iterdir()}
    assert "1 silo conflict open: 1 withheld." in read(folder, "signals.html").text


def test_conflict_of_a_withheld_kpi_shows_no_value_of_it(company):
    """The two withholdings come from one place; the page must not lean on it."""
    company.run("update reports.rpt_kpi_control_chart set is_withheld = true where kpi_id = 'latency_03'")
    page = read(written(company), PAGE)
    assert "Its values are not published, so there is no chart." in page.text
    assert "periods-since" not in {table["id"] for table in page.all("table")}


def test_closed_gate_has_no_page_of_a_conflict(company):
    folder = company.write_site(company.verdict("strict"))
    assert not list(folder.rglob("*conflict*"))
    page = read(folder, "signals.html")
    assert "The gate is closed, so no signal of this day is shown." in page.text
    assert not page.all("table")


@pytest.mark.parametrize(("days_ago", "has_page"), [(0, True), (90, True), (91, False)])
def test_ended_conflict_keeps_its_page_for_ninety_days(company, days_ago, has_page):
    ended = AS_OF - timedelta(days=days_ago)
    change(company, f"is_open = false, resolved_on = date '{ended}', resolution = 'Portal mended'")
    folder = written(company)
    assert (folder / PAGE).exists() is has_page
    assert f"resolved {ended}" in read(folder, "signals.html").text
    if has_page:
        text = read(folder, PAGE).text
        assert f"It ended on {ended}: Portal mended." in text
        assert "400,000" not in text
        assert "if nothing is done" not in text


def test_uncosted_conflict_says_so_and_never_zero(company):
    change(
        company,
        "cost_basis = 'uncosted', currency = null, cost_to_date_amount = null, remaining_cost_amount = null, "
        "projected_cost_amount = null, cost_per_unit_amount = null, volume_to_date = null",
    )
    folder = written(company)
    text = read(folder, PAGE).text
    assert "There is none: nobody declared a cost." in text
    assert "What that costs is not known: nobody declared a cost." in text
    assert "1 silo conflict open: 1 without a cost." in read(folder, "signals.html").text


def test_short_history_is_called_a_hint(company):
    company.run("delete from reports.rpt_silo_conflict_placebo")
    change(company, "method = 'xmr_mean_of_3', p_value = null, history_count = 30")
    text = read(written(company), PAGE).text
    assert "this is a hint, not a proof" in text
    assert "30 periods" in text
    assert "p =" not in text


def test_shared_movement_is_billed_once(company):
    company.run(
        "insert into reports.rpt_silo_conflict by name select * replace ('kr_04|latency_03' as silo_conflict_key, "
        "'kr_04' as key_result_id) from reports.rpt_silo_conflict"
    )
    change(company, "attribution = 'shared', shared_with = 'kr_04'")
    folder = written(company)
    text = read(folder, "signals.html").text
    assert "2 silo conflicts open: at least 41,200 EUR so far, at least 400,000 EUR" not in text
    assert "2 silo conflicts open: at least 41,200 EUR so far, 400,000 EUR by the end of the cycle" in text
    assert "Nobody can tell them apart" in read(folder, PAGE).text


def test_costs_of_separate_conflicts_add_up(company):
    company.run(
        "insert into reports.rpt_silo_conflict by name select * replace ('kr_04|latency_03' as silo_conflict_key) "
        "from reports.rpt_silo_conflict"
    )
    assert "2 silo conflicts open: 82,400 EUR so far, 800,000 EUR" in read(written(company), "signals.html").text


@pytest.mark.parametrize("planted", HOSTILE)
def test_planted_text_is_inert_on_the_page(company, planted):
    columns = (
        "key_result_title", "objective_title", "kpi_name", "event_title", "champion_name", "kpi_owner_name",
        "key_result_org_unit_name", "kpi_org_unit_name", "shared_with", "disproof", "decision", "resolution", "unit",
    )  # fmt: skip
    text = planted.replace("'", "''").replace("\x00", "")
    assignments = ", ".join(f"{name} = '{text}'" for name in columns)
    change(company, f"attribution = 'shared', {assignments}")
    company.run(f"update reports.rpt_kpi_control_chart set kpi_name = '{text}', unit = '{text}'")
    company.run(f"update reports.rpt_silo_conflict_placebo set unit = '{text}'")
    company.run(FRICTION.format(unit=text, reason="uncosted", conflicts=1))
    folder = written(company)
    for name in (PAGE, "signals.html"):
        page = read(folder, name)
        assert len(page.scripts) == len(page.styles) == 1
        assert not page.all("img")
        assert not [one for _, found in page.tags for one in found if one.startswith("on") or one == "style"]
        assert all(re.fullmatch(r"[A-Za-z0-9#/._-]+", link["href"]) for link in page.all("a"))
    for path in (folder / "data").glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as handle:
            for row in csv.reader(handle):
                assert not [cell for cell in row if re.match(r"\s*[=+@]", cell)], path.name


def test_matrix_shows_who_leans_on_whom_and_what_rubs(company):
    company.run("update marts.dim_cycle set starts_on = date '2026-01-01'")
    company.run(FRICTION.format(unit="sales", reason="withheld", conflicts=1))
    page = read(written(company), "signals.html")
    assert "friction-matrix" in {table["id"] for table in page.all("table")}
    assert "1 open conflict, 2 unconfirmed, 1 overdue" in page.text
    assert "2 links, 3 dependencies" in page.text
    assert "1 cannot tell" in page.text


def test_watermelon_tells_how_many_green_days_were_red_above_and_nothing_of_a_withheld_unit(company):
    company.run(
        "insert into reports.rpt_watermelon by name select 'sales|2026-Q1' as org_unit_cycle_key,"
        " 'sales' as org_unit_id, 'Sales' as org_unit_name, '2026-Q1' as cycle_id, 'Q1 2026' as cycle_name,"
        " 'off_track' as enterprise_status,"
        " 4 as kpi_count, 4 as green_kpi_count, 20 as local_green_day_count, 15 as watermelon_day_count,"
        " 0.75 as watermelon_share, true as is_local_green, true as is_enterprise_red, true as is_watermelon,"
        " false as is_withheld, date '2026-02-15' as as_of"
        " union all by name select 'ops|2026-Q1' as org_unit_cycle_key, 'ops' as org_unit_id, 'Ops' as org_unit_name,"
        " '2026-Q1' as cycle_id, 'Q1 2026' as cycle_name, true as is_withheld, 'KPIs withheld: latency_05' as"
        " withheld_reason, date '2026-02-15' as as_of"
    )
    text = read(written(company), "signals.html").text
    told = text[text.index("A watermelon is green outside") :]
    assert "green below red" in told
    assert "75 %" in told
    assert "15 of 20 green days" in told
    assert told.index("Sales") < told.index("KPIs withheld: latency_05")


# --- the drawings ---------------------------------------------------------------------------------------------------


def test_level_before_covers_the_periods_that_the_release_is_compared_with():
    """The figure stands in the dbt project; the chart must not draw another."""
    macro = (PROJECT_ROOT / "dbt_project" / "macros" / "tremor.sql").read_text()
    assert re.search(r"macro tremor_baseline\(\) -%\} (\d+) \{", macro)[1] == str(chart.BASELINE_PERIODS)


def rows(values, released_at):
    return [
        {
            "kpi_name": "Latency", "unit": "minutes", "value": value, "lower_process_limit": None,
            "upper_process_limit": None, "segment_number": 1, "target": None, "lower_limit": None, "upper_limit": None,
            "period_start_on": date(2026, 1, 1) + timedelta(days=day),
            "period_end_on": date(2026, 1, 1) + timedelta(days=day), "is_after": day >= released_at,
        }
        for day, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[5.0] * 30, [1e9, -1e9] * 15, [None] * 30, [3.0]])
def test_release_chart_stays_in_its_box(values):
    at = min(20, len(values) - 1)
    on = date(2026, 1, 1) + timedelta(days=at)
    drawn = chart.release_chart(rows(values, at), chart.Release(on, 5.0, 7.0, on, on + timedelta(days=9)))
    for shape in drawn.shapes:
        for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", shape.path):
            assert -10 <= float(x) <= drawn.width
            assert -10 <= float(y) <= drawn.height
    assert all(0 <= label.y <= drawn.height for label in drawn.labels)


def test_release_on_the_edge_of_the_chart_is_marked_at_its_day():
    on = date(2026, 1, 11)
    drawn = chart.release_chart(rows([1.0] * 21, 10), chart.Release(on, 1.0, 2.0, on, on))
    (mark,) = [shape.path for shape in drawn.shapes if shape.look == "event"]
    line = next(shape.path for shape in drawn.shapes if shape.look == "line")
    middle = re.findall(r"([\d.]+) [\d.]+", line)[10]
    assert mark.startswith(f"M{middle} ")


def bars(counts, release):
    return [
        {"bin": place, "unit": "minutes", "from_movement": float(place), "to_movement": place + 1.0,
         "placebo_count": count, "holds_release": place == release}
        for place, count in enumerate(counts)
    ]  # fmt: skip


@pytest.mark.parametrize(("release", "reached"), [(0, 6), (1, 3), (2, 0)])
def test_dates_that_moved_as_far_are_never_counted_too_few(release, reached):
    assert chart.reached(bars([3, 3, 0], release)) == reached


def test_histogram_without_any_width_is_drawn_all_the_same():
    drawn = chart.histogram(
        [{"bin": 0, "unit": "minutes", "from_movement": 1.0, "to_movement": 1.0, "placebo_count": 4,
          "holds_release": True}], 1.0
    )  # fmt: skip
    assert "4 earlier dates show about as much or more" in drawn.description


@pytest.mark.parametrize(
    ("p_value", "written", "odds"),
    [
        (0.05, "p = 0.05", "about once in 20 times"),
        (0.000534, "p = 0.0005", "about once in 1,900 times"),
        (0.00004, "p < 0.0001", "less than once in 10,000 times"),
        (None, "", ""),
    ],
)
def test_chance_is_written_for_people(p_value, written, odds):
    assert conflict._p_value(p_value) == written
    assert conflict._odds(p_value) == odds


@pytest.mark.parametrize(
    ("effect", "unit", "written"),
    [(2.326, "minutes", "2.33 minutes more"), (-0.021, "share", "2.1 points less"), (None, "minutes", "")],
)
def test_effect_has_its_direction_and_a_share_is_told_in_points(effect, unit, written):
    assert conflict.difference({"effect": effect, "unit": unit}) == written
