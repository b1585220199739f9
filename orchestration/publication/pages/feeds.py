"""The feeds: what was read, accepted, quarantined and why, and how late it is."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.publication.pages.cells import badge, count_column, place, words
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, moment, percent
from orchestration.wording import counted


@dataclass(frozen=True)
class Feeds:
    """What there is to say of all feeds, and of each."""

    sentence: str
    feeds: Table


def feeds_of(review: Review, links: Links) -> Feeds:
    """Sum up the newest load of each file."""
    read, accepted, refused, rejected = (
        sum(row[name] for row in review.feeds)
        for name in ("rows_read", "rows_accepted", "rows_quarantined", "files_rejected")
    )
    unreadable = f"{counted(rejected, 'file')} could not be read at all. " if rejected else ""
    sentence = (
        f"{counted(len(review.feeds), 'feed')}: {counted(read, 'row')} read, {accepted:,} accepted, {refused:,} in "
        f"quarantine. {unreadable}The newest load of each file counts."
    )
    table = Table(
        "all-feeds",
        "One row per feed, those with rows in quarantine first",
        [
            Column("Feed", lambda row: Cell(row["feed_name"] or row["feed_id"], row["feed_id"])),
            Column("Files", _files, is_number=True),
            count_column("Rows read", "rows_read"),
            count_column("Accepted", "rows_accepted"),
            Column("Quarantined", _quarantined, is_number=True),
            Column("Newest period", _newest),
            Column("Last loaded", lambda row: Cell(moment(row["loaded_at"]), sort=moment(row["loaded_at"]))),
            Column(
                "Owner",
                lambda row: links.cell("person", row["owner_id"], row["owner_name"] or row["owner_id"] or "(unowned)"),
                is_facet=True,
            ),
        ],
        review.feeds,
        download="feeds.csv",
        empty="No feed is defined, and none was loaded.",
    )
    return Feeds(sentence, table)


def feeds_page(review: Review, feeds: Feeds) -> Page:
    """Return the page of the feeds."""
    quarantine = Table(
        "quarantined",
        "One row per feed, reason and column",
        [
            Column("Feed", lambda row: Cell(row["feed_id"]), is_facet=True),
            Column("Reason", lambda row: Cell(words(row["reason_code"])), is_facet=True),
            Column("Column", lambda row: Cell(row["column_name"] or "")),
            count_column("Rows", "rows_quarantined"),
            Column("First of them", lambda row: place(row["source_file"], row["source_row"])),
        ],
        review.quarantine,
        download="quarantine.csv",
        empty="No row of a current file is in quarantine.",
    )
    columns = [
        Column("File", lambda row: Cell(row["source_file"] or "", row["feed_id"] or "", is_code=True)),
        Column("Outcome", lambda row: badge(row["status"], note=words(row["reason_code"])), is_facet=True),
        count_column("Rows read", "rows_read"),
        count_column("Accepted", "rows_accepted"),
        count_column("Quarantined", "rows_quarantined"),
        Column("Loaded", lambda row: Cell(moment(row["loaded_at"]), sort=moment(row["loaded_at"]))),
    ]
    if any(row["message"] for row in review.loads):
        columns.append(Column("Message", lambda row: Cell(row["message"] or ""), width=25))
    loads = Table(
        "newest-loads",
        "One row per load of a file, newest first",
        columns,
        review.loads,
        download="loads.csv",
        empty="No file was loaded.",
    )
    content = {"feeds": feeds, "quarantine": quarantine, "loads": loads}
    return Page("feeds.html", "Feeds", "Feeds", "feeds.html", content)


def _files(row: Row) -> Cell:
    note = f"{row['files_rejected']:,} rejected" if row["files_rejected"] else ""
    return Cell(f"{row['files']:,}", note, sort=row["files"])


def _quarantined(row: Row) -> Cell:
    refused, read = row["rows_quarantined"], row["rows_read"]
    return Cell(f"{refused:,}", percent(refused / read, digits=1) if refused and read else "", sort=refused)


def _newest(row: Row) -> Cell:
    old = row["age_days"]
    note = "" if old is None else f"{days(old)} old" if old >= 0 else "later than the report"
    if note and row["agreed_offset_days"] is not None:
        note += f", {row['agreed_offset_days']:g} agreed"
    return Cell(moment(row["newest_period_on"]), note, sort=moment(row["newest_period_on"]))
