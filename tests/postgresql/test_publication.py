"""Publishing to a real PostgreSQL: what arrives, what is written, what is repaired, what is refused."""

from __future__ import annotations

import shutil

import psycopg
import pytest

from orchestration.errors import PublicationError
from orchestration.publication.postgresql import publish as publishing
from orchestration.publication.postgresql.target import Target
from tests.postgresql.small_release import FACTS, UNITS, column

COLUMNS = "from pg_attribute where attrelid = 'reports.rpt_fact'::regclass and attnum > 0 and not attisdropped"


def outcome(published):
    return {table.table: (table.changed, table.gone, table.was_repaired) for table in published.tables}


def test_first_publication_brings_rows_as_they_are(releases, sql):
    published = releases.publish(1)
    assert outcome(published) == {
        "rpt_unit": (2, 0, False), "rpt_fact": (50, 0, False), "release_info": (1, 0, False),
    }  # fmt: skip
    found = sql("select *, on_day::text, at_time::text from reports.rpt_fact where fact_id = 'f4'")
    assert found[0][:5] == ("f4", "u2", 0, 4 / 3, True)
    assert found[0][7:] == (2**40 + 4, "2026-01-05", "2026-01-01 10:00:00.5")
    assert sql("select release_id, number from reports.release_info") == [("release-001", 1)]
    assert sql("select table_name, release_name, row_count from reports.release_tables order by 1") == [
        ("release_info", "release-001", 1), ("rpt_fact", "release-001", 50), ("rpt_unit", "release-001", 2),
    ]  # fmt: skip


def test_reader_sees_keys_and_comments(releases, database):
    """Metabase reads keys from information_schema: with SELECT alone a reader finds none there."""
    releases.publish(1)
    with psycopg.connect(database.replace("postgres@", "looker@").replace("//postgres", "//looker")) as reader:
        keys = reader.execute(
            "select table_name, constraint_type, column_name from information_schema.table_constraints "
            "inner join information_schema.key_column_usage using (constraint_name, table_name) "
            "where table_constraints.table_schema = 'reports' and constraint_type in ('PRIMARY KEY', 'FOREIGN KEY') "
            "order by 1, 2"
        ).fetchall()
        assert keys == [
            ("release_info", "PRIMARY KEY", "release_id"), ("release_tables", "PRIMARY KEY", "table_name"),
            ("rpt_fact", "FOREIGN KEY", "unit_id"), ("rpt_fact", "PRIMARY KEY", "fact_id"),
            ("rpt_unit", "PRIMARY KEY", "unit_id"),
        ]  # fmt: skip
        comments = reader.execute(
            "select obj_description('reports.rpt_fact'::regclass), col_description('reports.rpt_fact'::regclass, 4)"
        ).fetchone()
        assert comments == ("One row per fact, it's said.", "What amount is. Unit: euros.")
        bare = reader.execute(
            "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid "
            "where c.relnamespace = 'reports'::regnamespace and c.relkind = 'r' and attnum > 0 "
            "and (obj_description(c.oid) is null or col_description(c.oid, attnum) is null)"
        ).fetchall()
        assert bare == []


@pytest.mark.parametrize(
    "statement",
    [
        "insert into reports.rpt_unit values ('x', 'y')", "update reports.rpt_fact set amount = 0",
        "delete from reports.rpt_fact", "truncate reports.rpt_fact", "drop table reports.rpt_fact",
        "alter table reports.rpt_fact add column mine int", "create table reports.mine (a int)",
        "comment on table reports.rpt_fact is 'mine'", "update reports.release_tables set stamp = ''",
    ],
)  # fmt: skip
def test_reader_cannot_write(releases, sql, statement):
    releases.publish(1)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sql(statement, role="looker")
    assert sql("select count(*) from reports.rpt_fact", role="looker") == [(50,)]


def test_right_to_write_is_taken_back(releases, sql):
    releases.publish(1)
    sql("grant insert, delete on reports.rpt_fact to los_bi; grant select on reports.rpt_fact to analyst")
    releases.publish(2)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sql("delete from reports.rpt_fact", role="looker")
    assert sql("select has_table_privilege('analyst', 'reports.rpt_fact', 'SELECT')") == [(True,)]


def test_only_rows_that_differ_are_written(releases, sql):
    releases.publish(1)
    before = dict(sql("select fact_id, xmin::text from reports.rpt_fact"))
    facts = [row for row in releases.facts(2) if row[0] not in {"f10", "f12"}] + [
        ("f99", "u1", 2, None, None, None, None, None)
    ]
    published = releases.publish(releases.content(2, facts=facts))
    # Of 50 rows every third changed (17, of which f12 is gone); f10 and f12 are gone; f99 is new.
    assert outcome(published) == {"rpt_fact": (17, 2, False), "release_info": (1, 1, False)}
    after = dict(sql("select fact_id, xmin::text from reports.rpt_fact"))
    assert {key for key in before if before[key] == after.get(key)} == {f"f{i}" for i in range(50) if i % 3 and i != 10}
    assert sql("select amount, is_good from reports.rpt_fact where fact_id = 'f99'") == [(None, None)]
    assert sql("select distinct release_name from reports.release_tables") == [("release-002",)]


def test_same_release_again_writes_nothing(releases, sql):
    releases.publish(1)
    before = sql("select xmin::text, * from reports.release_tables order by table_name")
    assert releases.publish(1).tables == ()
    assert sql("select xmin::text, * from reports.release_tables order by table_name") == before


@pytest.mark.parametrize(
    "edit",
    [
        "update reports.rpt_fact set amount = 7 where fact_id = 'f1'",
        "delete from reports.rpt_fact where fact_id = 'f1'",
        "insert into reports.rpt_fact (fact_id, unit_id) values ('forged', 'u1')",
        "truncate reports.rpt_fact",
        "alter table reports.rpt_fact drop constraint rpt_fact_pkey; insert into reports.rpt_fact values ('f1', 'u1')",
        "alter table reports.rpt_fact add column mine int default 1",
        "alter table reports.rpt_fact drop column amount",
        "alter table reports.rpt_fact alter column release type bigint",
        "drop table reports.rpt_fact",
        "update reports.release_tables set stamp = 'x', checksum = 'y' where table_name = 'rpt_fact'",
        "delete from reports.release_tables",
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_edit_by_hand_is_repaired(releases, sql, edit, number):
    """With the same release again, and with the next one."""
    releases.publish(1)
    sql(edit)
    published = releases.publish(number)
    if "reports.rpt_fact" in edit.split(" ")[1:4] and "alter" not in edit and "drop" not in edit:
        assert outcome(published)["rpt_fact"][2]
    found = sql("select fact_id, unit_id, release, amount from reports.rpt_fact order by fact_id")
    assert found == sorted(row[:4] for row in releases.facts(number))
    shape = dict(sql(f"select attname, format_type(atttypid, -1) {COLUMNS}"))
    assert shape["release"] == "integer"
    assert len(shape) == len(FACTS.columns)
    keys = "select count(*) from pg_constraint where conrelid = 'reports.rpt_fact'::regclass and contype in ('p', 'f')"
    assert sql(keys) == [(2,)]
    assert releases.publish(number).tables == ()


def test_restored_dump_is_found_equal(releases, sql):
    """A dump that is restored has the rows of the release, written by another transaction."""
    releases.publish(1)
    sql("create table kept as select * from reports.rpt_fact; delete from reports.rpt_fact")
    sql("insert into reports.rpt_fact select * from kept")
    assert outcome(releases.publish(1)) == {"rpt_fact": (0, 0, False)}
    assert releases.publish(1).tables == ()


def test_release_before_is_gone_from_disk(releases, sql):
    """Without the files of what is shown, the rows are compared with those that the server holds."""
    releases.publish(1)
    shutil.rmtree(releases.root / "release-001")
    assert outcome(releases.publish(2))["rpt_fact"] == (17, 0, False)
    assert sql("select sum(release) from reports.rpt_fact") == [(34,)]


def test_going_back_is_a_publication_like_any_other(releases, sql):
    for number in (1, 2, 1):
        releases.publish(number)
        assert sql("select max(release), count(*) from reports.rpt_fact") == [(number, 50)]


def test_refused_publication_leaves_the_release_before(releases, sql):
    """A fact refers to a unit that is not there: the foreign key refuses, and nothing of it is seen."""
    releases.publish(1)
    facts = [*releases.facts(2), ("f50", "nobody", 2, 1.0, True, None, None, None)]
    with pytest.raises(PublicationError, match="rpt_fact_unit_id_fkey"):
        releases.publish(releases.content(2, facts=facts))
    assert sql("select number from reports.release_info") == [(1,)]
    assert sql("select count(*), max(release) from reports.rpt_fact") == [(50, 1)]


def test_tables_of_others_are_not_touched(releases, sql):
    sql("create schema reports; create table reports.rpt_fact (precious text); create table reports.other (a int)")
    with pytest.raises(PublicationError, match="no publication made: rpt_fact"):
        releases.publish(1)
    sql("drop table reports.rpt_fact")
    releases.publish(1)
    releases.publish(2)
    assert sql("select count(*) from reports.other") == [(0,)]


def test_text_that_the_server_cannot_hold_loses_that_letter_alone(releases, sql):
    releases.units = {"u1": "a\0b", "u2": 'it\'s \\ "quoted" 漢'}
    releases.publish(1)
    assert sql("select unit_name from reports.rpt_unit order by unit_id") == [("ab",), ('it\'s \\ "quoted" 漢',)]


def test_reader_in_a_long_transaction_stops_nothing(releases, database):
    releases.publish(1)
    with psycopg.connect(database) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        count = "select number, (select max(release) from reports.rpt_fact) from reports.release_info"
        assert reader.execute(count).fetchone() == (1, 1)
        for number in (2, 3):
            releases.publish(number)
            assert reader.execute(count).fetchone() == (1, 1)
        reader.rollback()
        assert reader.execute(count).fetchone() == (3, 3)


def test_two_publications_at_once_take_turns(releases, target, monkeypatch):
    monkeypatch.setattr(publishing, "ATTEMPTS", 2)
    monkeypatch.setattr(publishing, "PAUSE_SECONDS", 0)
    first, second = releases.content(1), releases.content(2)

    def meanwhile(step):
        if step == "staged":
            with pytest.raises(PublicationError, match="another publication"):
                releases.publish(second)

    releases.publish(first, reached=meanwhile)
    releases.publish(second)


def test_password_is_in_no_message(releases, tmp_path):
    releases.target = Target("postgresql://bi:s3cret%20pw@127.0.0.1:1/nowhere?connect_timeout=2", "reports", "los_bi")
    with pytest.raises(PublicationError) as caught:
        releases.publish(1)
    assert caught.value.retryable
    assert "s3cret" not in repr(caught.value) + str(caught.value) + repr(releases.target)


# --- when the structure changes ---------------------------------------------------------------------------------------


@pytest.fixture
def views(releases, sql):
    """Views that analysts built: one on another, one of them materialized."""
    releases.publish(1)
    sql("create schema analysis; grant usage, create on schema analysis to analyst")
    sql("grant usage on schema reports to analyst; grant usage on schema analysis to looker")
    sql("grant select on all tables in schema reports to analyst")
    sql(
        "create view analysis.good as select fact_id, release, amount from reports.rpt_fact where is_good",
        role="analyst",
    )
    sql("comment on view analysis.good is 'Good ones.'; grant select on analysis.good to looker", role="analyst")
    sql("create view analysis.counted as select release, count(*) as n from analysis.good group by 1", role="analyst")
    sql("create materialized view analysis.kept as select sum(release) as s from reports.rpt_fact", role="analyst")
    sql("create unique index kept_s on analysis.kept (s)", role="analyst")
    return sql


def changed(*columns):
    return UNITS, FACTS.model_copy(update={"columns": columns})


def test_new_column_leaves_views_alone(releases, views):
    tables = changed(*FACTS.columns, column("note"))
    fill = "update rpt_fact set note = 'n'"
    releases.publish(releases.content(2, tables=tables, facts=[(*row, None) for row in releases.facts(2)],
                                      more=lambda connection: connection.execute(fill)))  # fmt: skip
    assert views("select count(*), min(note) from reports.rpt_fact") == [(50, "n")]
    assert views("select sum(n) from analysis.counted") == [(25,)]
    assert views("select col_description('reports.rpt_fact'::regclass, 9)") == [("What note is.",)]


def test_new_table_is_there_with_its_rights(releases, views):
    extra = UNITS.model_copy(update={"name": "rpt_extra"})
    fill = "insert into rpt_extra values ('a', 'b')"
    releases.publish(
        releases.content(2, tables=(UNITS, FACTS, extra), more=lambda connection: connection.execute(fill))
    )
    assert views("select * from reports.rpt_extra", role="looker") == [("a", "b")]


def test_changed_type_puts_views_back_as_they_were(releases, views):
    columns = [one.model_copy(update={"type": "double"}) if one.name == "release" else one for one in FACTS.columns]
    releases.publish(releases.content(2, tables=changed(*columns)))
    assert views("select pg_typeof(max(release))::text, max(release) from analysis.good") == [("double precision", 2.0)]
    assert views("select sum(n) from analysis.counted") == [(25,)]
    assert views("select s from analysis.kept") == [(None,)] or views("select s from analysis.kept") == [(34.0,)]
    assert views("select obj_description('analysis.good'::regclass)") == [("Good ones.",)]
    assert views("select count(*) from analysis.good", role="looker") == [(25,)]
    assert views("select tableowner from pg_tables where schemaname = 'x' union all select viewowner from pg_views "
                 "where schemaname = 'analysis'") == [("analyst",), ("analyst",)]  # fmt: skip
    assert views("select count(*) from pg_indexes where indexname = 'kept_s'") == [(1,)]
    assert releases.publish(releases.content(2, tables=changed(*columns))).tables == ()


def test_column_that_a_view_shows_stays_and_says_so(releases, views):
    columns = [one for one in FACTS.columns if one.name not in {"amount", "big"}]
    content = releases.content(2, tables=changed(*columns), facts=[row[:3] + row[4:7] for row in releases.facts(2)])
    releases.publish(content)
    assert views("select count(*), count(amount) from analysis.good") == [(25, 0)]
    assert "No longer published" in views("select col_description('reports.rpt_fact'::regclass, 4)")[0][0]
    names = {
        name for (name,) in views("select attname from pg_attribute where attrelid = 'reports.rpt_fact'::regclass")
    }
    assert "big" not in names
    assert releases.publish(content).tables == ()


def test_table_that_a_view_shows_is_emptied_another_goes(releases, views):
    extra = UNITS.model_copy(update={"name": "rpt_extra"})
    releases.publish(releases.content(2, tables=(UNITS, FACTS, extra)))
    releases.publish(releases.content(3, tables=(UNITS,)))
    assert views("select count(*) from analysis.good") == [(0,)]
    assert views("select to_regclass('reports.rpt_extra')") == [(None,)]
    assert views("select count(*) from reports.release_tables") == [(2,)]
    releases.publish(4)  # and comes back
    assert views("select count(*) from analysis.good") == [(25,)]


def test_required_column_may_become_optional_and_back(releases, sql):
    releases.publish(1)
    columns = [one.model_copy(update={"is_required": one.name == "release"}) for one in FACTS.columns]
    releases.publish(releases.content(2, tables=changed(*columns)))
    required = f"select attname::text {COLUMNS} and attnotnull order by 1"
    assert sql(required) == [("fact_id",), ("release",)]
    releases.publish(3)
    assert sql(required) == [("fact_id",), ("unit_id",)]
