"""Cells and columns that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from orchestration.publication.tables import Cell, Column, Row
from orchestration.publication.text import days, moment
from orchestration.publication.tones import TONES


def words(code: str | None) -> str:
    """Write a code as words: `key_result` as `key result`."""
    return (code or "").replace("_", " ")


def badge(word: str, note: str | None = None) -> Cell:
    """Show a status word; one that has no look is shown as plain text."""
    if word not in TONES:
        return Cell(word, note or "")
    return Cell(tone=word, note=note or "", sort=TONES[word].word)


def count_column(label: str, name: str) -> Column:
    """Return a column of whole numbers; None is shown as nothing."""

    def show(row: Row) -> Cell:
        count = row[name]
        return Cell(sort="") if count is None else Cell(f"{count:,}", sort=count)

    return Column(label, show, is_number=True)


def age(row: Row) -> Cell:
    """Show how old the data of a row are."""
    old = row["data_age_days"]
    return Cell(days(old), sort="" if old is None else old)


def place(file: str | None, line: int | None) -> Cell:
    """Show where something stands."""
    if not file:
        return Cell()
    return Cell(f"{file}:{line}" if line is not None else file, is_code=True)


def evidence_of(source_url: str | None) -> Callable[[Row], Cell]:
    """Return how a row tells where it comes from; a company file becomes a link when it is known where to read it."""

    def show(row: Row) -> Cell:
        cell = place(row["source_file"], row["source_row"])
        if not cell.text or not source_url or not row["source_file"].endswith((".yml", ".yaml")):
            return cell
        target = source_url.replace("{file}", quote(row["source_file"])).replace("{line}", str(row["source_row"] or 1))
        return Cell(cell.text, href=target)

    return show


def rule_column() -> Column:
    """Return a column that leads to the rule."""
    return Column("Rule", lambda row: Cell(row["rule_id"], href=f"rules.html#{row['rule_id']}"), is_facet=True)


def finding_columns(rows: Sequence[Row], evidence: Callable[[Row], Cell]) -> list[Column]:
    """Return what is told of offending subjects; waivers only when there is one among `rows`."""
    columns = [
        Column("Subject", subject, width=25),
        Column("What was found", lambda row: Cell(row["detail"] or ""), width=35),
        Column("Owner", lambda row: Cell(row["owner_name"], words(row["owner_role"])), is_facet=True),
        Column("Since", _since),
        Column("Evidence", evidence),
    ]
    if any(row["waiver_id"] for row in rows):
        columns.insert(4, Column("Waiver", _waiver))
    return columns


def _waiver(row: Row) -> Cell:
    return badge("waived", note=row["waiver_id"]) if row["waiver_id"] else Cell()


def subject(row: Row) -> Cell:
    """Show what a finding or a waiver is about."""
    kind = words(row["subject_type"])
    return Cell(
        row["subject_name"], kind if row["subject_name"] == row["subject_id"] else f"{kind} {row['subject_id']}"
    )


def _since(row: Row) -> Cell:
    first = row["first_seen_at"]
    note = "new" if row["is_new"] else days(row["age_days"])
    return Cell(moment(first.date()) if first else "", note, sort=moment(first))
