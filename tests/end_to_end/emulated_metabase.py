"""Metabase's API as far as dbt-metabase 1.7 uses it, in this process.

What is there comes from a real PostgreSQL, read with the queries that Metabase's driver uses and as the role that
Metabase would have: tables and comments from pg_class, primary keys from `information_schema`, foreign keys from
pg_constraint. What is put there is kept, and refused where Metabase refuses it.

Its limits: one database, no permissions, no sessions, no scan of field values, and no opinion of its own on a field's
semantic type other than its keys. Which fields of a body Metabase ignores is not known here.
"""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

SEMANTIC_TYPES = {"type/PK", "type/FK", "type/Category", "type/Percentage", None}
VISIBILITIES = {"normal", "details-only", "sensitive", None}
TABLE_KEYS = {"display_name", "description", "points_of_interest", "caveats", "visibility_type"}
FIELD_KEYS = {"display_name", "description", "visibility_type", "semantic_type", "fk_target_field_id"}


class EmulatedMetabase(BaseAdapter):
    """Answers the requests of one session.

    Args:
        uri: Of the database, with the login that Metabase uses.
        schema: What it may sync.
        name: Of the database in Metabase.
    """

    def __init__(self, uri: str, schema: str, name: str) -> None:
        super().__init__()
        self.uri, self.schema, self.name = uri, schema, name
        self.tables: dict[int, dict[str, Any]] = {}
        self.fields: dict[int, dict[str, Any]] = {}
        self.puts: list[tuple[str, dict[str, Any]]] = []

    def send(self, request: PreparedRequest, **_: Any) -> Response:
        path = re.sub(r"^https?://[^/]+|\?.*$", "", str(request.url))
        status, answer = self._answer(str(request.method), path, json.loads(request.body) if request.body else {})
        response = Response()
        response.status_code, response.url = status, str(request.url)
        response._content = json.dumps(answer).encode()
        return response

    def close(self) -> None:
        return None

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if (method, path) == ("GET", "/api/database"):
            return 200, {"data": [{"id": 1, "name": self.name, "engine": "postgres"}]}
        if (method, path) == ("POST", "/api/database/1/sync_schema"):
            self._sync()
            return 200, {"status": "ok"}
        if (method, path) == ("GET", "/api/database/1/metadata"):
            tables = [
                table | {"fields": [one for one in self.fields.values() if one["table_id"] == table["id"]]}
                for table in self.tables.values()
            ]
            return 200, {"id": 1, "engine": "postgres", "tables": tables}
        for kind, held, keys in (("table", self.tables, TABLE_KEYS), ("field", self.fields, FIELD_KEYS)):
            found = re.fullmatch(rf"/api/{kind}/(\d+)", path)
            if method == "PUT" and found:
                return self._put(kind, held.get(int(found[1])), keys, body)
        return 404, {"message": f"not emulated: {method} {path}"}

    def _put(
        self, kind: str, held: dict[str, Any] | None, keys: set[str], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if held is None:
            return 404, {"message": "Not found."}
        target = body.get("fk_target_field_id")
        wrong = [
            *(key for key in body if key not in keys),
            *(key for key in ("description", "display_name") if body.get(key) == ""),
            *(["semantic_type"] if body.get("semantic_type") not in SEMANTIC_TYPES else []),
            *(["visibility_type"] if body.get("visibility_type") not in VISIBILITIES else []),
            *(["fk_target_field_id"] if target is not None and target not in self.fields else []),
        ]
        if wrong:
            return 400, {"errors": wrong}
        held.update(body)
        self.puts.append((f"{kind} {held['name']}", body))
        return 200, held

    def _sync(self) -> None:
        with psycopg.connect(self.uri) as connection:
            tables = connection.execute(
                """
                select c.relname, d.description from pg_class c join pg_namespace n on c.relnamespace = n.oid
                left join pg_description d on c.oid = d.objoid and d.objsubid = 0
                where n.nspname = %s and c.relkind in ('r', 'v', 'm') and has_table_privilege(c.oid, 'SELECT')
                order by c.relname
                """,
                [self.schema],
            ).fetchall()
            columns = connection.execute(
                """
                select table_name, column_name, data_type,
                    col_description(format('%%I.%%I', table_schema, table_name)::regclass, ordinal_position)
                from information_schema.columns where table_schema = %s order by table_name, ordinal_position
                """,
                [self.schema],
            ).fetchall()
            primary = set(
                connection.execute(
                    """
                    select c.table_name, k.column_name from information_schema.table_constraints c
                    join information_schema.key_column_usage k using (constraint_schema, constraint_name, table_name)
                    where c.constraint_type = 'PRIMARY KEY' and c.table_schema = %s
                    """,
                    [self.schema],
                ).fetchall()
            )
            foreign = connection.execute(
                """
                select t.relname, a.attname, f.relname, b.attname from pg_constraint k
                join pg_class t on k.conrelid = t.oid join pg_class f on k.confrelid = f.oid
                join pg_attribute a on a.attrelid = t.oid and a.attnum = k.conkey[1]
                join pg_attribute b on b.attrelid = f.oid and b.attnum = k.confkey[1]
                where k.contype = 'f' and k.connamespace = %s::regnamespace
                """,
                [self.schema],
            ).fetchall()
        ids = {table: place for place, (table, _) in enumerate(tables, start=1)}
        for table, description in tables:
            self.tables.setdefault(
                ids[table],
                {
                    "id": ids[table], "name": table, "schema": self.schema, "description": description,
                    "display_name": table.replace("_", " ").title(), "visibility_type": None, "caveats": None,
                    "points_of_interest": None, "stale": False,
                },
            )  # fmt: skip
        places = {(table, column): place for place, (table, column, _, _) in enumerate(columns, start=100)}
        targets = {(table, column): places[to, key] for table, column, to, key in foreign}
        for table, column, kind, description in columns:
            where = (table, column)
            self.fields.setdefault(
                places[where],
                {
                    "id": places[where], "name": column, "table_id": ids[table], "database_type": kind,
                    "display_name": column.replace("_", " ").title(), "description": description,
                    "visibility_type": "normal", "fk_target_field_id": targets.get(where), "settings": None,
                    "semantic_type": "type/PK" if where in primary else "type/FK" if where in targets else None,
                },
            )  # fmt: skip

    def field(self, table: str, column: str) -> dict[str, Any]:
        """Return a field by name."""
        (found,) = (
            one for one in self.fields.values()
            if one["name"] == column and self.tables[one["table_id"]]["name"] == table
        )  # fmt: skip
        return found
