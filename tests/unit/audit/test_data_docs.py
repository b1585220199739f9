"""Data Docs: counts and queries, and nothing that a feed planted, that loads, or that runs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from expectations.catalogue import CATALOGUE, Catalogue
from expectations.rule import Check
from orchestration.audit.data_docs import build_data_docs, inert
from tests.unit.publication.reviewed_company import AS_OF, ReviewedCompany

PLANTED = "<script>alert('planted')</script>"


def rule_on(query):
    """A check whose query reads what feeds and company files put into the warehouse."""
    return Check(
        violations=f"select 'kpi' as subject_type, {query} as subject_id, kpi_name as detail, kpi_name as source_file, "
        "1::bigint as source_row, kpi_name as load_id from marts.dim_kpi",
        judged="select 1",
    )


@pytest.fixture(scope="module")
def docs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    company = ReviewedCompany(folder / "company", titles=[PLANTED] * 4, key_results=4)
    broken = {"OWN-02": "kpi_name", "OWN-03": "cast(cast(kpi_name as integer) as varchar)"}
    rules = [
        replace(rule, checks={"marts": rule_on(broken[rule.id])}) if rule.id in broken else rule
        for rule in CATALOGUE.rules
    ]
    catalogue = Catalogue(tuple(rules))
    built = [
        build_data_docs(
            folder / "docs", warehouse=company.warehouse, lake=company.lake, as_of=AS_OF, catalogue=catalogue
        )
        for _ in range(2)
    ]
    return built[-1]


def pages(docs):
    return {
        path.relative_to(docs.index.parent).as_posix(): path.read_text() for path in docs.index.parent.rglob("*.html")
    }


def test_docs_tell_each_rule_with_its_count(docs):
    (ownership,) = [html for name, html in pages(docs).items() if name.startswith("validations/marts_ownership")]
    assert "An active KPI has exactly one accountable owner" in ownership
    row = ownership[ownership.index("An active KPI has exactly one accountable owner") :]
    assert re.search(r">\s*4\s*<", row)
    assert docs.expectations >= 4


def test_docs_hold_one_audit_however_often_they_are_built(docs):
    results = [name for name in pages(docs) if name.startswith("validations/")]
    suites = {name.split("/")[1] for name in results}
    assert len(results) == len(suites)


def test_index_leads_to_every_result(docs):
    found = pages(docs)
    linked = set(re.findall(r'href="(validations/[^"]+)"', found["index.html"]))
    assert linked == {name for name in found if name.startswith("validations/")}


def test_nothing_planted_is_in_the_docs_not_even_in_an_error(docs):
    for name, html in pages(docs).items():
        assert "planted" not in html, name
        assert "Could not convert" not in html, name


def test_docs_load_nothing_and_run_nothing(docs):
    for name, html in pages(docs).items():
        assert "<script" not in html.lower(), name
        assert not re.search(r"https?://", html), name
        assert html.count("Content-Security-Policy") == 1, name
        assert "default-src 'none'" in html, name


@pytest.mark.parametrize(
    "planted",
    [
        "<script src='//x.example/a.js'></script>",
        "<SCRIPT\n>alert(1)</SCRIPT >",
        '<img src="https://x.example/p.png">',
        '<link rel="stylesheet" href="https://x.example/a.css">',
        '<p onclick="alert(1)">',
        "<p onmouseover='alert(1)'>",
        "<p onfocus=alert(1)>",
        '<a href="https://x.example">',
        "<iframe src='//x.example'></iframe>",
        "<style>p { background: url(https://x.example) }</style>",
    ],
)
def test_what_loads_or_runs_is_taken_out(planted):
    html = inert(f"<html><head></head><body>before {planted} after</body></html>")
    for trace in ("x.example", "alert", "onclick", "onmouse", "onfocus"):
        assert trace not in html
    assert "before" in html
    assert "after" in html
