"""The governance site in a real browser: it works from a file, on a phone, by keyboard, and nothing planted runs."""

from __future__ import annotations

import pytest

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
    assert browser.run("return document.querySelectorAll('script').length") == 1
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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_text_stands_out_from_its_ground(browser, folder, closed, page, dark):
    """Every text has the contrast that WCAG AA asks for, 4.5 to 1, or 3 to 1 when it is large."""
    for site in (folder, closed):
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
