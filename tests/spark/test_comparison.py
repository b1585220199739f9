"""The comparison itself, without Spark: it would find what it is there to find."""

from __future__ import annotations

import duckdb
import pytest

from tests.spark.comparison import differences

ROWS = "(values (1, 'a', 0.5::double), (2, 'b', null), (3, null, 1e9)) as t (id, text, figure)"


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        connection.execute(f"create table was as select * from {ROWS}")
        yield connection


def compared(connection, query):
    connection.execute(f"create table became as {query}")
    return differences(connection, "was", "became", ["id"])


@pytest.mark.parametrize(
    "query",
    [
        "select * from was order by id desc",
        "select id, text, figure + 1e-11 as figure from was",
        "select id, text, case when id = 3 then figure + 0.5 else figure end as figure from was",
    ],
)
def test_differences_order_and_last_digits_are_none(connection, query):
    assert compared(connection, query) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select * from was where id <> 2", ["1 rows only on the left: 2"]),
        ("select * from was union all select 4, 'd', 1.0", ["1 rows only on the right: 4"]),
        ("select * from was union all select * from was where id = 1", ["1 keys stand more than once on the right"]),
        ("select id, coalesce(text, '') as text, figure from was", ["text differs in 1 rows: 3: None and ''"]),
        (
            "select id, text, case when id = 1 then 0.50000001 else figure end as figure from was",
            ["figure differs in 1 rows: 1: 0.5 and 0.50000001"],
        ),
        ("select id, text, coalesce(figure, 0) as figure from was", ["figure differs in 1 rows: 2: None and 0.0"]),
        ("select id::bigint as id, text, figure from was", ["column 1: id INTEGER and id BIGINT"]),
        ("select id, text from was", ["column 3: figure DOUBLE and none"]),
    ],
)
def test_differences_are_told_with_their_rows(connection, query, expected):
    assert compared(connection, query) == expected
