"""The role that BI tools get: it reads everything in the schema, sees its keys, and writes nothing.

`REFERENCES` beside `SELECT`: without it `information_schema` shows a reader no primary and no foreign key, and Metabase
reads exactly that view.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestration.errors import PublicationError
from orchestration.publication.postgresql.session import Session, name, text


def ensure_role(session: Session) -> None:
    """Make the role if it is missing, and let it use the schema. It cannot log in: grant it to those who do.

    Raises:
        PublicationError: It is missing and we may not make it.
    """
    role, schema = session.target.bi_role, session.target.schema
    if not session.one(f"select exists (select from pg_roles where rolname = {text(role)})"):
        if not session.one("select rolcreaterole or rolsuper from pg_roles where rolname = current_user"):
            raise PublicationError(
                "the role for BI tools does not exist, and this login may not make it",
                subject=role,
                remedy=f'an administrator must run: create role "{role}" nologin, or name another',
            )
        session.execute(f"create role {name(role)} nologin")
    if not session.one(f"select has_schema_privilege({text(role)}, {text(schema)}, 'USAGE')"):
        session.execute(f"grant usage on schema {name(schema)} to {name(role)}")


def ensure_grants(session: Session, tables: Iterable[str]) -> None:
    """Let the role read the tables and see their keys, and take back what lets it write."""
    role, schema = session.target.bi_role, session.target.schema
    for table in tables:
        target = f"{name(schema)}.{name(table)}"
        asked = f"{text(role)}, {text(target)}"
        may_read, may_see_keys, may_write = session.rows(
            f"select has_table_privilege({asked}, 'SELECT'), has_table_privilege({asked}, 'REFERENCES'), "
            f"has_table_privilege({asked}, 'INSERT, UPDATE, DELETE, TRUNCATE')"
        )[0]
        if not (may_read and may_see_keys):
            session.execute(f"grant select, references on {target} to {name(role)}")
        if may_write:
            session.execute(f"revoke insert, update, delete, truncate on {target} from {name(role)}")
