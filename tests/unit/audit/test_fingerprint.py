from __future__ import annotations

import duckdb
import pytest

from orchestration.audit.fingerprint import fingerprint_stage, fingerprint_warehouse


def fingerprint(*statements: str):
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.t (a integer, b varchar)")
        connection.execute("insert into marts.t values (1, 'x'), (2, 'y'), (null, 'z'), (2, 'y')")
        for statement in statements:
            connection.execute(statement)
        return fingerprint_stage(connection, "marts").value


@pytest.mark.parametrize(
    "statement",
    [
        "update marts.t set a = 3 where a = 1",
        "update marts.t set a = 0 where a is null",
        "delete from marts.t where a = 1",
        "insert into marts.t values (1, 'x')",
        "insert into marts.t values (null, null)",
        "insert into marts.t values (7, 'q'), (7, 'q')",  # a pair, which an exclusive or alone would not see
        "update marts.t set a = case a when 1 then 2 when 2 then 1 else a end",
        "alter table marts.t rename a to c",
        "alter table marts.t alter a type bigint",
        "alter table marts.t add column c integer",
        "create table marts.u as select 1 as one",
        "create view marts.u as select 1 as one",
        "drop table marts.t",
    ],
)
def test_every_edit_shows(statement):
    assert fingerprint(statement) != fingerprint()


@pytest.mark.parametrize(
    "statements",
    [
        ("create or replace table marts.t as select * from marts.t order by b desc",),
        ("create or replace table marts.t as select b, a from marts.t",),
        ("update marts.t set a = 9 where a = 1", "update marts.t set a = 1 where a = 9"),
        ("create table main.other as select 1 as one",),
    ],
)
def test_order_of_rows_and_columns_and_other_schemas_do_not(statements):
    assert fingerprint(*statements) == fingerprint()


def test_an_empty_table_and_none_differ():
    assert fingerprint("delete from marts.t") != fingerprint("drop table marts.t")


def test_the_marts_are_fingerprinted_alike_with_and_without_the_reports(company):
    marts, both = (fingerprint_warehouse(company.warehouse, stage) for stage in ("marts", "reports"))

    assert both.only("marts") == marts
    assert both.value != marts.value
    assert both.only("reports").tables["reports.rpt_okr_scorecard"].rows == 3


def test_a_copy_of_a_table_has_its_fingerprint(company, tmp_path):
    """A release is compared with what was audited."""
    table = "reports.rpt_okr_scorecard"
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as connection:
        connection.execute(f"attach '{company.warehouse}' as warehouse (read_only); create schema reports")
        connection.execute(f"create table {table} as select * from warehouse.{table} order by key_result_id desc")
        copied = fingerprint_stage(connection, "reports").tables[table]

    assert copied == fingerprint_warehouse(company.warehouse, "reports").tables[table]
