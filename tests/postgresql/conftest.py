from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestration.publication.postgresql.target import Target
from tests.postgresql.small_release import Releases
from tests.real_postgresql import real_postgresql


@pytest.fixture(scope="session")
def server_uri() -> Iterator[str]:
    """A real PostgreSQL of its own, for all of these tests."""
    with real_postgresql() as uri:
        yield uri


@pytest.fixture
def database(server_uri, request) -> str:
    """An empty database for one test, and roles of their own."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    with psycopg.connect(server_uri, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)")
        connection.execute(f"create database {name}")
        for role in ("los_bi", "analyst", "looker"):
            if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                connection.execute(f"create role {role} login")
        connection.execute("grant los_bi to looker")
    yield server_uri.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server_uri, autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
def target(database) -> Target:
    return Target(database, "reports", "los_bi")


@pytest.fixture
def sql(database):
    """Run SQL as the superuser, or as another role: every statement commits by itself."""
    with psycopg.connect(database, autocommit=True) as connection:

        def run(statement: str, role: str = "postgres") -> list[tuple]:
            connection.execute(f"set role {role}")
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def releases(tmp_path: Path, target: Target) -> Releases:
    return Releases(tmp_path / "releases", target)
