"""The governance site in a real browser: it works from a file, on a phone, by keyboard, and nothing planted runs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.end_to_end import axe
from tests.end_to_end.browser import Browser
from tests.unit.publication.conftest import BEFORE, FAILURES
from tests.unit.publication.reviewed_company import ReviewedCompany
from tests.unit.publication.test_site import HOSTILE, PAGES

pytestmark = pytest.mark.skipif(not Browser.is_here(), reason="Chromium and chromedriver are not installed")

TAB, ENTER = "\ue004", "\ue007"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as window:
        yield window


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return ReviewedCompany(
        tmp_path_factory.mktemp("seen") / "company", key_results=30, titles=HOSTILE, failures=FAILURES, before=BEFORE
    )


@pytest.fixture(scope="module")
def folder(company):
    return company.write_site(release_id="r1")


@pytest.fixture(scope="module")
def closed(company, folder):
    return company.write_site(company.verdict("strict"))


@pytest.mark.parametrize("page", PAGES)
def test_page_loads_without_a_complaint_or_a_request(browser, folder, page):
    browser.console(), browser.requests()
    browser.open(folder / page)
    assert browser.console() == []
    assert {address.partition(":")[0] for address in browser.requests()} <= {"file", "data"}
    assert browser.run("return document.querySelectorAll('script:not([type])').length") == 1
    assert browser.run("return [typeof alert, document.querySelectorAll('img, iframe, object').length]") == [
        "function",
        0,
    ]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_page_fits_the_window(browser, folder, page, width):
    browser.open(folder / page, width=width)
    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_injected_script_does_not_run(browser, folder):
    browser.open(folder / "index.html")
    browser.run(
        """
        const script = document.createElement('script');
        script.textContent = 'window.planted = 1';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.planted = 2">');
        """
    )
    assert browser.run("return window.planted ?? null") is None
    assert any("Content Security Policy" in message for message in browser.console())


SHOWN = "[...document.querySelectorAll('#okr-scorecard tbody tr:not([hidden])')]"


def rows(browser):
    return browser.run(f"return {SHOWN}.map((row) => row.cells[0].innerText)")


def test_filter_finds_a_key_result(browser, folder):
    browser.open(folder / "scorecard.html")
    assert len(rows(browser)) == 30
    browser.run("document.querySelector('input[aria-controls=okr-scorecard]').focus()")
    browser.press("LINE 17")
    assert [text.split("\n")[0] for text in rows(browser)] == ["Orders of line 17 leave within the hour of arrival"]
    assert browser.run("return document.querySelector('output').textContent") == "1 of 30 rows"


def test_choice_narrows_to_a_status(browser, folder):
    browser.open(folder / "scorecard.html")
    browser.run(
        """
        const select = [...document.querySelectorAll('select[aria-controls=okr-scorecard]')]
          .find((one) => one.parentElement.textContent.startsWith('Status'));
        select.value = 'off track';
        select.dispatchEvent(new Event('change'));
        """
    )
    assert browser.run(f"return {SHOWN}.map((row) => row.cells[3].dataset.choice)") == ["off track"] * 5


def test_heading_sorts_by_keyboard_numbers_as_numbers(browser, folder):
    browser.open(folder / "scorecard.html")
    browser.run(
        """
        [...document.querySelectorAll('#okr-scorecard thead th button')]
          .find((one) => one.textContent === 'Progress').focus()
        """
    )
    progress = (
        "return [...document.querySelectorAll('#okr-scorecard tbody tr')].map((row) => row.cells[4].dataset.sort)"
    )
    browser.press(ENTER)
    up = [value for value in browser.run(progress) if value]
    assert up == sorted(up, key=float)
    assert browser.run("return document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == "ascending"
    browser.press(ENTER)
    down = browser.run(progress)
    assert [value for value in down if value] == up[::-1]
    assert down[-1] == ""  # rows without a value stay last


def test_first_tab_offers_to_skip_to_the_content(browser, folder):
    browser.open(folder / "index.html")
    browser.press(TAB)
    assert browser.run("return document.activeElement.innerText") == "Skip to the content"
    assert browser.run("return document.activeElement.getBoundingClientRect().left") >= 0


@pytest.fixture(scope="module")
def axe_script(tmp_path_factory):
    return axe.install(tmp_path_factory.mktemp("axe"))


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["desk", "phone"])
@pytest.mark.parametrize("page", PAGES)
def test_page_is_accessible(browser, folder, axe_script, page, width, dark):
    """Landmarks, names, headings, contrast and all else that axe knows."""
    browser.open(folder / page, width=width, dark=dark)
    assert axe.violations(browser, axe_script) == []


def test_page_of_a_closed_gate_is_accessible(browser, closed, axe_script):
    browser.open(closed / "index.html")
    assert axe.violations(browser, axe_script) == []


def test_axe_sees_what_is_wrong(browser, folder, axe_script):
    browser.open(folder / "index.html")
    browser.run("document.querySelector('main').insertAdjacentHTML('beforeend', '<a href=x></a><img src=x>')")
    assert {text.partition(":")[0] for text in axe.violations(browser, axe_script)} >= {"link-name", "image-alt"}


FOUND = "[...document.querySelectorAll('.found li')]"


def find(browser, folder, text, page="scorecard.html"):
    """Type into the field of a page, and press Enter; returns what is found, as shown."""
    browser.open(folder / page)
    browser.run("document.getElementById('find').focus()")
    browser.press(text)
    browser.press(ENTER)
    return browser.run(f"return {FOUND}.map((item) => item.innerText.replace(/\\s+/g, ' '))")


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("line 20 leave", "key result Orders of line 20 leave within the hour of arrival kr_20 · off track"),
        ("kr_20", "key result Orders of line 20 leave within the hour of arrival kr_20 · off track"),
        ("latency_21", "KPI Order latency, line 21"),
        ("Bo Lindqvist", "person Bo Lindqvist bo"),
        ("sales", "unit Sales sales"),
        ("own-02", "rule An active KPI has exactly one accountable owner OWN-02 · failed"),
    ],
)
def test_search_finds_by_name_and_by_id(browser, folder, asked, first):
    found = find(browser, folder, asked)
    assert found
    assert found[0].lower().startswith(first.lower())


def test_search_says_when_there_is_nothing(browser, folder):
    assert find(browser, folder, "no such thing") == []
    assert browser.run("return document.querySelector('.found output').textContent") == "0 found"


def test_found_subject_is_one_key_away(browser, folder):
    find(browser, folder, "kr_20")
    browser.press(ENTER)
    assert browser.run("return location.pathname.split('/').pop()") == "kr-kr_20.html"


def test_subject_without_a_page_is_found_in_its_list(browser, folder):
    find(browser, folder, "kr_18")
    href = browser.run(f"return {FOUND}[0].querySelector('a').getAttribute('href')")
    assert href.startswith("scorecard.html#okr-scorecard=Orders%20of%20line%2018")
    browser.press(ENTER)
    assert browser.run("return location.pathname.split('/').pop()") == "scorecard.html"
    assert [text.split("\n")[0] for text in rows(browser)] == ["Orders of line 18 leave within the hour of arrival"]


def test_planted_text_in_the_search_stays_text(browser, folder):
    browser.console()
    for planted in ("<script>", "onerror", "</style>"):
        assert any(planted in text for text in find(browser, folder, planted)), planted
    assert browser.run("return document.querySelectorAll('.found img, .found script').length") == 0
    assert browser.console() == []


def test_every_link_of_every_page_resolves(browser, folder):
    """As the browser resolves them, from every page that there is."""
    for page in sorted(folder.glob("*.html")):
        browser.open(page)
        for href in browser.run("return [...document.querySelectorAll('a[href]')].map((link) => link.href)"):
            path, _, anchor = href.removeprefix("file://").partition("#")
            assert Path(unquote(path)).is_file(), (page.name, href)
            if anchor and path == browser.run("return location.pathname"):
                assert browser.run("return !!document.getElementById(arguments[0])", anchor), (page.name, href)


def test_control_chart_is_drawn_named_and_told(browser, folder):
    browser.open(folder / "kpi-latency_03.html", width=390)
    box = browser.run(
        "const b = document.querySelector('.chart > svg').getBoundingClientRect(); return [b.width, b.height]"
    )
    assert box[0] > 250
    assert box[1] > 80
    letters = browser.run(
        "const edge = document.querySelector('.chart > svg').getBoundingClientRect().right;"
        "return [...document.querySelectorAll('.chart text')].map((text) => text.getBoundingClientRect())"
        ".map((b) => [b.height, edge - b.right])"
    )
    assert letters
    assert all(height >= 9 and room >= 0 for height, room in letters)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_text_stands_out_from_its_ground(browser, folder, closed, page, dark):
    """Every text has the contrast that WCAG AA asks for, 4.5 to 1, or 3 to 1 when it is large."""
    for site in (folder, closed):
        if not (site / page).is_file():  # what only has a status to attend to has no page while the gate is closed
            continue
        browser.open(site / page, dark=dark)
        assert browser.run(CONTRAST) == []


CONTRAST = """
const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const light = (c) => {
  const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const color = parse(getComputedStyle(node).backgroundColor);
    if (color[3] > 0) return color;
  }
  return [255, 255, 255, 1];
};
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || ['SCRIPT', 'STYLE'].includes(node.tagName)) continue;
  const style = getComputedStyle(node);
  const [one, other] = [light(parse(style.color)), light(ground(node))].sort((a, b) => b - a);
  const ratio = (one + 0.05) / (other + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) poor.push([walker.currentNode.textContent.trim().slice(0, 40), ratio]);
}
return poor;
"""


def test_print_leaves_out_what_paper_cannot_do(browser, folder):
    browser.open(folder / "scorecard.html")
    browser.devtools("Emulation.setEmulatedMedia", media="print")
    hidden = "return ['nav', '.tools'].map((one) => getComputedStyle(document.querySelector(one)).display)"
    assert browser.run(hidden) == ["none", "none"]
    browser.devtools("Emulation.setEmulatedMedia", media="")


def test_page_is_complete_without_its_script(browser, folder):
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(folder / "scorecard.html")
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert len(rows(browser)) == 30
    assert browser.run("return document.querySelectorAll('.tools, thead button').length") == 0
