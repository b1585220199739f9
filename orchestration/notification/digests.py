"""What each person is told: the open escalations that wait for them, worst first, in one message."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from orchestration.audit.session import read_only, show_lake
from orchestration.lake.store import Lake
from orchestration.notification.chat import harmless
from orchestration.publication.tables import Row, rows_of
from orchestration.publication.text import days
from orchestration.wording import counted

LINES_SHOWN = 20
"""Escalations that a message spells out; the rest is counted, and the site has them."""

# Addresses stay in the lake: no model has them, and no report.
WAITING = """
with addresses as (
    select person_id, email
    from lake.definitions_people
    qualify row_number() over (partition by person_id order by loaded_at desc, load_id desc) = 1
        and not coalesce(is_deleted, false)
)
select
    escalation.owner_id,
    escalation.owner_name,
    addresses.email,
    escalation.escalation_id,
    escalation.opened_on,
    escalation.trigger_type,
    escalation.rule_id,
    escalation.severity,
    escalation.subject_type,
    escalation.subject_name,
    escalation.detail,
    escalation.state,
    escalation.level,
    escalation.age_days,
    escalation.is_overdue,
    escalation.due_on,
    escalation.next_action
from reports.rpt_escalation as escalation
left join addresses on addresses.person_id = escalation.owner_id
where escalation.is_open and escalation.state <> 'waived' and escalation.owner_id <> '(unowned)'
order by
    escalation.owner_id,
    escalation.is_overdue desc,
    array_position(
        ['block', 'silo_conflict', 'withhold', 'tremor', 'off_track', 'warn'],
        coalesce(escalation.severity, escalation.trigger_type)
    ),
    escalation.age_days desc,
    escalation.escalation_id
"""


@dataclass(frozen=True)
class Message:
    """One message to one reader.

    Attributes:
        to: Id of the person, or `operators`.
        email: Their address; None when the company knows none.
        title: One line.
        body: Plain text, harmless in a chat.
        fingerprint: Of what it asks for; the same as last time means that there is nothing to tell.
    """

    to: str
    email: str | None
    title: str
    body: str
    fingerprint: str


def waiting_escalations(warehouse: Path, lake: Lake) -> list[Row]:
    """Return the open escalations that are not waived, with the address of whoever is asked, in order of the person.

    Raises:
        AuditError: The warehouse cannot be opened.
        duckdb.Error: The reports were never built.
    """
    with read_only(warehouse, lake.root) as connection:
        show_lake(connection, lake, ["definitions/people"])
        return rows_of(connection, WAITING)


def digests(escalations: Iterable[Row], *, as_of: date, company: str, site_url: str | None) -> list[Message]:
    """Return one message for each person who is asked; `escalations` come in order of the person."""
    return [
        _digest(person, list(rows), as_of=as_of, company=company, site_url=site_url)
        for person, rows in groupby(escalations, key=lambda row: str(row["owner_id"]))
    ]


def closed_gate(reasons: Sequence[str], *, as_of: date, company: str, site_url: str | None) -> Message:
    """Return what whoever runs this is told when nothing was published."""
    lines = [f"- {reason}" for reason in reasons[:LINES_SHOWN]]
    if len(reasons) > LINES_SHOWN:
        lines.append(f"- and {counted(len(reasons) - LINES_SHOWN, 'more reason')}")
    body = "\n".join(["The last release stays in place. Why the gate is closed:", *lines, *_link(site_url)])
    return Message(
        to="operators",
        email=None,
        title=harmless(f"{company}: nothing was published for {as_of}"),
        body=harmless(body),
        fingerprint=_fingerprint(["closed", as_of.isoformat(), *reasons]),
    )


def failed_run(job: str, error: str, *, company: str) -> Message:
    """Return what whoever runs this is told when a run broke."""
    return Message(
        to="operators",
        email=None,
        title=harmless(f"{company}: a run of {job} failed"),
        body=harmless(f"The last release stays in place. {error}"),
        fingerprint=_fingerprint(["failed", job, error]),
    )


def _digest(person: str, rows: Sequence[Row], *, as_of: date, company: str, site_url: str | None) -> Message:
    overdue = sum(bool(row["is_overdue"]) for row in rows)
    title = f"{company}, {as_of}: {counted(len(rows), 'thing')} to answer for"
    lines = [_line(row) for row in rows[:LINES_SHOWN]]
    if len(rows) > LINES_SHOWN:
        lines.append(f"- and {len(rows) - LINES_SHOWN:,} more")
    answer = "Answer in governance/escalations.yml: acknowledged, decided with a next action and a day, or resolved."
    return Message(
        to=person,
        email=rows[0]["email"],
        title=harmless(title + (f", {overdue:,} overdue" if overdue else "")),
        body=harmless("\n".join([*lines, answer, *_link(site_url)])),
        fingerprint=_fingerprint(
            [row["escalation_id"], row["opened_on"].isoformat(), row["level"], row["state"], bool(row["is_overdue"])]
            for row in rows
        ),
    )


def _line(row: Row) -> str:
    what = row["rule_id"] or str(row["trigger_type"]).replace("_", " ")
    age = "new" if not row["age_days"] else f"for {days(row['age_days'])}"
    due = "overdue" if row["is_overdue"] else f"due {row['due_on']}"
    parts = [f"- {what}: {row['subject_name']} ({age}, {due})"]
    if row["detail"]:
        parts.append(f": {row['detail']}" if row["rule_id"] else f": {row['detail'].removeprefix('off track: ')}")
    parts.append(f" [{row['escalation_id']}]")
    return "".join(parts)


def _link(site_url: str | None) -> list[str]:
    return [f"More: {site_url}"] if site_url else []


def _fingerprint(content: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(content)).encode()).hexdigest()
