"""The result of a SQL query over any database that SQLAlchemy knows, streamed into a Parquet file.

Memory holds some ten thousand rows at a time. The transaction is read-only where the database can promise it, and
always rolled back. A query's rows have no order of their own, so the content of the result is the set of its rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import FeedError
from orchestration.ingestion.contracts import SqlSource
from orchestration.ingestion.readers.record_set import literal
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.sources.content import UnorderedContent
from orchestration.ingestion.sources.delivery import Delivery
from orchestration.ingestion.sources.environment import from_environment, masked

BATCH_ROWS: Final = 10_000
"""Rows fetched and held at a time."""
_CONNECT_SECONDS: Final = 30
_TYPED: Final = (bool, int, float, Decimal, str, date, datetime)
"""Python types that Arrow takes as they are; everything else becomes text."""
_FINAL_WORDS: Final = ("authentication", "password", "access denied", "no such table", "no such column", "syntax error")
"""Words of errors that trying again does not mend."""


def query_result(source: SqlSource, feed: str, spool_dir: Path) -> Iterator[Delivery]:
    """Yield the query's result as one delivery, named for the variable that holds the database's address."""
    path = spool_dir / "result.parquet"
    yield Delivery(f"sql:{source.url_env}", path, fetch=lambda: _fetch(source, feed, path))


def _fetch(source: SqlSource, feed: str, path: Path) -> str:
    import sqlalchemy as sa
    from sqlalchemy import exc

    text = from_environment(source.url_env, feed)
    secrets: list[str | None] = [text]
    try:
        url = sa.make_url(text)
        secrets += [url.password, *(str(value) for value in url.query.values())]
        engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True, connect_args=_arguments(url))
    except (exc.ArgumentError, exc.NoSuchModuleError, ValueError, TypeError):
        raise FeedError(
            f"{source.url_env} holds no SQLAlchemy URL of a known database",
            file="feeds.yml",
            column=feed,
            expected="dialect+driver://user:password@host:port/database",
        ) from None
    except ImportError as error:
        raise FeedError(
            f"the driver of the database is not installed: {error.name}",
            file="feeds.yml",
            column=feed,
            remedy=f"install {error.name} beside the pipeline, or name another driver in {source.url_env}",
        ) from None
    try:
        with engine.connect() as connection:
            options: dict[str, Any] = {"stream_results": True, "yield_per": BATCH_ROWS, "no_parameters": True}
            if url.get_backend_name() == "postgresql":
                options["postgresql_readonly"] = True
            result = connection.execution_options(**options).exec_driver_sql(source.query)
            if not result.returns_rows:
                connection.rollback()
                raise FeedError("the query returned no table", file="feeds.yml", column=feed, expected="a select")
            return _spool(list(result.keys()), result.partitions(BATCH_ROWS), path)
    except exc.SQLAlchemyError as error:
        # The driver's own error may hold the address with its password: only its masked text goes on.
        failure = _failure(source, feed, error, secrets)
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        failure = FeedError(
            f"the result of the query cannot be read: {masked(_first_line(error), secrets)}",
            file="feeds.yml",
            column=feed,
        )
    finally:
        engine.dispose()
    raise failure


def _arguments(url: Any) -> dict[str, Any]:
    """Return arguments of the connection: without a limit, a database that does not answer holds up everything."""
    has_own = "connect_timeout" in url.query
    return {"connect_timeout": _CONNECT_SECONDS} if url.get_backend_name() == "postgresql" and not has_own else {}


def _failure(source: SqlSource, feed: str, error: Exception, secrets: Sequence[str | None]) -> FeedError:
    from sqlalchemy import exc

    cause = getattr(error, "orig", None) or error
    text = masked(_first_line(cause), secrets)
    state = str(getattr(cause, "sqlstate", None) or "")
    is_passing = isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError))
    is_passing = is_passing or bool(getattr(error, "connection_invalidated", False))
    is_final = state[:2] in ("28", "3D", "42") or any(word in text.lower() for word in _FINAL_WORDS)
    return FeedError(
        f"the query on {source.url_env} failed: {text}",
        file="feeds.yml",
        column=feed,
        remedy="mend the query, the account or its rights" if is_final or not is_passing else "it is tried again later",
        retryable=is_passing and not is_final,
    )


def _spool(names: list[str], batches: Iterator[Sequence[Any]], path: Path) -> str:
    """Write the rows to a Parquet file; return the sha256 of their content."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Unreadable("unexpected_column", f"the query names the column {twice!r} twice", column=twice)
    content = UnorderedContent(json.dumps(names))
    parts: list[Path] = []
    schema: pa.Schema | None = None
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for rows in batches:
            for row in rows:
                content.add(repr(tuple(row)).encode("utf-8", "backslashreplace"))
            columns = zip(*rows, strict=True)
            table = pa.table([_array(column) for column in columns], names=names)
            # A batch of other types (the first number after a thousand nulls) begins a new part.
            if writer is None or table.schema != schema:
                schema = table.schema
                parts.append(path.with_name(f"part-{len(parts)}.parquet"))
                writer = stack.enter_context(pq.ParquetWriter(parts[-1], schema, compression="zstd"))
            writer.write_table(table)
    if not parts:
        pq.write_table(pa.table([pa.array([], pa.string()) for _ in names], names=names), path)
    elif len(parts) == 1:
        parts[0].replace(path)
    else:
        _unite(parts, path)
    return content.sha256()


def _unite(parts: list[Path], path: Path) -> None:
    """Write parts whose columns differ in type into one file, each column of the type that holds all of it."""
    listed = ", ".join(literal(str(part)) for part in parts)
    try:
        with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "512MB"}) as connection:
            connection.execute(
                f"copy (select * from read_parquet([{listed}], union_by_name = true)) to {literal(str(path))} "
                "(format parquet, compression zstd)"
            )
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.BinderException) as error:
        raise Unreadable("unreadable_file", f"a column of the result holds several types: {error}") from None
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _array(column: Sequence[Any]) -> pa.Array:
    kinds = {type(value) for value in column} - {type(None)}
    if kinds == {datetime}:
        zones = {value.tzinfo is None for value in column if value is not None}
        if len(zones) > 1:
            kinds = set()  # naive and aware times in one column: text keeps them apart
    if kinds <= {int, float, Decimal} and Decimal in kinds and any(_is_special(value) for value in column):
        return pa.array([None if value is None else float(value) for value in column], pa.float64())
    if len(kinds) <= 1 and kinds <= set(_TYPED):
        try:
            return pa.array(column)
        except (pa.ArrowException, OverflowError):  # integers beyond 64 bit, decimals beyond 76 digits
            return _texts(column)
    if kinds == {int, float}:
        # Integers beyond 2^53 become doubles beyond 2^53, which typing refuses one by one.
        return pa.array([None if value is None else float(value) for value in column], pa.float64())
    return _texts(column)


def _is_special(value: Any) -> bool:
    return isinstance(value, Decimal) and not value.is_finite()


def _texts(column: Sequence[Any]) -> pa.Array:
    return pa.array([None if value is None else _text(value) for value in column], pa.string())


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


def _first_line(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:500]
