"""Measure publications to PostgreSQL against a bare COPY of the same rows, in one run on one embedded server.

A fact of 12 columns in 20 cycles refers to a dimension. Timed, in turns: COPY of the rows as CSV into a table without
keys; the same by our own way of shipping (ratio 1); a first publication, keys and indexes included; a publication in
which 1 % of the rows changed, all in the newest cycle; and one in which 1 % changed all over (ratios 2 and 3, to the
first publication). After each the server's rows are counted and summed, and compared with the release.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
import psycopg

from orchestration.publication.catalog import Column, Reference, Table
from orchestration.publication.postgresql import structure
from orchestration.publication.postgresql.content import Content
from orchestration.publication.postgresql.difference import changed_rows, everything
from orchestration.publication.postgresql.publish import publish_content
from orchestration.publication.postgresql.session import connected
from orchestration.publication.postgresql.target import Target
from tests.real_postgresql import real_postgresql

COLUMNS = {
    "fact_key": "string", "unit_id": "string", "cycle_id": "string", "status": "string", "note": "string",
    "value": "double", "target": "double", "progress": "double", "weight": "double", "points": "int",
    "as_of": "date", "changed_at": "timestamp",
}  # fmt: skip
UNITS = 10_000
ROWS = """
    select
        md5(i::varchar) as fact_key, 'unit ' || (hash(i) % $units) as unit_id,
        'cycle ' || lpad((i * 20 // $rows)::varchar, 2, '0') as cycle_id,
        ['on_track', 'at_risk', 'off_track', 'achieved'][1 + i % 4] as status, 'note ' || i % 1000 as note,
        (hash(i, 1) % 1000000) / 7.0 as value, 100.0 + i % 50 as target, (hash(i, 2) % 1000) / 1000.0 as progress,
        1.0 / (1 + i % 9) as weight, (i % 100)::integer as points,
        date '2021-01-01' + (i * 1800 // $rows)::integer as as_of,
        timestamp '2021-01-01' + to_seconds(i) as changed_at
    from range($rows) as r (i)
"""
CHANGES = {
    "newest": "value = value + 1 where cycle_id = 'cycle 19' and hash(fact_key, 7) % 20 < 4",
    "spread": "value = value + 1 where hash(fact_key, 8) % 100 < 1",
}


def table(name: str, key: str, columns: dict[str, str], references: dict[str, str]) -> Table:
    """Describe a table for publication."""
    return Table(
        name=name,
        description=f"One row per {key}.",
        key=key,
        columns=tuple(
            Column(name=one, type=kind, role="text", unit=None, description=one, is_required=one == key)
            for one, kind in columns.items()
        ),
        references=tuple(Reference(column=column, to=to) for column, to in references.items()),
    )


DIMENSION = table("rpt_unit", "unit_id", {"unit_id": "string", "unit_name": "string"}, {})
FACT = table("rpt_fact", "fact_key", COLUMNS, {"unit_id": "rpt_unit"})


def write_releases(folder: Path, rows: int) -> dict[str, Content]:
    """Write the release, and what becomes of it by each change."""
    contents = {}
    for number, name in enumerate(["base", *CHANGES]):
        path = folder / name / "reports.duckdb"
        path.parent.mkdir(parents=True)
        if name != "base":
            shutil.copyfile(folder / "base" / "reports.duckdb", path)
        with duckdb.connect(str(path)) as connection:
            if name == "base":
                connection.execute(
                    "create table rpt_unit as select 'unit ' || i as unit_id, 'Unit ' || i as unit_name "
                    f"from range({UNITS}) as r (i)"
                )
                connection.execute(f"create table rpt_fact as {ROWS}", {"rows": rows, "units": UNITS})
            else:
                connection.execute(f"update rpt_fact set {CHANGES[name]}")
        checksums = {"rpt_unit": "the same", "rpt_fact": str(number)}
        contents[name] = Content(name=name, database=path, tables=(DIMENSION, FACT), checksums=checksums)
    return contents


def timed(work) -> float:
    """Return the seconds that `work` takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def copy_csv(uri: str, path: Path) -> None:
    """Load a CSV file into a table without keys, as psql does."""
    with psycopg.connect(uri) as connection:
        types = {"string": "text", "double": "double precision", "int": "integer"}
        columns = ", ".join(f"{name} {types.get(kind, kind)}" for name, kind in COLUMNS.items())
        connection.execute(f"create table bare_copy ({columns})")
        with (
            path.open("rb") as source,
            connection.cursor() as cursor,
            cursor.copy("copy bare_copy from stdin (format csv)") as copy,
        ):
            while block := source.read(1 << 20):
                copy.write(block)


def ship(target: Target, content: Content) -> None:
    """Load a release's fact into a table without keys, as a first publication does."""
    bare = FACT.model_copy(update={"name": "bare_ship"})
    with connected(target) as session, duckdb.connect() as local:
        local.execute("set threads = 2; set preserve_insertion_order = false")
        local.execute(f"attach '{content.database}' as news (read_only)")
        structure.create_table(session, bare)
        rows = changed_rows(local, everything(local, FACT, new="news.main.rpt_fact"), new="news.main.rpt_fact")
        session.ingest("bare_ship", rows, schema=target.schema)
        session.commit()


def check(uri: str, schema: str, content: Content) -> None:
    """Compare count and sums of the server with those of the release."""
    query = "select count(*), sum(value), count(distinct cycle_id), sum(points) from {}"
    with psycopg.connect(uri) as connection, duckdb.connect(str(content.database), read_only=True) as local:
        there = connection.execute(query.format(f"{schema}.rpt_fact")).fetchall()[0]
        here = local.execute(query.format("rpt_fact")).fetchall()[0]
    # Floats are added in another order: one changed row of these would still show.
    if not all(math.isclose(float(one), float(other), rel_tol=1e-12) for one, other in zip(there, here, strict=True)):
        raise SystemExit(f"the server does not show the release: {there} instead of {here}")


def main() -> None:
    """Print the times of each round, and the ratios of their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary, real_postgresql() as uri:
        folder = Path(temporary)
        contents = write_releases(folder, given.rows)
        with duckdb.connect(str(contents["base"].database), read_only=True) as local:
            local.execute(f"copy rpt_fact to '{folder / 'rows.csv'}' (format csv, header false)")
        for number in range(given.rounds):
            target = Target(uri, f"round_{number}", "los_bi")
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute(f"drop table if exists bare_copy; create schema {target.schema}; checkpoint")
            seconds.setdefault("COPY of CSV, bare", []).append(timed(lambda: copy_csv(uri, folder / "rows.csv")))
            seconds.setdefault("shipped, bare", []).append(timed(lambda to=target: ship(to, contents["base"])))
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute(f"drop table bare_copy; drop table {target.schema}.bare_ship; checkpoint")
            for what, name in (("first publication", "base"), ("1 % in the newest cycle", "newest")):
                seconds.setdefault(what, []).append(timed(lambda to=target, of=name: publish(to, contents, of)))
                check(uri, target.schema, contents[name])
            publish(target, contents, "base")
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute("vacuum")
                connection.execute("checkpoint")
            seconds.setdefault("1 % all over", []).append(timed(lambda to=target: publish(to, contents, "spread")))
            check(uri, target.schema, contents["spread"])
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute(f"drop schema {target.schema} cascade; checkpoint")
            print(
                f"round {number + 1}: " + ", ".join(f"{what} {times[-1]:.1f} s" for what, times in seconds.items()),
                flush=True,
            )
    middle = {what: statistics.median(times) for what, times in seconds.items()}
    print(f"{given.rows:,} rows, medians: " + ", ".join(f"{what} {time:.2f} s" for what, time in middle.items()))
    print(f"1  shipped / COPY, bare:           {middle['shipped, bare'] / middle['COPY of CSV, bare']:.2f}  (goal 1.3)")
    for place, what, goal in ((2, "1 % in the newest cycle", 25), (3, "1 % all over", 60)):
        print(f"{place}  {what} / first: {100 * middle[what] / middle['first publication']:.0f} %  (goal {goal} %)")


def publish(target: Target, contents: dict[str, Content], name: str) -> None:
    """Publish one of the releases."""
    publish_content(contents[name], target, find=lambda release: contents[release].database, threads=2)


if __name__ == "__main__":
    main()
