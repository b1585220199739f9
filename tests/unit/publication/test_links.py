"""File names of subjects' pages: safe for any id, one for each, readable where they can be."""

from __future__ import annotations

import re

import pytest

from orchestration.publication.pages.links import Links, page_file

NAUGHTY = [
    "", ".", "..", "../../etc/passwd", "/etc/passwd", "C:\\con", "nul", "a b", "a/b", "a\\b", "a\x00b", "a\nb", "é",
    "e\u0301", "KR_1", "kr_1", "Kr_1", "kr--1", "kr_1.", ".kr_1", "-kr", "x" * 300, "x" * 301, "<script>", "%2e%2e",
    "index", "#a", "?a=b", "a--6162", "\ud800", "\u202egnp", "日本", "🦊", "=1+1", "'; drop table", "~root",
    "$HOME", "`ls`",
]  # fmt: skip


def test_plain_ids_stay_readable():
    assert page_file("key_result", "kr_2013q4_ua_on_time") == "kr-kr_2013q4_ua_on_time.html"
    assert page_file("kpi", "orders.eu-west.latency") == "kpi-orders.eu-west.latency.html"
    assert page_file("rule", "OWN-01") == "rule-own-01.html"


@pytest.mark.parametrize("subject_id", NAUGHTY)
@pytest.mark.parametrize("kind", ["rule", "key_result", "kpi", "unit", "person"])
def test_any_id_makes_a_safe_name(kind, subject_id):
    name = page_file(kind, subject_id)
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*\.html", name)
    assert len(name) <= 120
    assert ".." not in name


def test_no_two_ids_share_a_page_even_where_case_does_not_count():
    names = [page_file(kind, subject_id).lower() for kind in ("kpi", "unit") for subject_id in NAUGHTY]
    assert len(set(names)) == len(names)


def test_no_id_can_be_chosen_to_take_the_page_of_another():
    hashed = page_file("kpi", "Orders EU")
    chosen = hashed.removeprefix("kpi-").removesuffix(".html")
    assert page_file("kpi", chosen) != hashed


def test_only_subjects_with_a_page_are_links():
    links = Links([("kpi", "a")])
    assert links.to("kpi", "a") == "kpi-a.html"
    assert links.to("key_result", "a") is None
    assert links.to("kpi", None) is None
    assert links.cell("kpi", "b", None).text == "b"
    assert links.cell("kpi", "a", "Name").href == "kpi-a.html"
