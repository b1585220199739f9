"""Readers who never stop, during 20 publications, some of them killed: each answer is of one release, none an error."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time

import psycopg

from orchestration.settings import PROJECT_ROOT
from tests.postgresql.small_release import FACTS, column

PUBLICATIONS = 20
KILLED = {5: "staged", 9: "applied", 14: "applied"}
NEW_COLUMN_FROM = 12

# One statement: what BI tools send for one tile. Release n has 50 + n facts; every third says n, the others 0.
ONE_STATEMENT = """
    select
        (select number from reports.release_info),
        (select count(*) from reports.rpt_fact),
        (select min(release) from reports.rpt_fact where release > 0),
        (select max(release) from analysis.joined),
        (select count(*) from analysis.joined),
        (select count(distinct release_name) from reports.release_tables)
"""


def reader(uri, stop, answers, errors, isolation):
    with psycopg.connect(uri) as connection:
        connection.execute("set role looker")
        connection.commit()
        connection.isolation_level = isolation
        while not stop.is_set():
            started = time.monotonic()
            try:
                first = connection.execute(ONE_STATEMENT).fetchone()
                if isolation is psycopg.IsolationLevel.REPEATABLE_READ:
                    time.sleep(0.02)
                    again = connection.execute(ONE_STATEMENT).fetchone()
                    answers.append((again, 0.0))
                    if again != first:
                        errors.append(("changed within a transaction", first, again))
            except psycopg.Error as error:
                errors.append(("error", repr(error)))
                return
            answers.append((first, time.monotonic() - started))
            connection.rollback()


def test_every_answer_is_of_one_release(releases, database, sql, tmp_path):
    releases.publish(releases.content(0, facts=releases.facts(0, 50)))
    sql("create schema analysis")
    sql("create view analysis.joined as select * from reports.rpt_fact join reports.rpt_unit using (unit_id)")
    sql("grant usage on schema analysis to looker; grant select on analysis.joined to looker")
    rights = sql("select relname, relacl::text from pg_class where relnamespace = 'reports'::regnamespace order by 1")

    stop, answers, errors = threading.Event(), [], []
    levels = [psycopg.IsolationLevel.READ_COMMITTED] * 2 + [psycopg.IsolationLevel.REPEATABLE_READ]
    readers = [threading.Thread(target=reader, args=(database, stop, answers, errors, level)) for level in levels]
    for thread in readers:
        thread.start()
    shown = 0
    try:
        for number in range(1, PUBLICATIONS + 1):
            facts, tables = releases.facts(number, 50 + number), (releases.content(number).tables[0], FACTS)
            if number >= NEW_COLUMN_FROM:
                tables = (tables[0], FACTS.model_copy(update={"columns": (*FACTS.columns, column("note"))}))
                facts = [(*row, "n") for row in facts]
            content = releases.content(number, facts=facts, tables=tables)
            if number in KILLED:
                given = tmp_path / "given.pickle"
                given.write_bytes(pickle.dumps((content, releases.target, releases.find(f"release-{shown:03d}"))))
                command = [sys.executable, "-m", "tests.postgresql.publish_until_killed", str(given), KILLED[number]]
                done = subprocess.run(command, cwd=PROJECT_ROOT, check=False)
                assert done.returncode == -signal.SIGKILL
                assert sql("select number from reports.release_info") == [(shown,)]
            else:
                releases.publish(content)
                shown = number
                assert sql("select number from reports.release_info") == [(shown,)]
    finally:
        stop.set()
        for thread in readers:
            thread.join()

    assert errors == []
    assert len(answers) > 100
    for answer, _ in answers:
        number = answer[0]
        assert answer == (number, 50 + number, number or None, number, 50 + number, 1), answer
    assert len({answer[0] for answer, _ in answers}) > PUBLICATIONS // 2
    assert max(seconds for _, seconds in answers) < 2
    after = sql("select relname, relacl::text from pg_class where relnamespace = 'reports'::regnamespace order by 1")
    assert after == rights
