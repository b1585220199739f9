"""The governance site as files: what it says, that nothing planted acts, and that it needs nothing from outside."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from orchestration.errors import PublicationError
from orchestration.publication import durable_files, site
from orchestration.publication.pages.links import page_file
from orchestration.publication.release import list_releases
from orchestration.publication.tables import PAGE_ROWS
from orchestration.publication.text import visible
from tests.unit.publication.reviewed_company import AS_OF, ReviewedCompany

MAIN = [
    "index.html", "changes.html", "escalations.html", "scorecard.html", "signals.html", "kpis.html", "people.html",
    "rules.html", "history.html", "feeds.html", "find.html",
]  # fmt: skip
SUBJECTS = [
    "kr-kr_02.html", "kpi-latency_00.html", "rule-own-02.html", "unit-ops.html", "person-bo.html",
    page_file("conflict", "kr_02|latency_03"),
]  # fmt: skip
PAGES = [*MAIN, *SUBJECTS]
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://evil.example","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "invoice\u202efdp.exe",
    "nul\x00byte \x1b[31m",
    "{{ 7 * 7 }} {% include 'secrets' %}",
    "'; drop table reports.rpt_okr_scorecard; --",
    "x" * 3000,
    "</style><style>*{display:none}</style>",
    "javascript:alert(1)",
    "&lt;b&gt; \u2028 \ufeff",
]
VOID = {"meta", "link", "rect", "path", "wbr"}


class Reader(HTMLParser):
    """Reads a page strictly: every tag closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.flow = ""  # all text without a gap, as the eye reads it
        self.scripts: list[str] = []
        self.data: list[str] = []  # what stands in a script element that is none
        self.styles: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            kinds = [attributes for tag, attributes in self.tags if tag == "script"]
            (self.data if kinds[-1].get("type") == "application/json" else self.scripts).append(data)
        elif self.open and self.open[-1] == "style":
            self.styles.append(data)
        else:
            self.flow += data
            self.texts += [data.strip()] if data.strip() else []

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(self.texts)


def read(folder, page="index.html"):
    return Reader((folder / page).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def written(finished_company, tmp_path_factory):
    """The site of a day on which some key results are withheld."""
    company = finished_company.copied(tmp_path_factory.mktemp("site") / "company")
    return company.write_site(release_id="r1")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A site in which every text that can be planted is."""
    text = HOSTILE[1]
    company = ReviewedCompany(
        tmp_path_factory.mktemp("hostile") / "company",
        titles=HOSTILE,
        failures=[("OWN-01", "key_result", f"kr_{number:02d}", planted) for number, planted in enumerate(HOSTILE[:8])]
        + [("OWN-02", "kpi", planted, f"id {planted}") for planted in HOSTILE],
        company_name=text,
        feed=HOSTILE[0],
    )
    return company.write_site(release_id="r1")


# --- what it says ---------------------------------------------------------------------------------------------------


def test_site_answers_first_whether_the_report_can_be_trusted(written):
    page = read(written)
    assert "May I trust the report of 2026-02-15?" in page.texts
    assert "Yes, for what it shows." in page.texts
    assert "2 of 12 key results are withheld" in page.text
    assert "passed every rule that could hold it back, but for 1 finding that is waived." in page.text
    assert "5 days old" in page.texts
    assert "r1" in page.texts


def test_site_says_no_and_shows_no_figure_when_the_gate_is_closed(company):
    company.publish("r0")
    verdict = company.verdict("strict")
    folder = company.write_site(verdict, last_release=list_releases(company.root / "releases")[0])
    page = read(folder)
    assert "No." in page.texts
    assert "OWN-02 failed for 8 subjects" in page.text
    assert "The report of 2026-02-15, published 2026-02-15 09:00 UTC, stays in place." in page.text
    pages = sorted(folder.glob("*.html"))
    assert {"kr-kr_05.html", "kpi-latency_03.html", "rule-own-02.html", "person-bo.html"} <= {one.name for one in pages}
    for path in pages:
        html = path.read_text()
        assert "<svg" not in html or path.name.startswith("rule-"), path.name  # a trend counts failures
        assert "on track" not in html, path.name
        assert "off track</span>" not in html, path.name
        for value in ("90.0 %", "90 %", "30 minutes", "33 minutes"):
            assert value not in html, path.name
    written = {path.name for path in (folder / "data").iterdir()}
    assert not written & {
        "scorecard.csv", "key-result-kpis.csv", "special-causes.csv", "goalposts.csv", "objectives.csv",
        "silo-conflicts.csv", "silo-friction.csv", "watermelons.csv", "conflict-periods.csv", "conflict-placebos.csv",
    }  # fmt: skip
    with (folder / "data" / "kpis.csv").open(encoding="utf-8-sig", newline="") as handle:
        assert {row["value"] + row["variation"] for row in csv.DictReader(handle)} == {""}


def test_site_says_yes_when_nothing_is_withheld(tmp_path):
    company = ReviewedCompany(tmp_path / "company", key_results=2)
    page = read(company.write_site())
    assert "Yes." in page.texts
    assert "All 2 key results are shown." in page.text
    assert "Every figure that is shown passed every rule that could hold it back." in page.text
    assert "Every rule that is checked holds for every subject." in page.texts


def test_failing_rule_has_a_page_with_subject_owner_remedy_age_and_evidence(written):
    page = read(written)
    assert "rule-own-01.html" in {link["href"] for link in page.all("a")}
    rule = read(written, "rule-own-01.html").text
    for told in (
        "withholds",
        "Fails for 1 subject of 40 judged; 1 more waived.",
        "Name one champion and another person as reviewer",
        "Asked first objective owner",
        "Orders of line 05 leave within the hour of arrival",
        "no reviewer is named",
        "Bo Lindqvist",
        "2026-02-14",
        "1 day",
        "okrs/2026-Q1/ops.yml:12",
        "waived",
        "W-1",
    ):
        assert told in rule, told


def test_news_tell_what_came_what_went_and_what_changed(written):
    text = read(written, "changes.html").text
    assert "Since the audit of 2026-02-14 09:00 UTC: 10 new failures, 1 mended." in text
    assert "its weights add up to 0.9" in text
    assert "Since the day before, 2 key results changed status, 2 for the worse." in text


def test_first_audit_does_not_call_everything_news(tmp_path):
    company = ReviewedCompany(tmp_path / "company", failures=[("OWN-02", "kpi", "latency_00", "none")], before=None)
    page = read(company.write_site(), "changes.html")
    assert "This is the first audit on record: whatever it finds is new." in page.texts
    assert not page.all("table") or "new-failures" not in {table["id"] for table in page.all("table")}


def test_waiver_is_listed_with_its_expiry(written):
    text = read(written).text
    assert "Reviewer is on leave until the end of the month" in text
    assert "2026-03-01 14 days left" in text


def test_feeds_are_told_with_their_accounts_and_their_age(written):
    text = read(written, "feeds.html").text
    assert "2 feeds: 2,761 rows read, 2,757 accepted, 4 in quarantine. 1 file could not be read at all." in text
    assert "not a number" in text
    assert "desk/2026-02-14.csv:2" in text
    assert "15 days old, 1 agreed" in text


def test_every_rule_has_a_section_and_planned_ones_say_so(written, finished_company):
    page = read(written, "rules.html")
    anchors = {heading.get("id") for heading in page.all("h3")}
    assert anchors == {rule.id for rule in finished_company.catalogue.rules}
    planned = [rule for rule in finished_company.catalogue.rules if rule.status == "planned"]
    assert page.texts.count("not yet checked") == 2 * len(planned)  # in the index, and in the section


def test_rule_that_could_not_be_evaluated_counts_as_failed(company):
    outcomes = [
        replace(entry, outcome="not_evaluated", error_message="no such column: <b>")
        if entry.rule_id == "MAP-01"
        else entry
        for entry in company.outcomes()
        if entry.rule_id != "MAP-03"
    ]
    folder = site.build_site(
        out_dir=company.root / "governance",
        warehouse=company.warehouse,
        lake=company.lake,
        verdict=company.verdict(),
        outcomes=outcomes,
        run=site.SiteFacts("0.1.0", company.clock()),
        catalogue=company.catalogue,
    )
    text = read(folder).text
    assert "no such column: <b>" in text
    assert "it did not run on the marts" in text
    for page in ("rule-map-01.html", "rule-map-03.html"):
        assert "It could not be evaluated, which counts as failed." in read(folder, page).text


def test_finding_of_the_reports_is_told_too(tmp_path):
    company = ReviewedCompany(
        tmp_path / "company", reports_failures=[("RPT-02", "key_result", "kr_03", "the scorecard lacks it")]
    )
    verdict = company.verdict()
    page = read(company.write_site(verdict))
    assert not verdict.passing
    assert "RPT-02" in page.texts
    assert "the scorecard lacks it" in read(company.root / "governance" / "current", "rule-rpt-02.html").texts


def test_site_is_written_when_the_reports_were_never_built(company):
    verdict = company.verdict("strict")
    company.run("drop schema reports cascade")
    folder = company.write_site(replace(verdict, audit_ids={"marts": verdict.audit_ids["marts"]}))
    page = read(folder)
    assert "No." in page.texts
    assert "no reviewer is named" in read(folder, "rule-own-01.html").texts
    assert folder.name.endswith(verdict.audit_ids["marts"])


def test_evidence_leads_to_the_file_where_it_is_known_where_that_can_be_read(company):
    folder = company.write_site(source_url="https://git.example.com/okrs/{file}#L{line}")
    links = {link["href"] for link in read(folder).all("a")}
    assert "https://git.example.com/okrs/okrs/2026-Q1/ops.yml#L12" in links


# --- nothing planted acts, nothing is fetched -----------------------------------------------------------------------


def sites():
    return pytest.mark.parametrize("name", ["written", "hostile"])


@sites()
@pytest.mark.parametrize("page", PAGES)
def test_page_holds_only_our_own_tags(name, page, request):
    reader = read(request.getfixturevalue(name), page)
    assert {tag for tag, _ in reader.tags} <= {
        "html", "head", "meta", "title", "link", "style", "body", "a", "header", "div", "p", "span", "nav", "ul", "li",
        "main", "section", "h1", "h2", "h3", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td",
        "bdi", "code", "svg", "rect", "strong", "footer", "script", "wbr", "figure", "figcaption", "path", "text",
        "desc",
    }  # fmt: skip
    assert (len(reader.scripts), len(reader.styles)) == (1, 1)
    assert len(reader.data) == (page == "find.html")
    for tag, attributes in reader.tags:
        assert not [attribute for attribute in attributes if attribute.startswith("on") or attribute == "style"], tag


@sites()
@pytest.mark.parametrize("page", PAGES)
def test_policy_allows_exactly_the_script_and_style_of_the_page(name, page, request):
    reader = read(request.getfixturevalue(name), page)
    policy = next(meta["content"] for meta in reader.all("meta") if meta.get("http-equiv"))
    for kind, text in (("script", reader.scripts[0]), ("style", reader.styles[0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


@sites()
@pytest.mark.parametrize("page", PAGES)
def test_page_fetches_nothing_and_its_links_resolve(name, page, request):
    folder = request.getfixturevalue(name)
    reader = read(folder, page)
    assert [link["href"] for link in reader.all("link")] == ["data:,"]
    assert not [attributes for _, attributes in reader.tags if "src" in attributes]
    for href in (link["href"] for link in reader.all("a")):
        target, _, anchor = href.partition("#")
        assert re.fullmatch(r"[A-Za-z0-9/._-]*", target), href
        assert (folder / (target or page)).is_file(), href
        if anchor:
            ids = {attributes.get("id") for _, attributes in read(folder, target or page).tags}
            assert anchor in ids, href


@sites()
@pytest.mark.parametrize("page", PAGES)
def test_page_is_made_for_keyboard_and_screen_reader(name, page, request):
    reader = read(request.getfixturevalue(name), page)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert reader.all("html")[0]["lang"] == "en"
    assert [len(reader.all(tag)) for tag in ("header", "nav", "main", "footer", "h1")] == [1, 1, 1, 1, 1]
    current = [link.get("aria-current") for link in reader.all("a") if link.get("aria-current")]
    assert current == (["page"] if page in MAIN else ["true"])
    pictures = [picture for picture in reader.all("svg") if picture.get("role") == "img"]
    assert all(set(picture["aria-labelledby"].split()) <= set(ids) for picture in pictures)
    assert reader.all("a")[0]["href"] == "#content"
    assert len(reader.all("caption")) == len(reader.all("table"))
    assert all(heading.get("scope") in {"row", "col"} for heading in reader.all("th"))
    labelled = {section.get("aria-labelledby") for section in reader.all("section")} - {None}
    assert labelled <= set(ids)


@pytest.mark.parametrize("planted", HOSTILE[:8])
def test_planted_text_is_shown_as_text(hostile, planted):
    assert visible(planted) in read(hostile, "scorecard.html").flow


def test_planted_text_is_inert_in_downloads(hostile):
    found = 0
    for path in (hostile / "data").glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as handle:
            for row in csv.reader(handle):
                for cell in row:
                    assert not re.match(r"[\s]*[=+@\t\r]", cell), (path.name, cell)
                    assert "\x00" not in cell
                    found += "HYPERLINK" in cell
    assert found


def test_numbers_stay_numbers_in_downloads(written):
    with (written / "data" / "scorecard.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 12
    target = {row["key_result_id"]: row["target"] for row in rows}
    assert target["kr_00"] == "0.9"
    assert target["kr_05"] == ""  # withheld
    assert {row["as_of"] for row in rows} == {"2026-02-15"}


@sites()
def test_site_holds_no_address_and_no_raw_row(name, request):
    for path in request.getfixturevalue(name).rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert "@example.com" not in text, path.name
        assert "2026-02-14,latency" not in text, path.name


# --- how it is written ----------------------------------------------------------------------------------------------


def test_site_is_linked_and_kept(company):
    folders = [company.write_site() for _ in range(3)]
    assert [folder.name[-2:] for folder in folders[1:]] == ["+2", "+3"]
    assert folders[0].name.startswith(AS_OF.isoformat())
    link = company.root / "governance" / "current"
    assert link.readlink().name == folders[2].name
    site._forget_oldest(company.root / "governance", keep=2)
    assert {path.name for path in (company.root / "governance").iterdir()} == {
        ".lock", "current", folders[1].name, folders[2].name,
    }  # fmt: skip


def test_site_is_found_by_its_verdict(company):
    verdict = company.verdict()
    assert site.site_of(company.root / "governance", verdict) is None
    for _ in range(2):
        newest = company.write_site()
    assert site.site_of(company.root / "governance", verdict) == newest
    company.audit_again()
    company.write_site()
    assert site.site_of(company.root / "governance", verdict) == newest


def test_site_of_a_company_without_key_results_does_not_say_yes(tmp_path):
    page = read(ReviewedCompany(tmp_path / "company", key_results=0).write_site())
    assert "Yes." not in page.texts
    assert "No committed key result has started, so the report has no line." in page.texts


def test_site_that_cannot_be_written_leaves_the_one_before(company, monkeypatch):
    before = company.write_site()

    def refuse(folder):
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(durable_files, "sync_tree", refuse)
    with pytest.raises(PublicationError, match="site before is still there"):
        company.write_site()
    folder = company.root / "governance"
    assert {path.name for path in folder.iterdir()} == {".lock", "current", before.name}
    assert (folder / "current" / "index.html").is_file()


def test_long_table_is_cut_on_its_page_and_whole_in_its_download(tmp_path):
    company = ReviewedCompany(tmp_path / "company", key_results=PAGE_ROWS + 20)
    folder = company.write_site()
    page = read(folder, "scorecard.html")
    assert page.texts.count("1,000 of 1,020 rows; the download has all.") == 2
    with (folder / "data" / "scorecard.csv").open(encoding="utf-8-sig", newline="") as handle:
        assert len(list(csv.DictReader(handle))) == PAGE_ROWS + 20


def test_templates_are_part_of_the_package():
    names = {entry.name for entry in (files("orchestration.publication") / "templates").iterdir()}
    assert {"index.html", "subject.html", "_page.html", "_parts.html", "style.css", "table.js"} <= names


def test_style_and_script_cannot_end_their_element():
    for name in ("style.css", "table.js"):
        text = (files("orchestration.publication") / "templates" / name).read_text()
        assert "</" not in text
