from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from orchestration.publication.text import breakable, csv_cell, days, figure, finalize, percent, prose, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("report\u202efdp.exe", "report[U+202E]fdp.exe"),
        ("a\x00b", "a[U+0000]b"),
        ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
        ("\x1b[31mred", "[U+001B][31mred"),
        ("\ud800", "[U+D800]"),
        ("שלום عليكم", "שלום عليكم"),  # text that runs from right to left by itself is nobody's trick
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian needs its non-joiner
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("as agreed with ana.reyes+okr@mail.example.com today", "as agreed with [e-mail] today"),
        ("@mention and a@b", "@mention and a@b"),
    ],
)
def test_visible_shows_what_acts_unseen(text, shown):
    assert visible(text) == shown


def test_finalize_leaves_our_markup_and_writes_nothing_for_none():
    assert finalize(Markup("<b>")) == Markup("<b>")
    assert finalize(None) == ""
    assert finalize(3) == "3"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\r", "\n=", "＝", "＋", "－", "＠", "\x00="])
def test_csv_cell_makes_formulas_inert(start):
    written = csv_cell(f"{start}HYPERLINK(1)")
    assert written.startswith(("'", "[U+"))


@pytest.mark.parametrize("value", [-1.5, 0, 12, None, True])
def test_csv_cell_leaves_numbers_alone(value):
    assert csv_cell(value) is value


def test_csv_cell_leaves_ordinary_text_alone():
    assert csv_cell("a = b - c") == "a = b - c"


def test_prose_marks_code_and_escapes_the_rest():
    assert prose("set `<owner>` & go") == Markup("set <code>&lt;owner&gt;</code> &amp; go")
    assert prose("one ` only <b>") == Markup("one ` only &lt;b&gt;")


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.8312, "share", "83.1 %"),
        (1234567.0, None, "1,234,567"),
        (12.345, "minutes", "12.3 minutes"),
        (0.001234, None, "0.00123"),
        (100.0, "flights", "100 flights"),
        (0.0, "minutes", "0 minutes"),
        (-3.5, None, "-3.5"),
        (999.96, None, "1,000"),
        (None, "minutes", ""),
        (float("nan"), None, ""),
        (float("inf"), None, ""),
    ],
)
def test_figure_is_written_for_people(value, unit, written):
    assert figure(value, unit) == written


def test_counts_and_shares_are_written_with_their_nouns():
    assert [days(1), days(2), days(None)] == ["1 day", "2 days", ""]
    assert [percent(0.5), percent(1.0), percent(None)] == ["50 %", "100 %", ""]


@given(st.text())
def test_any_text_comes_back_from_html_as_it_is_shown(text):
    for written in (escape(finalize(text)), escape(breakable(text))):
        assert "<" not in written.replace("<wbr>", "")
        assert html.unescape(written.replace("<wbr>", "")) == visible(text)
    assert visible(visible(text)) == visible(text)
    visible(text).encode("utf-8")


@given(st.text())
def test_no_text_is_a_formula_in_a_download(text):
    assert not re.match(r"[\s\x00]*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]", csv_cell(text))


@given(st.text(min_size=40), st.integers(0, 39))
def test_no_word_is_wider_than_a_column(text, gap):
    shown = str(breakable(text[:gap] + " " + text[gap:] if gap else text)).replace("<wbr>", " ")
    assert max((len(html.unescape(word)) for word in shown.split()), default=0) <= 32
