from __future__ import annotations

import time

import duckdb
import pytest

from orchestration.audit.session import open_session, read_only
from orchestration.errors import AuditError
from tests.unit.audit.small_company import AS_OF, KNOWN_AT


@pytest.fixture
def session(company):
    with open_session(company.warehouse, company.lake, stage="marts", run_id="run", as_of=AS_OF) as opened:
        yield opened


def test_a_session_shows_warehouse_lake_and_run(session):
    assert session.value("select count(*) from marts.fct_kpi_observation") == 30
    assert session.value("select count(*) from lake.observations") == 30
    assert session.value("select as_of from audit.run") == AS_OF
    assert session.context.known_at == KNOWN_AT


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('{secret}')",
        "select * from read_csv('{lake}/../secret.txt')",
        "select * from '{secret}'",
        "select getenv('HOME')",
    ],
)
def test_a_check_reads_nothing_but_warehouse_and_lake(company, session, tmp_path, query):
    secret = company.lake.root.parent / "secret.txt"
    secret.write_text("secret")

    answer = session.ask(query.format(secret=secret, lake=company.lake.root))

    assert isinstance(answer.error, duckdb.Error)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from marts.dim_kpi",
        "drop table marts.dim_kpi",
        "attach 'other.duckdb'",
        "set enable_external_access = true",
        "copy (select 1) to 'out.csv'",
        "insert into audit.findings values (1)",
        "select 1; select 2",
        "install httpfs",
        "pragma database_list",
        "",
    ],
)
def test_a_check_is_one_select(session, statement):
    assert "one SELECT" in str(session.ask(statement).error)


def test_the_warehouse_is_read_only_for_the_audit_itself(session):
    with pytest.raises(duckdb.Error, match="read-only"):
        session.run("delete from marts.dim_kpi")


def test_settings_are_locked(session):
    with pytest.raises(duckdb.Error, match="locked"):
        session.run("set threads = 1")


def test_a_question_that_takes_too_long_is_given_up_and_not_asked_again(company):
    endless = "select count(*) from range(1000000000) as a(i), range(1000000) as b(j) where i * j % 7 = 3"
    with open_session(
        company.warehouse, company.lake, stage="marts", run_id="run", as_of=AS_OF, seconds_allowed=0.3
    ) as session:
        started = time.perf_counter()
        first = session.ask(endless)
        again = session.ask(endless)
        elapsed = time.perf_counter() - started

        assert "not done after 0.3 s" in str(first.error)
        assert again is first
        assert elapsed < 5
        assert session.value("select 1") == 1


def test_an_answer_is_remembered(session):
    assert session.ask("select random() as x") is session.ask("select random() as x")


def test_a_missing_warehouse_says_what_to_do(company, tmp_path):
    with (
        pytest.raises(AuditError, match="there is no warehouse to audit") as raised,
        read_only(tmp_path / "none.duckdb"),
    ):
        pass

    assert "make run" in str(raised.value)


def test_a_file_that_is_no_warehouse_is_refused(tmp_path):
    path = tmp_path / "text.duckdb"
    path.write_text("this is not a database" * 1000)

    with pytest.raises(AuditError, match="cannot be opened"), read_only(path):
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "delete from intermediate.int_run__context",
        "insert into intermediate.int_run__context select * from intermediate.int_run__context",
        "update intermediate.int_run__context set as_of = null",
        "drop table intermediate.int_run__context",
    ],
)
def test_a_warehouse_that_does_not_say_what_it_was_built_for_is_refused(company, audit, statement):
    company.run(statement)

    with pytest.raises(AuditError, match="does not say what it was built for"):
        audit()


def test_paths_may_hold_quotes_and_blanks(company, audit, tmp_path):
    moved = tmp_path / "it's a folder"
    company.lake.root.parent.rename(moved)
    company = type(company)(moved)

    assert {o.outcome for o in audit(warehouse=company.warehouse, lake=company.lake).outcomes} == {"passed"}
