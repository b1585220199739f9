"""A run that publishes to a real PostgreSQL, and what BI tools find there."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import lkml
import pytest

from orchestration.publication.metabase import DATABASE
from tests.end_to_end.emulated_metabase import EmulatedMetabase
from tests.end_to_end.metric_sql import from_dbt, from_lookml, from_metabase
from tests.end_to_end.served import Served, served_company
from tests.golden.defects import OKRS


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with served_company(tmp_path_factory.mktemp("bi")) as company:
        yield company


# Of the golden company no goal was moved, no cycle is closed, no KPI is idle; its history is too short for placebos.
NOTHING_TO_TELL = {
    *("rpt_goalpost_ledger", "rpt_cycle_score", "rpt_noise_candidate"),
    *("rpt_silo_conflict_placebo", "rpt_suggested_link"),
}


def test_every_table_arrives_row_by_row(served):
    """What a BI tool shows is not what was audited."""
    with duckdb.connect(str(served.release / "reports.duckdb"), read_only=True) as connection:
        for table in served.catalog.every_table:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            query = f"select {columns} from {{}} order by {table.key}"
            expected = connection.execute(query.format(table.name)).fetchall()
            assert served.sql(query.format(f"reports.{table.name}")) == expected, table.name
            assert expected or table.name in NOTHING_TO_TELL


def test_tables_explain_themselves(served):
    assert served.sql(
        "select count(*) from pg_attribute join pg_class on attrelid = pg_class.oid "
        "where relnamespace = 'reports'::regnamespace and relkind = 'r' and attnum > 0 "
        "and (col_description(attrelid, attnum) is null or obj_description(attrelid) is null)"
    ) == [(0,)]
    keys = served.sql(
        "select constraint_type, count(*) from information_schema.table_constraints where table_schema = 'reports' "
        "and constraint_type like '%KEY' group by 1 order by 1"
    )
    tables = served.catalog.every_table
    references = sum(len(table.references) for table in tables)
    assert keys == [("FOREIGN KEY", references), ("PRIMARY KEY", len(tables) + 1)]


def test_three_tools_one_number(served):
    """Looker, Metabase and dbt's metrics call three numbers by one name."""
    compared = 0
    for metric in served.catalog.metrics:
        table = served.catalog.measure(metric.numerator).table
        numbers = [
            served.number(from_dbt(served.manifest, metric.name, "reports")),
            served.number(from_lookml(served.view(table), metric.name, "reports")),
            served.number(from_metabase(served.card(metric.name))),
        ]
        # Over no value at all, a sum is null in dbt and Metabase, and 0 in Looker; there is no other difference.
        numbers = [number or 0.0 for number in numbers]
        assert numbers[1:] == pytest.approx(numbers[:1] * 2, rel=1e-12), metric.name
        compared += numbers[0] != 0
    assert compared >= 7


def test_metrics_are_what_the_scorecard_says(served):
    """All three agree, and all three are wrong."""
    rows = served.sql("select status, attainment_vs_locked, data_age_days from reports.rpt_okr_scorecard")
    good = sum(status in {"achieved", "on_track"} for status, _, _ in rows)
    assert served.number(from_dbt(served.manifest, "on_track_share", "reports")) == pytest.approx(good / len(rows))
    known = [value for _, value, _ in rows if value is not None]
    assert served.number(from_dbt(served.manifest, "mean_attainment_vs_locked", "reports")) == pytest.approx(
        sum(known) / len(known)
    )
    ages = [age for _, _, age in rows if age is not None]
    assert served.number(from_dbt(served.manifest, "greatest_data_age_days", "reports")) == max(ages)


def test_no_explore_multiplies(served):
    """A join of an explore repeats the rows of the table that is summed."""
    model = lkml.load((served.release / "bi" / "looker" / "line_of_sight.model.lkml").read_text())
    joined = 0
    for explore in model["explores"]:
        base = explore["name"]
        source = f"reports.{base} as {base}"
        for join in explore.get("joins", []):
            on = join.get("sql_on", "true").replace("${", "").replace("}", "")
            source += f" left join reports.{join['name']} as {join['name']} on {on}"
            joined += 1
        view = served.view(base)
        for measure in view["measures"]:
            alone = served.number(from_lookml(view, measure["name"], "reports"))
            through = served.number(from_lookml(view, measure["name"], "reports", source=source))
            assert through == (alone if alone is None else pytest.approx(alone, rel=1e-12)), (base, measure["name"])
        numbers = [
            column.name
            for table in served.catalog.every_table
            if table.name == base
            for column in table.columns
            if column.role == "figure"
        ]
        for number in numbers:
            total = f"select round(sum({base}.{number})::numeric, 6) from "
            assert served.sql(total + source) == served.sql(f"{total} reports.{base} as {base}"), (base, number)
    assert joined > len(model["explores"])


def test_dbt_metabase_tells_metabase_everything_once(served, monkeypatch, tmp_path):
    """Descriptions, keys and types do not arrive in Metabase, or are sent again and again."""
    from dbtmetabase import DbtMetabase
    from dbtmetabase import _models as dbtmetabase_models

    monkeypatch.setattr(dbtmetabase_models, "_SYNC_PERIOD", 0)
    metabase = EmulatedMetabase(served.reader, "reports", DATABASE)

    def export() -> int:
        metabase.puts.clear()
        tool = DbtMetabase(
            manifest_path=served.release / "bi" / "metabase" / "dbt_manifest.json",
            metabase_url="http://metabase.test",
            metabase_api_key="k",
            http_adapter=metabase,
        )
        tool.export_models(metabase_database=DATABASE, schema_filter=None)
        return len(metabase.puts)

    assert export() > 50
    for table in served.catalog.every_table:
        for column in table.columns:
            field = metabase.field(table.name, column.name)
            assert field["description"] == column.told
            expected = {"key": "type/PK", "reference": "type/FK", "text": "type/Category"}.get(column.role)
            if column.role in {"key", "reference", "text"}:
                assert field["semantic_type"] == expected, column.name
        for reference in table.references:
            target = metabase.field(reference.to, served.catalog.table(reference.to).key)
            assert metabase.field(table.name, reference.column)["fk_target_field_id"] == target["id"]
    assert metabase.field("rpt_okr_scorecard", "progress")["semantic_type"] == "type/Percentage"
    assert metabase.field("rpt_goalpost_ledger", "goal_change_key")["visibility_type"] == "details-only"
    assert export() == 0


def test_second_run_writes_nothing(served):
    before = served.sql("select table_name, release_name, stamp from reports.release_tables order by 1")
    assert served.run() == 0
    assert served.sql("select table_name, release_name, stamp from reports.release_tables order by 1") == before


def test_closed_gate_publishes_nothing(served):
    """A report that no gate let through is served."""
    before = served.sql("select release_id from reports.release_info")
    assert served.run(LOS_GATE="strict") == 2
    assert served.sql("select release_id from reports.release_info") == before


def test_reader_keeps_an_open_file_while_releases_go_on(served):
    """A dashboard that holds the DuckDB file open stops the next release, or sees half of it."""
    path = served.release / "reports.duckdb"
    resolved = path.resolve()
    with duckdb.connect(str(path), read_only=True) as reader:
        release_id, targets = reader.execute(
            "select release_id, (select sum(target) from rpt_okr_scorecard) from release_info"
        ).fetchone()
        served.project.edit(OKRS, "title: Portal share", "title: The portal's share")
        assert served.run() == 0
        again = reader.execute(
            "select release_id, (select sum(target) from rpt_okr_scorecard) from release_info"
        ).fetchone()
        assert again == (release_id, targets)
        assert served.release.resolve() != resolved.parent
    with duckdb.connect() as fresh:
        fresh.execute(f"attach '{path}' as newest (read_only)")
        assert fresh.execute("select release_id from newest.release_info").fetchone() != (release_id,)
    assert served.sql("select release_id from reports.release_info") != [(release_id,)]
