"""The pages of the cycle: what they tell, and what they must not. Each docstring is the failure it prevents."""

from __future__ import annotations

import re

import pytest

from tests.unit.publication.reviewed_company import AS_OF, ReviewedCompany

CRITERION = """
insert into marts.fct_plan_readiness by name
select '{key_result}|{criterion}' as plan_readiness_key, '{key_result}' as key_result_id, 'c1' as cycle_id,
    '{criterion}' as criterion, '{needed_for}' as needed_for, 'ops' as org_unit_id, '{evidence}' as evidence,
    'what is right' as expected, 'Mend it' as action, 'champion' as owner_role, 'nobody' as owner_id, false as is_met,
    false as is_locked, true as is_overdue, date '2026-02-01' as due_on, date '2026-02-01' as judged_on
"""


@pytest.fixture
def planned(company: ReviewedCompany) -> ReviewedCompany:
    """A cycle that runs, with a plan of two key results."""
    withheld, other = (
        company.query(f"select min(key_result_id) from reports.rpt_okr_scorecard where {condition}")[0][0]
        for condition in ("is_withheld", "not is_withheld")
    )
    company.run(
        "insert into marts.dim_cycle by name select 'c1' as cycle_key, 'c1' as cycle_id, 'First' as cycle_name,"
        f" date '{AS_OF}' - 30 as starts_on, date '{AS_OF}' + 30 as ends_on, date '{AS_OF}' - 20 as locks_on"
    )
    for key_result, verdict in ((withheld, "not_a_plan"), (other, "ready")):
        company.run(
            "insert into marts.fct_plan_verdict by name select ? as plan_verdict_key, 'key_result' as subject_type,"
            " ? as subject_id, 'c1' as cycle_id, 'ops' as org_unit_id, ? as verdict, false as is_locked,"
            " date '2026-02-01' as judged_on, 1 as key_result_count",
            [key_result, key_result, verdict],
        )
        for criterion, needed_for, evidence in (
            ("baseline_in_range", "target", "<b>0.1 of 0.2</b>"),
            ("fresh", "target", "3 of 13"),
            ("done_before", "decision", "0.3 of 0.4"),
        ):
            company.run(
                CRITERION.format(
                    key_result=key_result, criterion=criterion, needed_for=needed_for, evidence=evidence + key_result
                )
            )
    company.audit_again()
    company.withheld, company.other = withheld, other
    return company


def text_of(folder, page):
    html = (folder / page).read_text(encoding="utf-8")
    return re.sub(r"<[^>]*>", "", html[html.index("<main") : html.index("</main>")])


def test_plan_tells_the_verdict_first_and_hides_figures_of_what_is_withheld(planned):
    """What the release withholds stands on the next page."""
    folder = planned.write_site()
    told = text_of(folder, "planning.html")
    assert told.index("1 of 2 key results is ready; 1 is no plan.") < told.index("What must be done")
    assert f"3 of 13{planned.withheld}" in told, "what is said of the feed stays"
    assert f"0.1 of 0.2&lt;/b&gt;{planned.withheld}" not in told
    assert f"0.3 of 0.4{planned.withheld}" not in told
    assert f"0.3 of 0.4{planned.other}" in told
    html = (folder / "planning.html").read_text(encoding="utf-8")
    assert "<b>" not in html


def test_closed_gate_shows_no_plan_and_no_week(planned):
    """Figures that did not pass the gate are read on the pages of the cycle."""
    folder = planned.write_site(planned.verdict(mode="strict"))
    assert not {"planning.html", "weekly.html"} & {path.name for path in folder.iterdir()}


def test_week_lists_open_escalations_first_where_there_are_any(planned):
    """The review starts with what is well."""
    assert "Open escalations" not in text_of(planned.write_site(), "weekly.html")
    planned.run(
        "create table reports.rpt_escalation as select 'off_track' as trigger_type, 'Faster' as subject_name,"
        " 'Olga' as owner_name, 'Call the carrier' as next_action, 2 as level, date '2026-02-03' as due_on,"
        " true as is_open union all select 'off_track', 'Over', 'Olga', 'none', 1, date '2026-02-01', false"
    )
    planned.audit_again()
    told = text_of(planned.write_site(), "weekly.html")
    assert told.index("Open escalations") < told.index("What changed") < told.index("Decisions wanted")
    assert "Call the carrier" in told
    assert "Over" not in told.split("What changed")[0]
