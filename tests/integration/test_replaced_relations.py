"""Tables and views of DuckDB as the project's own materialization replaces them, in a dbt project of two models."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import duckdb
import pytest

from orchestration.transformation import DBT_PROJECT_DIR, dbt_executable

MODEL = "select cast({{ env_var('VALUE') }} as integer) as value"
CHECKED = """
models:
  - name: checked
    description: One row.
    config: {contract: {enforced: true}}
    columns:
      - {name: value, data_type: int, description: "It's \\"said\\".", constraints: [{type: not_null}]}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "models").mkdir()
    (folder / "models" / "checked.sql").write_text(MODEL)
    (folder / "models" / "changing.sql").write_text("{{ config(materialized=env_var('KIND')) }}\n" + MODEL)
    (folder / "models" / "checked.yml").write_text(CHECKED)
    (folder / "dbt_project.yml").write_text(
        "name: two\nprofile: two\nversion: '1.0'\nflags: {send_anonymous_usage_stats: false}\n"
        f"macro-paths: ['{DBT_PROJECT_DIR / 'macros' / 'materializations'}']\n"
        "models: {two: {+materialized: table, +persist_docs: {relation: true, columns: true}}}\n"
    )
    (folder / "profiles.yml").write_text("two: {target: t, outputs: {t: {type: duckdb, path: two.duckdb, threads: 2}}}")
    return folder


def build(project: Path, value: str, kind: str) -> subprocess.CompletedProcess[str]:
    command = [dbt_executable(), "--no-use-colors", "run", "--profiles-dir", "."]
    environment = {**os.environ, "VALUE": value, "KIND": kind, "DO_NOT_TRACK": "1"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def ask(project: Path, question: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(project / "two.duckdb"), read_only=True) as connection:
        return connection.execute(question).fetchall()


def test_a_failed_build_leaves_the_old_table(project: Path) -> None:
    """A build that fails half way leaves an empty table, or none."""
    assert build(project, "1", "view").returncode == 0
    assert ask(project, "from checked") == [(1,)]

    failed = build(project, "null", "view")

    assert failed.returncode == 1
    assert "NOT NULL constraint failed" in failed.stdout
    assert ask(project, "from checked") == [(1,)]
    assert build(project, "2", "view").returncode == 0
    assert ask(project, "from checked") == [(2,)]


def test_a_view_becomes_a_table_and_back(project: Path) -> None:
    """A model that changes how it is kept stops every run on an older warehouse."""
    kinds = "select table_type from information_schema.tables where table_name = 'changing'"
    for kind, told in (("view", "VIEW"), ("table", "BASE TABLE"), ("view", "VIEW")):
        assert build(project, "3", kind).returncode == 0
        assert ask(project, kinds) == [(told,)]
        assert ask(project, "from changing") == [(3,)]


def test_comments_are_kept_and_nothing_is_left_beside(project: Path) -> None:
    """BI readers lose what a column means, or find tables that were only in the way."""
    assert build(project, "4", "view").returncode == 0
    assert ask(project, "select comment from duckdb_columns() where table_name = 'checked'") == [('It\'s "said".',)]
    assert ask(project, "select comment from duckdb_tables() where table_name = 'checked'") == [("One row.",)]
    assert ask(project, "select table_name from information_schema.tables order by all") == [
        ("changing",),
        ("checked",),
    ]


def test_a_column_beyond_the_contract_is_refused(project: Path) -> None:
    """A contract that nobody compares with the model promises columns that are not there."""
    model = project / "models" / "checked.sql"
    try:
        model.write_text(MODEL + ", 1 as other")
        refused = build(project, "5", "view")
    finally:
        model.write_text(MODEL)
    assert refused.returncode == 1
    assert "enforced contract that failed" in refused.stdout
