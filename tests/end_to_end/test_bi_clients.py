"""Real BI clients against the published tables: Superset in Chromium, MetricFlow, and the JDBC driver of PostgreSQL."""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from orchestration.settings import PROJECT_ROOT
from tests.end_to_end.browser import Browser
from tests.end_to_end.metric_sql import from_dbt
from tests.end_to_end.served import Served, served_company
from tests.end_to_end.superset import BIN, USER, Superset, running_superset

pytestmark = pytest.mark.bi

METRICFLOW = PROJECT_ROOT / ".venv-metricflow" / "bin"
JDBC = Path("/usr/share/java/postgresql.jar")
TABLE = "rpt_okr_scorecard"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with served_company(tmp_path_factory.mktemp("clients")) as company:
        yield company


# --- Superset ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def superset(tmp_path_factory) -> Iterator[Superset]:
    if not (BIN / "superset").exists():
        pytest.skip("Superset is not installed: make test-bi")
    with running_superset(tmp_path_factory.mktemp("superset")) as server:
        yield server


@pytest.fixture(scope="module")
def database(superset, served) -> int:
    url = served.reader.replace("postgresql://looker:@/", "postgresql+psycopg2://looker@/")
    given = {"database_name": "Line of Sight", "sqlalchemy_uri": url, "expose_in_sqllab": True, "allow_dml": True}
    return superset.ask("POST", "database/", given)["id"]


@pytest.fixture(scope="module")
def dataset(superset, database) -> int:
    return superset.ask("POST", "dataset/", {"database": database, "schema": "reports", "table_name": TABLE})["id"]


def test_superset_finds_tables_keys_and_comments(superset, served, database, dataset):
    found = superset.ask("GET", f"database/{database}/tables/", q="(schema_name:reports)")
    tables = {table.name for table in served.catalog.every_table}
    assert {entry["value"] for entry in found["result"]} == tables | {"release_tables"}
    table = served.catalog.table(TABLE)
    about = superset.ask("GET", f"database/{database}/table_metadata/", name=TABLE, schema="reports")
    assert about["comment"] == table.description
    assert {one["name"]: one["comment"] for one in about["columns"]} == {one.name: one.told for one in table.columns}
    assert [(key["column_names"], key["referred_table"]) for key in about["foreignKeys"]] == [
        ([reference.column], reference.to) for reference in table.references
    ]
    # Superset 6.1 loses the columns of a primary key on the way to its API; what it reads them with does not.
    script = (
        "import sys, sqlalchemy as s; print(s.inspect(s.create_engine(sys.argv[1])).get_pk_constraint(*sys.argv[2:]))"
    )
    url = served.reader.replace("postgresql://looker:@/", "postgresql+psycopg2://looker@/")
    key = subprocess.run(
        [BIN / "python", "-c", script, url, TABLE, "reports"], capture_output=True, text=True, check=True
    )
    assert f"['{table.key}']" in key.stdout
    columns = superset.ask("GET", f"dataset/{dataset}")["result"]["columns"]
    assert {one["column_name"]: one["description"] for one in columns} == {one.name: one.told for one in table.columns}


def test_superset_answers_the_scorecard_question(superset, served, database, dataset):
    """The README's question, as a person asks it in SQL Lab, and on-track share as a chart asks for it."""
    question = (
        "select key_result_title, status, progress, main_kpi_name, main_kpi_owner_name, data_age_days "
        f"from reports.{TABLE} where status <> 'withheld' order by progress, key_result_title"
    )
    asked = {
        "database_id": database,
        "schema": "reports",
        "sql": question,
        "runAsync": False,
        "client_id": "scorecard01",
    }
    answer = superset.ask("POST", "sqllab/execute/", asked)["data"]
    expected = served.sql(question)
    assert [tuple(row.values()) for row in answer] == expected
    assert expected
    metric = served.catalog.metric("on_track_share")
    numerator = served.catalog.measure(metric.numerator)
    share = {
        "expressionType": "SQL",
        "sqlExpression": f"1.0 * sum({numerator.expression}) / count(*)",
        "label": metric.name,
    }
    query = {
        "datasource": {"id": dataset, "type": "table"},
        "queries": [{"columns": [], "metrics": [share], "row_limit": 10}],
        "result_format": "json",
        "result_type": "full",
    }
    (row,) = superset.ask("POST", "chart/data", query)["result"][0]["data"]
    assert float(row[metric.name]) == pytest.approx(
        served.number(from_dbt(served.manifest, metric.name, "reports")), abs=1e-6
    )


def test_superset_cannot_write(superset, served, database):
    before = served.sql(f"select count(*) from reports.{TABLE}")
    asked = {
        "database_id": database,
        "sql": f"delete from reports.{TABLE}",
        "runAsync": False,
        "client_id": "deleting001",
    }
    with pytest.raises(AssertionError, match="permission denied"):
        superset.ask("POST", "sqllab/execute/", asked)
    assert served.sql(f"select count(*) from reports.{TABLE}") == before


def test_superset_draws_the_chart_in_chromium(superset, served, dataset, tmp_path):
    if not Browser.is_here():
        pytest.skip("Chromium and chromedriver are not installed")
    count = {"expressionType": "SQL", "sqlExpression": "count(*)", "label": "Key results"}
    shown = {
        "viz_type": "table", "datasource": f"{dataset}__table", "query_mode": "aggregate", "groupby": ["status"],
        "metrics": [count], "row_limit": 100, "adhoc_filters": [],
    }  # fmt: skip
    given = {
        "slice_name": "Key results by status", "viz_type": "table", "datasource_id": dataset,
        "datasource_type": "table", "params": json.dumps(shown),
    }  # fmt: skip
    chart = superset.ask("POST", "chart/", given)["id"]
    expected = {
        (status, str(number))
        for status, number in served.sql(f"select status, count(*) from reports.{TABLE} group by 1")
    }
    with Browser(tmp_path / "profile") as browser:
        browser.visit(f"{superset.address}/login/")
        login = (
            "const sent = new XMLHttpRequest(); sent.open('POST', '/login/', false);"
            "sent.send(new URLSearchParams(arguments[0])); return sent.status;"
        )
        assert browser.run(login, USER) == 200
        browser.visit(f"{superset.address}/explore/?slice_id={chart}&standalone=1")
        rows: list[list[str]] = []
        deadline = time.monotonic() + 120
        while len(rows) <= len(expected) and time.monotonic() < deadline:
            time.sleep(0.5)
            rows = browser.run(
                "return [...document.querySelectorAll('table tr')]"
                ".map(row => [...row.children].map(cell => cell.innerText.trim()))"
            )
    assert {tuple(row) for row in rows[1:]} == expected


# --- MetricFlow -------------------------------------------------------------------------------------------------------


def test_metricflow_gives_the_same_numbers(served, tmp_path):
    """dbt's own engine compiles the metrics to PostgreSQL, and finds what the three tools' SQL finds."""
    if not (METRICFLOW / "mf").exists():
        pytest.skip("MetricFlow is not installed: make test-bi")
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    host = served.uri.partition("host=")[2]
    output = {
        "type": "postgres", "host": host, "port": 5432, "user": "looker", "password": "none", "dbname": "postgres",
        "schema": "main", "threads": 1,
    }  # fmt: skip
    profiles = {"line_of_sight": {"target": "postgres", "outputs": {"postgres": output}}}
    (project / "profiles.yml").write_text(yaml.safe_dump(profiles))
    environment = {
        "HOME": str(tmp_path), "PATH": f"{METRICFLOW}:{os.environ['PATH']}", "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1", "LOS_LAKE_DIR": str(tmp_path),
    }  # fmt: skip

    def run(*command: object) -> None:
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    run(METRICFLOW / "dbt", "parse", "--quiet")
    names = [metric.name for metric in served.catalog.metrics]
    run(METRICFLOW / "mf", "query", "--metrics", ",".join(names), "--csv", tmp_path / "answer.csv")
    (answer,) = csv.DictReader((tmp_path / "answer.csv").open())
    for name in names:
        expected = served.number(from_dbt(served.manifest, name, "reports")) or 0.0
        assert float(answer[name] or 0) == pytest.approx(expected, rel=1e-9), name


# --- JDBC -------------------------------------------------------------------------------------------------------------


@contextmanager
def tcp_port_of(socket_path: str) -> Iterator[int]:
    """Lead a port of this machine to a Unix socket: JDBC knows no other way."""

    def lead(one: socket.socket, other: socket.socket) -> None:
        while block := one.recv(1 << 16):
            other.sendall(block)
        other.shutdown(socket.SHUT_WR)

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(socket_path)
            for ends in ((client, server), (server, client)):
                threading.Thread(target=lead, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def test_jdbc_lists_keys_and_remarks(served):
    """Looker and Metabase see tables without keys, or without a word."""
    if not JDBC.is_file() or not shutil.which("javac"):
        pytest.skip("JDBC needs Debian's libpostgresql-jdbc-java and default-jdk-headless")
    folder = served.uri.partition("host=")[2]
    with tcp_port_of(f"{folder}/.s.PGSQL.5432") as port:
        url = f"jdbc:postgresql://127.0.0.1:{port}/postgres?user=looker"
        program = PROJECT_ROOT / "tests" / "end_to_end" / "Keys.java"
        done = subprocess.run(
            ["java", "-cp", JDBC, program, url, "reports"], capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stderr
    found = {tuple(line.split("\t")) for line in done.stdout.splitlines()}
    types = {"string": "text", "int": "int4", "bigint": "int8", "double": "float8", "boolean": "bool"}
    for table in served.catalog.every_table:
        assert ("table", table.name, table.description) in found
        assert ("primary", table.name, table.key) in found
        for reference in table.references:
            key = served.catalog.table(reference.to).key
            assert ("foreign", table.name, reference.column, reference.to, key) in found
        for column in table.columns:
            kind = types.get(column.type, column.type)
            assert ("column", table.name, column.name, kind, column.told) in found
