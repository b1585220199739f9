"""Pages of single subjects: who gets one, what it says, and what it keeps to itself."""

from __future__ import annotations

import csv
import json

import pytest

from orchestration.publication import subjects
from orchestration.publication.pages.links import page_file
from orchestration.publication.text import visible
from tests.unit.publication.reviewed_company import ReviewedCompany
from tests.unit.publication.test_links import NAUGHTY
from tests.unit.publication.test_site import read


@pytest.fixture(scope="module")
def written(finished_company, tmp_path_factory):
    company = finished_company.copied(tmp_path_factory.mktemp("subjects") / "company")
    return company.write_site(release_id="r1")


def facts(page):
    """Labels of a subject's page with what stands below each."""
    flow, found = page.texts, {}
    for label in {"Champion", "Reviewer", "Unit", "Newest value", "Came in", "Accountable owner", "Goal", "Defined in"}:
        if label in flow:
            found[label] = flow[flow.index(label) + 1]
    return found


def test_key_result_off_track_has_a_page_with_progress_goal_links_and_origin(written):
    page = read(written, "kr-kr_02.html")
    assert "off track" in page.texts
    assert "% was expected by 2026-02-15" in page.text
    assert facts(page)["Champion"] == "Chi Okafor"
    assert facts(page)["Goal"] == "target 90.0 %"
    assert facts(page)["Defined in"] == "okrs/2026-Q1/ops.yml:14"
    for told in ("Order latency, line 02", "desk/2026-02-14.csv:4", "Dee Marchetti", "Progress over time"):
        assert told in page.text, told


def test_key_result_whose_goal_moved_tells_both_attainments(written):
    text = read(written, "kr-kr_02.html").text
    assert "95.0 % → 90.0 %" in text
    assert "easier" in text
    assert "40 % now 30 % of the locked goal" in text
    assert "no request" in text


def test_withheld_key_result_tells_why_and_no_figure(written):
    page = read(written, "kr-kr_05.html")
    assert "Status and figures are withheld. OWN-01: it has no reviewer, expected one" in page.text
    assert "no reviewer is named" in page.texts
    assert "Progress over time" not in page.texts
    assert "figure" not in {tag for tag, _ in page.tags}
    assert "%" not in page.text


def test_key_result_that_stands_well_has_no_page_and_is_no_link(written):
    assert not (written / "kr-kr_00.html").exists()
    assert "kr-kr_00.html" not in {link["href"] for link in read(written, "scorecard.html").all("a")}


def test_kpi_of_concern_has_a_page_with_chart_owner_sight_and_key_results(written):
    page = read(written, "kpi-latency_03.html")
    assert "concern" in page.texts
    assert "Its newest value is a special cause of concern: a point outside the process limits." in page.text
    assert facts(page)["Newest value"] == "90 minutes"
    assert facts(page)["Came in"] == "desk/2026-02-14.csv:5"
    assert facts(page)["Accountable owner"] == "Ana Reyes"
    assert "Order latency, line 03 → measures → KR Orders of line 03 leave within the hour of arrival." in page.text
    assert "40 % of its inputs" in page.texts
    assert len([one for one in page.all("svg") if one.get("role") == "img"]) == 1
    looks = {path["class"] for path in page.all("path")}
    assert {"limit", "centre", "goal", "line", "mark concern", "mark improvement"} <= looks
    told = page.texts[page.texts.index("Process control chart of Order latency, line 03") + 1]
    assert "a point outside the process limits (1), part of 7 on one side of the centre (7)" in told


def test_withheld_kpi_tells_why_and_no_figure(written):
    page = read(written, "kpi-latency_05.html")
    assert "Its figures are withheld. OWN-02: nobody answers for it" in page.text
    assert "figure" not in {tag for tag, _ in page.tags}
    assert "Newest value" not in page.texts
    assert "minutes" not in " ".join(page.texts).replace("Measured in minutes", "")


def test_kpi_without_line_of_sight_says_so(written):
    assert "No goal depends on it" in read(written, "kpi-latency_06.html").text


def test_rule_page_lists_every_subject_and_whose_they_are(written):
    page = read(written, "rule-own-02.html")
    assert "Fails for 8 subjects of 40 judged." in page.text
    assert sum(f"latency_{number:02d}" in page.text for number in range(8)) == 8
    assert "Whose they are" in page.texts


def test_person_page_gathers_what_is_theirs(written):
    page = read(written, "person-dee.html")
    for told in ("To mend", "Key results championed", "KPIs to attend to", "Waivers approved"):
        assert told in page.texts, told
    assert "Reviewer is on leave until the end of the month" in page.text
    assert "4 rosier than computed, 1 gloomier" in read(written, "person-bo.html").text


def test_unit_page_gathers_findings_objectives_key_results_and_kpis(written):
    page = read(written, "unit-ops.html")
    for told in ("Rules that fail here", "Objectives", "KPIs that need attention", "Dee Marchetti"):
        assert told in page.texts, told


def test_overview_answers_in_the_order_in_which_it_is_asked(written):
    page = read(written)
    ids = [attributes.get("id") for tag, attributes in page.tags if tag in {"h1", "h2"}]
    assert ids == ["verdict", "new", "overdue", "waivers", "withheld", "scorecard", "provenance"]


def test_overview_names_who_has_to_act(written):
    page = read(written)
    assert "10 failures to mend, of which 10 hold figures back; the oldest waits for 1 day." in page.text
    waiting = page.text[page.text.index("What is overdue, and with whom") : page.text.index("Rules that fail")]
    assert "Dee Marchetti" in waiting


def test_escalations_come_with_level_age_owner_next_action_and_due_day_overdue_first(written):
    page = read(written, "escalations.html")
    assert "2 escalations open; 1 overdue, with 1 person; 1 above the first level; 1 more waived." in page.text
    text = page.text[page.text.index("What is overdue first") :]
    overdue = text[text.index("Order latency, line 00") : text.index("Orders of line 02")]
    for told in ("OWN-02", "overdue", "1 head of the unit", "Dee Marchetti", "3 days", "2026-02-15", "none stated"):
        assert told in overdue, told
    assert "Hire drivers" in text
    assert text.index("Waived: not asked for") < text.index("Ended in the last 90 days")


def test_overview_says_what_is_overdue_and_with_whom(written):
    text = read(written).text
    overdue = text[text.index("What is overdue, and with whom") : text.index("Waived, and until when")]
    assert "1 overdue, with 1 person" in overdue
    assert overdue.index("Order latency, line 00") < overdue.index("Hire drivers")


@pytest.mark.parametrize("page", ["kpi-latency_00.html", "kr-kr_02.html", "unit-ops.html", "person-dee.html"])
def test_subject_shows_its_escalations(written, page):
    assert "Escalations" in read(written, page).texts[10:]


def test_closed_gate_shows_escalations_of_rules_only(company):
    folder = company.write_site(company.verdict("strict"))
    text = read(folder, "escalations.html").text
    assert "Order latency, line 00" in text
    assert "off track" not in text
    assert "Hire drivers" not in text
    assert "so those of key results are not shown" in text


@pytest.mark.parametrize("page", ["signals.html", "kr-kr_02.html", "kpi-latency_03.html"])
def test_silo_conflict_is_told_with_both_owners_and_its_bill(written, page):
    text = read(written, page).text
    for told in ("3 minutes more", "41,200 EUR", "400,000 EUR", "Chi Okafor", "Ana Reyes"):
        assert told in text, told


def test_green_key_result_that_costs_another_unit_has_a_page(company):
    company.run("update reports.rpt_silo_conflict set key_result_id = 'kr_00', kpi_id = 'latency_09'")
    company.audit_again()
    folder = company.write_site()
    assert "on track" in read(folder, "kr-kr_00.html").texts
    assert "41,200 EUR" in read(folder, "kr-kr_00.html").text
    assert "a key result of another unit makes it worse" in read(folder, "kpis.html").text


def test_overview_tells_what_conflicts_cost(written):
    assert (
        "1 silo conflict open: 41,200 EUR so far, 400,000 EUR by the end of the cycle if nothing is done."
        in read(written).text
    )


def test_closed_gate_shows_no_signal(company):
    folder = company.write_site(company.verdict("strict"))
    for page in ("signals.html", "index.html"):
        assert "EUR" not in read(folder, page).text
    assert not (folder / "data" / "silo-conflicts.csv").exists()


def test_history_tells_how_often_and_how_long_per_rule_unit_owner_and_feed(written):
    text = read(written, "history.html").text
    for told in (
        "One row per rule",
        "One row per unit",
        "One row per person",
        "One row per feed",
        "General ledger",
        "4.5 days",
        "12 days",
    ):
        assert told in text, told  # fmt: skip


# --- the search -----------------------------------------------------------------------------------------------------


def index_of(folder):
    (data,) = read(folder, "find.html").data
    return json.loads(data)


def test_search_knows_every_subject_and_where_to_go(written, finished_company):
    index = index_of(written)
    known = {(kind, subject_id): href for kind, subject_id, _, _, href in index["entries"]}
    assert known["key_result", "kr_02"] == "kr-kr_02.html"
    assert known["key_result", "kr_00"] == ""  # listed, without a page
    assert known["rule", "OWN-02"] == "rule-own-02.html"
    assert known["person", "bo"] == "person-bo.html"
    assert known["unit", "group"] == ""
    assert len([key for key in known if key[0] == "kpi"]) == 12
    assert len([key for key in known if key[0] == "rule"]) == len(finished_company.catalogue.rules)
    for href in filter(None, known.values()):
        assert (written / href.partition("#")[0]).is_file(), href
    for href in index["lists"].values():
        target, _, anchor = href.partition("#")
        assert anchor in {attributes.get("id") for _, attributes in read(written, target).tags}


def test_search_shows_no_status_while_the_gate_is_closed(company):
    folder = company.write_site(company.verdict("strict"))
    notes = {note for kind, *_, note, _ in index_of(folder)["entries"] if kind in {"key_result", "kpi"}}
    assert notes <= {"", "1 rule fails", "1 waived"}


# --- any id, any number ---------------------------------------------------------------------------------------------


def test_subjects_with_naughty_ids_get_pages_that_are_found(tmp_path):
    ids = [naughty for naughty in NAUGHTY if naughty not in {"", "\ud800", "a\x00b"}]
    company = ReviewedCompany(
        tmp_path / "company",
        key_results=len(ids),
        ids=ids,
        failures=[("OWN-01", "key_result", naughty, "no reviewer") for naughty in ids],
    )
    folder = company.write_site()
    index = {(kind, shown): href for kind, shown, *_, href in index_of(folder)["entries"]}
    for naughty in ids:
        name = page_file("key_result", naughty)
        assert (folder / name).is_file(), naughty
        assert visible(naughty) in read(folder, name).flow
        assert index["key_result", visible(naughty)] == name
    assert {path.parent for path in tmp_path.rglob("kr-*.html")} == {folder}


def test_pages_are_capped_and_the_lists_have_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(subjects, "SUBJECT_PAGES", 3)
    company = ReviewedCompany(
        tmp_path / "company",
        key_results=30,
        failures=[("OWN-02", "kpi", f"latency_{number:02d}", "nobody") for number in range(30)],
    )
    folder = company.write_site()
    assert len(list(folder.glob("kr-*.html"))) == 3
    assert len(list(folder.glob("kpi-*.html"))) == 3
    assert "The first 3 of those have a page; the download has all." in read(folder, "kpis.html").text
    with (folder / "data" / "kpis.csv").open(encoding="utf-8-sig", newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 30
