"""Cells and columns that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from orchestration.publication.pages.links import Links
from orchestration.publication.tables import Bar, Cell, Column, Row, Table
from orchestration.publication.text import days, figure, moment, percent
from orchestration.publication.tones import TONES

LEAST_DRIFT = 0.005
"""Difference of the two attainments from which both are shown: half a percent, which is what rounding hides."""

_NOTE = 90


def words(code: str | None) -> str:
    """Write a code as words: `key_result` as `key result`."""
    return (code or "").replace("_", " ")


def badge(word: str | None, note: str | None = None) -> Cell:
    """Show a status word; one that has no look is shown as plain text."""
    if word is None or word not in TONES:
        return Cell(word or "", note or "")
    return Cell(tone=word, note=note or "", sort=TONES[word].word)


def count_column(label: str, name: str, *, hide_zero: bool = False) -> Column:
    """Return a column of whole numbers; None is shown as nothing, and 0 too where that is the rule."""

    def show(row: Row) -> Cell:
        count = row[name]
        if count is None:
            return Cell(sort="")
        return Cell("" if hide_zero and not count else f"{count:,}", sort=count)

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


def rule_cell(rule_id: str, links: Links, note: str = "") -> Cell:
    """Show a rule's id, as a link to its page, or to what the list of all rules says of it."""
    return Cell(rule_id, note, href=links.to("rule", rule_id) or f"rules.html#{rule_id}")


def rule_column(links: Links) -> Column:
    """Return a column that leads to the rule."""
    return Column("Rule", lambda row: rule_cell(row["rule_id"], links), is_facet=True)


def person_column(label: str, links: Links, entity: str, *, is_facet: bool = True) -> Column:
    """Return a column of people: `<entity>_id`, and `<entity>_name`."""
    return Column(
        label,
        lambda row: links.cell("person", row[f"{entity}_id"], row[f"{entity}_name"] or "(unowned)"),
        is_facet=is_facet,
    )


def unit_column(links: Links, entity: str = "org_unit", label: str = "Unit") -> Column:
    """Return a column of units: `<entity>_id`, and `<entity>_name`."""
    return Column(
        label, lambda row: links.cell("unit", row[f"{entity}_id"], row[f"{entity}_name"] or ""), is_facet=True
    )


def finding_columns(
    rows: Sequence[Row],
    evidence: Callable[[Row], Cell],
    links: Links,
    *,
    has_subject: bool = True,
    has_owner: bool = True,
) -> list[Column]:
    """Return what is told of offending subjects; waivers only when there is one among `rows`.

    Args:
        rows: The findings.
        evidence: How a row tells where it comes from.
        links: Who has a page.
        has_subject: Whether the subject is told; not on its own page.
        has_owner: Whether the owner is named; on the owner's own page only the role is.
    """
    columns = [
        Column("What was found", lambda row: Cell(row["detail"] or ""), width=35),
        Column(
            "Owner",
            lambda row: links.cell("person", row["owner_id"], row["owner_name"], words(row["owner_role"])),
            is_facet=True,
        )
        if has_owner
        else Column("Asked as", lambda row: Cell(words(row["owner_role"])), is_facet=True),
        Column("Since", since),
        Column("Evidence", evidence),
    ]
    if has_subject:
        columns.insert(0, subject_column(links))
    if any(row["waiver_id"] for row in rows):
        columns.insert(-1, Column("Waiver", _waiver))
    return columns


def findings_table(
    rows: Sequence[Row],
    evidence: Callable[[Row], Cell],
    links: Links,
    *,
    caption: str,
    has_subject: bool = True,
    has_owner: bool = True,
) -> Table:
    """Return findings of several rules on a subject's page: the rule, how bad, and all that is told of a finding."""
    return Table(
        "findings",
        caption,
        [
            rule_column(links),
            Column("When it fails", lambda row: badge(row["severity"]), is_facet=True),
            *finding_columns(rows, evidence, links, has_subject=has_subject, has_owner=has_owner),
        ],
        rows,
        download="findings.csv",
        empty="No rule fails here.",
        is_part=True,
    )


def _waiver(row: Row) -> Cell:
    return badge("waived", note=row["waiver_id"]) if row["waiver_id"] else Cell()


def subject_column(links: Links) -> Column:
    """Return a column of what a finding or a waiver is about."""

    def show(row: Row) -> Cell:
        kind = words(row["subject_type"])
        note = kind if row["subject_name"] == row["subject_id"] else f"{kind} {row['subject_id']}"
        return links.cell(row["subject_type"], row["subject_id"], row["subject_name"], note)

    return Column("Subject", show, width=25)


def since(row: Row) -> Cell:
    """Show when a finding was first seen."""
    first = row["first_seen_on"]
    note = "new" if row["is_new"] else days(row["age_days"]) if row["age_days"] else "today"
    return Cell(moment(first), note, sort=moment(first))


def key_result_cell(row: Row, links: Links, note: str = "") -> Cell:
    """Show a key result by its title."""
    return links.cell("key_result", row["key_result_id"], row["key_result_title"], note)


def status(row: Row) -> Cell:
    """Show a key result's status with the reason for none, and beside it what was reported otherwise."""
    notes = [row["withheld_reason"] or words(row["null_reason"])]
    if row["divergence"]:
        notes.append(f"reported {words(row['reported_status'])} by {row['reported_by_name']}")
    return badge(row["status"], note=shortened("; ".join(filter(None, notes))))


def shortened(text: str) -> str:
    """Cut a note that would tower over its row; the subject's page and the download have all of it."""
    return text if len(text) <= _NOTE else f"{text[: _NOTE - 1].rstrip()}…"


def attained(share: float | None) -> str:
    """Write an attainment; what is just short of the goal does not read as 100 %."""
    if share is None:
        return ""
    return percent(min(share, 0.99) if 0.99 < share < 1 else share)


def progress(row: Row) -> Cell:
    """Show how far a key result is, and how far it should be."""
    reached, expected = row["progress"], row["expected_progress"]
    if reached is None:
        return Cell(sort="")
    notes = [f"{percent(expected)} expected"] if expected is not None else []
    if row["probability_of_target"] is not None and row["as_of"] < row["due_on"]:
        notes.append(f"{percent(row['probability_of_target'])} likely to reach the target")
    if abs(row["attainment_drift"] or 0) >= LEAST_DRIFT:
        notes.append(f"{attained(row['attainment_vs_locked'])} of the locked goal")
    return Cell(attained(reached), "; ".join(notes), sort=round(reached, 6), bar=Bar(reached, expected))


def goals(row: Row) -> str:
    """Write what a key result is to reach."""
    unit = row["unit"]
    return ", ".join(
        f"{word} {figure(row[name], unit)}"
        for word, name in (("target", "target"), ("at least", "lower_limit"), ("at most", "upper_limit"))
        if row[name] is not None
    )


def kpi_value(row: Row) -> Cell:
    """Show a linked KPI's value and its period."""
    value = row["kpi_value"]
    return Cell(figure(value, row["unit"]), moment(row["kpi_period_start_on"]), sort="" if value is None else value)
