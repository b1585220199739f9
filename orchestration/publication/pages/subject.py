"""What the pages of single subjects have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestration.publication.pages.links import page_file
from orchestration.publication.pages.model import Fact, Page, Section
from orchestration.publication.tables import Bar


def subject_page(
    kind: str,
    subject_id: str,
    *,
    called: str,
    title: str,
    parent: str,
    sections: Sequence[Section],
    badges: Sequence[str] = (),
    lead: Sequence[str] = (),
    bar: Bar | None = None,
    facts: Sequence[Fact] = (),
) -> Page:
    """Return the page of one subject.

    Args:
        kind: As in `links.PREFIXES`.
        subject_id: Of the subject.
        called: What it is, for people.
        title: Its name.
        parent: File of the page in the navigation that lists it.
        sections: What there is to say, the most pressing first.
        badges: Status words beside the title.
        lead: Sentences below the title; code in backticks.
        bar: Progress, below the sentences.
        facts: Labelled values; those without a text are left out.
    """
    content: dict[str, Any] = {
        "called": called,
        "subject_id": subject_id,
        "badges": badges,
        "lead": lead,
        "progress_bar": bar,
        "facts": [fact for fact in facts if fact.text],
        "sections": sections,
    }
    return Page(page_file(kind, subject_id), title, title, "subject.html", content, parent=parent)
