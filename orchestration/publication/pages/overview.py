"""The overview: may the report be trusted, what is new, what fails, is withheld, was waived, and whence it comes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from orchestration.publication.pages.cells import (
    key_result_cell,
    person_column,
    rule_column,
    subject_column,
    unit_column,
)
from orchestration.publication.pages.changes import Changes
from orchestration.publication.pages.escalations import escalations_table, sentence, split
from orchestration.publication.pages.feeds import Feeds
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Fact, Page, SiteFacts
from orchestration.publication.pages.people import to_do_table
from orchestration.publication.pages.rules import failing_rules, rule_index
from orchestration.publication.pages.scorecard import scorecard_table, tally, what_stands
from orchestration.publication.pages.signals import conflicts_sentence
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, moment
from orchestration.wording import counted

BRIEF = 12
"""Rows of a long table that the overview shows; the table's own page has all."""
REASONS_SHOWN = 8


def overview_page(review: Review, facts: SiteFacts, links: Links, changes: Changes, feeds: Feeds) -> Page:
    """Return the first page."""
    waiting = _waiting(to_do_table(review, links))
    content: dict[str, Any] = {
        "verdict": _verdict(review, facts),
        "changes": changes,
        "news": [_brief(table, 6, f"changes.html#{table.id}") for table in changes.tables],
        "escalation_sentence": sentence(review),
        "conflict_sentence": conflicts_sentence(review) if any(row["is_open"] for row in review.conflicts) else "",
        "escalations": _brief(escalations_table(split(review.escalations)[0], links), BRIEF, "escalations.html"),
        "waiting_sentence": _waiting_sentence(review),
        "waiting": _brief(waiting, BRIEF, "people.html"),
        "failing": rule_index([one for one in failing_rules(review) if one.needs_attention], links, review),
        "withheld": _brief(_withheld(review, links), BRIEF, None),
        "waivers": _waivers(review, links),
        "feeds_sentence": feeds.sentence,
        "feeds": _brief(feeds.feeds, BRIEF, "feeds.html"),
        "tally": tally(review),
        "scorecard": _brief(scorecard_table(review, facts, links), BRIEF, "scorecard.html"),
        "provenance": _provenance(review, facts),
    }
    return Page("index.html", "Overview", "Overview", "index.html", content)


def _waiting(table: Table) -> Table:
    """Keep those who have something to attend to."""
    return replace(table, rows=[row for row in table.rows if row["has_attention"]], is_part=True, empty="Nobody.")


def _waiting_sentence(review: Review) -> str:
    failed = [row for row in review.findings if row["outcome"] == "failed"]
    holding = [row for row in failed if row["severity"] != "warn"]
    oldest = max((row["age_days"] for row in failed), default=0)
    waits = f"; the oldest waits for {days(oldest)}" if oldest else ""
    mend = f"{counted(len(failed), 'failure')} to mend, of which {len(holding):,} hold figures back{waits}."
    lagging = [
        f"{counted(count, 'key result')} of open cycles {'is' if count == 1 else 'are'} {word}"
        for word, count in (
            (word, sum(person[name] for person in review.subjects.people))
            for word, name in (("off track", "off_track_count"), ("at risk", "at_risk_count"))
        )
        if count
    ]
    return " ".join([mend if failed else "No rule fails.", *(f"{sentence}." for sentence in lagging)])


def _brief(table: Table, limit: int, more: str | None) -> Table:
    return replace(table, limit=limit, more=more) if len(table.rows) > limit else table


def _verdict(review: Review, facts: SiteFacts) -> dict[str, Any]:
    verdict = review.verdict
    withheld, total = len(review.withheld), len(review.scorecard)
    if not verdict.passing:
        level, sign, answer = "bad", "✕", "No."
        because = ["The gate is closed: nothing new was published.", what_stands(facts)]
    elif not total:
        level, sign, answer = "warn", "▲", "There is nothing to trust yet."
        because = ["No committed key result has started, so the report has no line."]
    elif withheld:
        level, sign, answer = "warn", "▲", "Yes, for what it shows."
        because = [
            f"{withheld:,} of {counted(total, 'key result')} {'is' if withheld == 1 else 'are'} withheld, because "
            f"their data or definitions do not hold. {_what_is_shown(review)}"
        ]
    else:
        level, sign, answer = "good", "✔", "Yes."
        because = [f"All {counted(total, 'key result')} are shown. {_what_is_shown(review)}"]
    return {
        "question": f"May I trust the report of {moment(verdict.as_of)}?",
        "level": level,
        "sign": sign,
        "answer": answer,
        "because": because + _warnings(review),
        "reasons": [f"{reason[:1].upper()}{reason[1:]}" for reason in verdict.reasons[:REASONS_SHOWN]],
        "reasons_left_out": max(len(verdict.reasons) - REASONS_SHOWN, 0),
        "facts": _verdict_facts(review, facts),
    }


def _what_is_shown(review: Review) -> str:
    waived = sum(reviewed.waived_count for reviewed in review.rules if reviewed.rule.severity != "warn")
    but = f", but for {counted(waived, 'finding')} that {'is' if waived == 1 else 'are'} waived" if waived else ""
    return f"Every figure that is shown passed every rule that could hold it back{but}."


def _warnings(review: Review) -> list[str]:
    warned = [reviewed for reviewed in review.rules if reviewed.needs_attention and reviewed.rule.severity == "warn"]
    if not review.verdict.passing or not warned:
        return []
    subjects = counted(sum(reviewed.failed_count for reviewed in warned), "subject")
    verb = "warns" if len(warned) == 1 else "warn"
    return [
        f"{counted(len(warned), 'rule')} that only {verb} failed for {subjects}: listed below, published all the same."
    ]


def _verdict_facts(review: Review, facts: SiteFacts) -> list[Fact]:
    verdict = review.verdict
    outcomes = Counter(reviewed.outcome for reviewed in review.rules)
    checked = len(review.rules) - outcomes["excluded"]
    holding = checked - outcomes["failed"] - outcomes["not_evaluated"]
    planned = f"{outcomes['excluded']} not yet checked" if outcomes["excluded"] else ""
    found = [
        Fact("Business date", moment(verdict.as_of)),
        Fact("Decided", moment(verdict.decided_at), f"gate: {verdict.mode}"),
        Fact("Rules", f"{holding} of {checked} hold", planned),
    ]
    if not verdict.passing:
        last = facts.last_release
        note = f"published {moment(last.manifest.published_at)}" if last else ""
        return [*found, Fact("Readers have", f"report of {last.manifest.as_of}" if last else "nothing yet", note)]
    found.append(Fact("Key results", f"{len(review.scorecard):,}", f"{len(review.withheld):,} withheld"))
    oldest = review.oldest_input
    if oldest:
        until = f"{oldest['kpi_name']}, to {oldest['data_on']}"
        found.append(Fact("Oldest input", f"{days(oldest['data_age_days'])} old", until))
    return [*found, Fact("Release", facts.release_id or "none", is_code=bool(facts.release_id))]


def _withheld(review: Review, links: Links) -> Table:
    return Table(
        "withheld-key-results",
        "Key results whose figures and status are not published",
        [
            Column("Key result", lambda row: key_result_cell(row, links, row["key_result_id"]), width=25),
            Column("Why", lambda row: Cell(row["withheld_reason"] or ""), width=35),
            unit_column(links),
            person_column("Champion", links, "champion"),
        ],
        review.withheld,
        download="withheld.csv",
        empty="No figure is withheld."
        if review.verdict.passing
        else "While the gate is closed there is no report from which to withhold a figure.",
    )


def _waivers(review: Review, links: Links) -> Table:
    def expires(row: Row) -> Cell:
        left = row["days_left"]
        note = f"expired {days(-left)} ago" if left < 0 else "last day" if left == 0 else f"{days(left)} left"
        return Cell(moment(row["expires_on"]), note, sort=moment(row["expires_on"]))

    def approved(row: Row) -> Cell:
        return links.cell("person", row["approved_by_id"], row["approved_by_name"] or "", moment(row["approved_on"]))

    return Table(
        "waivers-on-file",
        "Exceptions to a rule, by expiry; a waived failure stays in the lists, marked",
        [
            subject_column(links),
            rule_column(links),
            Column("Reason", lambda row: Cell(row["reason"] or "")),
            Column("Approved by", approved),
            Column("Expires", expires),
            Column("In use", lambda row: Cell("yes" if row["is_in_use"] else "no"), is_facet=True),
        ],
        review.waivers,
        download="waivers.csv",
        empty="Nothing is waived.",
    )


def _provenance(review: Review, facts: SiteFacts) -> list[Fact]:
    verdict = review.verdict
    rows = sum(table.rows for table in verdict.tables.values())
    files = sum(row["files"] for row in review.feeds)
    return [
        Fact("Release", facts.release_id or "none", is_code=bool(facts.release_id)),
        Fact("Run", verdict.run_id, is_code=True),
        *(Fact(f"Audit of the {stage}", audit, is_code=True) for stage, audit in sorted(verdict.audit_ids.items())),
        Fact("Known at", moment(verdict.known_at), "what became known later is not in the report"),
        Fact("Data", f"{counted(rows, 'row')} in {counted(len(verdict.tables), 'table')}"),
        Fact("Its fingerprint", verdict.fingerprint, is_code=True),
        Fact("Files behind it", f"{files:,}", "listed under Feeds, with their SHA-256 in the download"),
        Fact("Rules", verdict.catalogue_hash, is_code=True),
        Fact("Code", facts.code_version, is_code=True),
    ]
