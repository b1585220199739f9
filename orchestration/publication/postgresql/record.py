"""What was written, beside what was written: one row per table, with the release it shows and a stamp of its rows.

The stamp counts the rows of each transaction that wrote them (`xmin`). Whoever inserts, updates or deletes a row by
hand changes a count, so one pass over the row headers finds it; reading the rows themselves takes eight times as long.
A restored dump changes all of them: then the rows are read and compared, and found equal.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.publication.postgresql.session import Session, name, text

RECORD_TABLE = "release_tables"


@dataclass(frozen=True)
class Written:
    """What the schema says of one of its tables."""

    release: str
    checksum: str | None
    stamp: str


def read_record(session: Session) -> dict[str, Written] | None:
    """Return what was written before, by table; None when nothing ever was."""
    target = f"{name(session.target.schema)}.{name(RECORD_TABLE)}"
    if session.one(f"select to_regclass({text(target)}) is null"):
        return None
    found = session.rows(f"select table_name, release_name, checksum, stamp from {target}")
    return {table: Written(release, checksum, stamp) for table, release, checksum, stamp in found}


def create_record(session: Session) -> None:
    """Make the table that `write_record` fills."""
    target = f"{name(session.target.schema)}.{name(RECORD_TABLE)}"
    session.execute(
        f"create table {target} (table_name text primary key, release_name text not null, row_count bigint not null, "
        "checksum text, stamp text not null)"
    )
    told = {
        "table_name": "Name of the table.",
        "release_name": "Release that its rows are.",
        "row_count": "Rows of it. Unit: count.",
        "checksum": "What identifies these rows among all releases.",
        "stamp": "Tells whether anybody but the publisher wrote to it since.",
    }
    session.execute(f"comment on table {target} is 'One row per published table: which release it shows.'")
    for column, comment in told.items():
        session.execute(f"comment on column {target}.{column} is {text(comment)}")


def write_record(session: Session, table: str, *, release: str, checksum: str | None) -> None:
    """Write down that a table shows a release."""
    schema = name(session.target.schema)
    rows, stamp = stamp_of(session, table)
    said = "null" if checksum is None else text(checksum)
    session.execute(
        f"insert into {schema}.{name(RECORD_TABLE)} values ({text(table)}, {text(release)}, {rows}, {said}, "
        f"{text(stamp)}) on conflict (table_name) do update set release_name = excluded.release_name, "
        "row_count = excluded.row_count, checksum = excluded.checksum, stamp = excluded.stamp"
    )


def forget_record(session: Session, table: str) -> None:
    """Forget a table that is no longer published."""
    schema = name(session.target.schema)
    session.execute(f"delete from {schema}.{name(RECORD_TABLE)} where table_name = {text(table)}")


def stamp_of(session: Session, table: str) -> tuple[int, str]:
    """Return a table's number of rows, and its stamp as of now."""
    schema = name(session.target.schema)
    rows, stamp = session.rows(
        "select coalesce(sum(n), 0)::bigint, md5(coalesce(string_agg(x || ':' || n, ',' order by x), '')) "
        f"from (select xmin::text as x, count(*) as n from {schema}.{name(table)} group by xmin) as written"
    )[0]
    return rows, stamp
