"""Tables, columns, keys, indexes and comments: as the schema has them, and made as they must be.

Nothing is stated again that is so already: a publication without a change of structure takes no lock that a reader
could meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestration.publication.catalog import Table
from orchestration.publication.postgresql.content import postgres_type
from orchestration.publication.postgresql.dependents import has_dependents, put_back, set_aside
from orchestration.publication.postgresql.session import Session, name, text

WITHDRAWN = "No longer published; empty, and kept because something stands on it."


@dataclass
class Found:
    """A table as the schema has it: column -> (type, whether it is required), constraints and indexes by name."""

    columns: dict[str, tuple[str, bool]] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    foreign_keys: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # name -> column, table, column there
    indexes: set[str] = field(default_factory=set)
    comments: dict[str | None, str] = field(default_factory=dict)  # column, or None for the table


def read_structure(session: Session) -> dict[str, Found]:
    """Return every ordinary table of the schema."""
    schema = text(session.target.schema)
    found: dict[str, Found] = {
        table: Found()
        for (table,) in session.rows(
            "select relname::text from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid "
            f"where nspname = {schema} and relkind in ('r', 'p')"
        )
    }
    ours = (
        "inner join pg_class as tables on {column} = tables.oid and tables.relkind in ('r', 'p') "
        f"inner join pg_namespace as schemas on tables.relnamespace = schemas.oid and schemas.nspname = {schema}"
    )
    for table, column, kind, required, comment in session.rows(
        "select tables.relname::text, attname::text, format_type(atttypid, atttypmod), attnotnull, "
        f"col_description(attrelid, attnum) from pg_attribute {ours.format(column='attrelid')} "
        "where attnum > 0 and not attisdropped order by attrelid, attnum"
    ):
        found[table].columns[column] = (kind, required)
        if comment:
            found[table].comments[column] = comment
    for table, comment in session.rows(
        "select tables.relname::text, description from pg_description "
        f"{ours.format(column='objoid')} where objsubid = 0 and classoid = 'pg_class'::regclass"
    ):
        found[table].comments[None] = comment
    for table, constraint, kind, columns, to_schema, to, to_columns, deferred in session.rows(
        "select tables.relname::text, conname::text, contype::text, "
        "(select string_agg(attname::text, ',' order by place) from unnest(conkey) with ordinality as k (n, place) "
        "inner join pg_attribute on attrelid = conrelid and attnum = n), "
        "coalesce(targets.relnamespace::regnamespace::text, ''), coalesce(targets.relname::text, ''), "
        "coalesce((select string_agg(attname::text, ',' order by place) "
        "from unnest(confkey) with ordinality as k (n, place) "
        "inner join pg_attribute on attrelid = confrelid and attnum = n), ''), condeferred and convalidated "
        f"from pg_constraint {ours.format(column='conrelid')} left join pg_class as targets on confrelid = targets.oid "
        "where contype in ('p', 'f')"
    ):
        if kind == "p":
            found[table].primary_key = tuple(columns.split(","))
        elif to_schema.strip('"') == session.target.schema and deferred:
            found[table].foreign_keys[constraint] = (columns, to, to_columns)
        else:
            found[table].foreign_keys[constraint] = ("", "", "")  # not one of ours as it stands
    for table, index in session.rows(
        f"select tablename::text, indexname::text from pg_indexes where schemaname = {schema}"
    ):
        if table in found:
            found[table].indexes.add(index)
    return found


def create_table(session: Session, table: Table) -> None:
    """Make an empty table without keys: they are made when the rows are in, which is faster."""
    columns = ", ".join(f"{name(column.name)} {postgres_type(column)}" for column in table.columns)
    session.execute(f"create table {_here(session, table.name)} ({columns})")


def create_stage(session: Session, table: Table, stage: str, *, only_key: bool = False) -> None:
    """Make a private table for rows on their way, or for keys alone."""
    columns = [column for column in table.columns if not only_key or column.name == table.key]
    listed = ", ".join(f"{name('key' if only_key else column.name)} {postgres_type(column)}" for column in columns)
    session.execute(f"create temporary table {name(stage)} ({listed}) on commit drop")


def has_same_columns(table: Table, found: Found) -> bool:
    """Whether the columns are there, and no others, each of its type, and the key is the key."""
    wanted = {column.name: postgres_type(column) for column in table.columns}
    held = {column: kind for column, (kind, _) in found.columns.items() if found.comments.get(column) != WITHDRAWN}
    return wanted == held and found.primary_key == (table.key,)


def release_keys(session: Session, table: str, found: dict[str, Found]) -> None:
    """Drop the foreign keys of and to a table, which would hold its rows and its columns."""
    for other, facts in found.items():
        for constraint, (_, to, _) in list(facts.foreign_keys.items()):
            if other == table or to == table:
                session.execute(f"alter table {_here(session, other)} drop constraint {name(constraint)}")
                del facts.foreign_keys[constraint]


def change_columns(session: Session, table: Table, found: Found) -> None:
    """Give an emptied table the columns that it must have; views that stand on it come back as they were.

    A column that is no longer published goes, unless a view shows it: then it stays, empty, and says so.
    """
    here = _here(session, table.name)
    wanted = {column.name: postgres_type(column) for column in table.columns}
    retyped = [column for column, (kind, _) in found.columns.items() if column in wanted and wanted[column] != kind]
    views = set_aside(session, table.name) if retyped else []
    if found.primary_key not in ((), (table.key,)):
        session.execute(
            f"alter table {here} drop constraint "
            + name(
                session.one(
                    f"select conname::text from pg_constraint where contype = 'p' and conrelid = {text(here)}::regclass"
                )
            )
        )
        found.primary_key = ()
    for column in retyped:
        session.execute(
            f"alter table {here} alter column {name(column)} type {wanted[column]} using null::{wanted[column]}"
        )
    for column, (_, is_required) in list(found.columns.items()):
        if column in wanted or found.comments.get(column) == WITHDRAWN:
            continue
        is_seen = any(column in view.definition for view in views) or has_dependents(session, table.name, column)
        if is_seen:
            if is_required:
                session.execute(f"alter table {here} alter column {name(column)} drop not null")
            found.comments.pop(column, None)
            session.execute(f"comment on column {here}.{name(column)} is {text(WITHDRAWN)}")
        else:
            session.execute(f"alter table {here} drop column {name(column)}")
    for column in wanted.keys() - found.columns.keys():
        session.execute(f"alter table {here} add column {name(column)} {wanted[column]}")
    put_back(session, views)
    found.columns = {column: (kind, found.columns.get(column, ("", False))[1]) for column, kind in wanted.items()}


def ensure_keys(session: Session, tables: Iterable[Table], found: dict[str, Found]) -> None:
    """Make the keys, required columns, and the indexes that deletions need, where they are missing."""
    tables = list(tables)
    for table in tables:
        here, facts = _here(session, table.name), found[table.name]
        if facts.primary_key != (table.key,):
            session.execute(f"alter table {here} add primary key ({name(table.key)})")
        for column in table.columns:
            must_be = column.is_required or column.name == table.key
            is_required = facts.columns.get(column.name, ("", False))[1] or column.name == table.key
            if must_be and not is_required:
                session.execute(f"alter table {here} alter column {name(column.name)} set not null")
            elif is_required and not must_be:
                session.execute(f"alter table {here} alter column {name(column.name)} drop not null")
    for table in tables:
        here, facts = _here(session, table.name), found[table.name]
        wanted = {
            short(f"{table.name}_{reference.column}_fkey"): (
                reference.column, reference.to, next(other.key for other in tables if other.name == reference.to)
            )
            for reference in table.references
        }  # fmt: skip
        for constraint, facts_of in facts.foreign_keys.items():
            if wanted.get(constraint) != facts_of:
                session.execute(f"alter table {here} drop constraint {name(constraint)}")
        for constraint, (leading, to, key) in wanted.items():
            index = short(f"{table.name}_{leading}_idx")
            if index not in facts.indexes:
                session.execute(f"create index {name(index)} on {here} ({name(leading)})")
            if facts.foreign_keys.get(constraint) != (leading, to, key):
                session.execute(
                    f"alter table {here} add constraint {name(constraint)} foreign key ({name(leading)}) "
                    f"references {_here(session, to)} ({name(key)}) deferrable initially deferred"
                )


def ensure_comments(session: Session, table: Table, found: Found) -> None:
    """Say what the table and its columns are, where the schema does not say so yet."""
    here = _here(session, table.name)
    if found.comments.get(None) != table.description:
        session.execute(f"comment on table {here} is {text(table.description)}")
    for column in table.columns:
        if found.comments.get(column.name) != column.told:
            session.execute(f"comment on column {here}.{name(column.name)} is {text(column.told)}")


def withdraw_table(session: Session, table: str) -> bool:
    """Remove a table that is no longer published, or empty it when something stands on it. True when it is gone."""
    here = _here(session, table)
    if has_dependents(session, table):
        session.execute(f"delete from {here}")
        session.execute(f"comment on table {here} is {text(WITHDRAWN)}")
        return False
    session.execute(f"drop table {here}")
    return True


def short(identifier: str) -> str:
    """Return a name that PostgreSQL does not cut: at most 63 letters, and still one of its own."""
    if len(identifier) <= 63:
        return identifier
    return f"{identifier[:54]}_{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"


def _here(session: Session, table: str) -> str:
    return f"{name(session.target.schema)}.{name(table)}"
