"""Views that others built on a published table: set aside while a column under them changes its type, then put back."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.errors import PublicationError
from orchestration.publication.postgresql.session import Session, name, text


@dataclass(frozen=True)
class Dependent:
    """A view, with all that must come back."""

    schema: str
    view: str
    is_materialized: bool
    definition: str
    owner: str
    statements: tuple[str, ...]

    @property
    def target(self) -> str:
        """Its name as SQL writes it."""
        return f"{name(self.schema)}.{name(self.view)}"


_TREE = """
    with recursive tree as (
        select distinct rules.ev_class as oid, 1 as depth
        from pg_depend as uses
        inner join pg_rewrite as rules on uses.objid = rules.oid
        where uses.classid = 'pg_rewrite'::regclass and uses.refclassid = 'pg_class'::regclass
            and uses.refobjid = {table}::regclass and uses.refobjsubid > {column} and rules.ev_class <> uses.refobjid
        union
        select rules.ev_class, tree.depth + 1
        from tree
        inner join pg_depend as uses on uses.refobjid = tree.oid and uses.refclassid = 'pg_class'::regclass
        inner join pg_rewrite as rules on uses.objid = rules.oid and uses.classid = 'pg_rewrite'::regclass
        where rules.ev_class <> tree.oid
    ),
    deepest as (select oid, max(depth) as depth from tree group by oid)
"""


def has_dependents(session: Session, table: str, column: str | None = None) -> bool:
    """Whether a view, or a foreign key of another table, stands on a table or on one of its columns."""
    target = text(f"{name(session.target.schema)}.{name(table)}")
    of_column = (
        ""
        if column is None
        else (
            f"and uses.refobjsubid = (select attnum from pg_attribute where attrelid = {target}::regclass "
            f"and attname = {text(column)})"
        )
    )
    return bool(
        session.one(
            "select exists (select from pg_depend as uses inner join pg_rewrite as rules on uses.objid = rules.oid "
            "where uses.classid = 'pg_rewrite'::regclass and uses.refclassid = 'pg_class'::regclass "
            f"and uses.refobjid = {target}::regclass {of_column}) "
            f"or exists (select from pg_constraint where confrelid = {target}::regclass and conrelid <> confrelid)"
        )
    )


def set_aside(session: Session, table: str) -> list[Dependent]:
    """Drop every view that stands on a table, at any depth; returns them in the order in which to put them back.

    Raises:
        PublicationError: One of them is not ours to drop.
    """
    target = text(f"{name(session.target.schema)}.{name(table)}")
    tree = _TREE.format(table=target, column=-1)
    found = session.rows(
        f"""
        {tree}
        select schemas.nspname::text, views.relname::text, views.relkind::text = 'm', pg_get_viewdef(views.oid),
            pg_get_userbyid(views.relowner)::text, pg_has_role(views.relowner, 'USAGE'),
            obj_description(views.oid, 'pg_class'), views.oid::bigint,
            coalesce(array_to_string(views.reloptions, ', '), '')
        from deepest
        inner join pg_class as views on deepest.oid = views.oid
        inner join pg_namespace as schemas on views.relnamespace = schemas.oid
        order by deepest.depth, views.relname
        """
    )
    views = []
    for schema, view, is_materialized, definition, owner, is_ours, comment, oid, options in found:
        if not is_ours:
            raise PublicationError(
                "a column changes its type, and a view that stands on it belongs to somebody else",
                subject=f"{schema}.{view}",
                remedy=f'grant "{owner}" to the login that publishes, or drop the view and make it anew afterwards',
            )
        kind = "materialized view" if is_materialized else "view"
        here = f"{name(schema)}.{name(view)}"
        views.append(
            Dependent(
                schema, view, is_materialized,
                f"create {kind} {here}{f' with ({options})' if options else ''} as {definition}",
                owner, _extras(session, oid, kind, here, owner, comment),
            )
        )  # fmt: skip
    for one in reversed(views):
        session.execute(f"drop {'materialized view' if one.is_materialized else 'view'} {one.target}")
    return views


def put_back(session: Session, views: list[Dependent]) -> None:
    """Make the views again, with owner, rights, comments and indexes.

    Raises:
        PublicationError: One of them cannot be made on the new type.
    """
    for view in views:
        try:
            session.execute(view.definition)
        except PublicationError as error:
            raise PublicationError(
                f"a view cannot stand on the new type of a column: {error.message}",
                subject=f"{view.schema}.{view.view}",
                remedy="let its owner change or drop it, then publish again",
            ) from error
        for statement in view.statements:
            session.execute(statement)


def _extras(session: Session, oid: int, kind: str, here: str, owner: str, comment: str | None) -> tuple[str, ...]:
    statements = [f"alter {kind} {here} owner to {name(owner)}"]
    for grantee, right, may_grant in session.rows(
        "select case when rights.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(rights.grantee)::text) end,"
        " rights.privilege_type, rights.is_grantable from pg_class, aclexplode(pg_class.relacl) as rights "
        f"where pg_class.oid = {oid} and rights.grantee <> pg_class.relowner"
    ):
        option = " with grant option" if may_grant else ""
        statements.append(f"grant {right} on {here} to {grantee}{option}")
    if comment:
        statements.append(f"comment on {kind} {here} is {text(comment)}")
    for column, told in session.rows(
        "select attname::text, col_description(attrelid, attnum) from pg_attribute "
        f"where attrelid = {oid} and attnum > 0 and col_description(attrelid, attnum) is not null"
    ):
        statements.append(f"comment on column {here}.{name(column)} is {text(told)}")
    statements += [
        row[0] for row in session.rows(f"select pg_get_indexdef(indexrelid) from pg_index where indrelid = {oid}")
    ]
    return tuple(statements)
