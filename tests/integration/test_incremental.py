"""A warehouse built by increments is the one a whole build gives. Each docstring is the failure it prevents."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.integration.changing_company import Company
from tests.integration.dbt_in_one_process import DBT_PROJECT, DbtProcess
from tests.integration.tiny_lake import TinyLake

INCREMENTAL = {"fct_kpi_observation", "fct_restatement", "fct_key_result_kpi", "fct_key_result_daily"}
MODELS = ["build", "--resource-type", "model", "--resource-type", "seed", "--exclude", "fqn:line_of_sight.reports"]


class Bench:
    """One lake, the warehouse that grows on it, and whole builds to compare it with.

    Both are built at the same path, one put aside while the other is: dbt then need not parse the project again.
    """

    def __init__(self, folder: Path) -> None:
        self.lake_dir = folder / "lake"
        self.warehouse = folder / "warehouse.duckdb"
        self.aside = folder / "aside.duckdb"
        self.whole = folder / "whole.duckdb"
        self.dbt = DbtProcess(self.lake_dir, self.warehouse, folder / "target")

    def start(self, seed: int) -> Company:
        """Return a new company on an empty lake, without any warehouse."""
        for path in (self.warehouse, self.aside, self.whole):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.lake_dir, ignore_errors=True)
        company = Company(TinyLake(self.lake_dir), random.Random(seed))
        company.found()
        return company

    def build(self, as_of: date, known_at: datetime | None = None, *arguments: str) -> dict[str, str | None]:
        """Build; return for each incremental model why it was built whole, None for an increment."""
        known_at = known_at or datetime.combine(as_of, time(23))
        done, said = self.dbt.run(
            *MODELS, *arguments, LOS_AS_OF=as_of.isoformat(), LOS_KNOWN_AT=known_at.isoformat(sep=" ")
        )
        assert done, said
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return dict(connection.execute("select model, whole_because from increments.decisions").fetchall())

    def differences(self, as_of: date, known_at: datetime | None = None) -> dict[str, list[tuple[object, ...]]]:
        """Build a second warehouse whole, and return what differs: mart -> rows that only one of the two has."""
        shutil.move(self.warehouse, self.aside)
        assert set(self.build(as_of, known_at).values()) == {"there is no table yet"}
        shutil.move(self.warehouse, self.whole)
        shutil.move(self.aside, self.warehouse)
        with duckdb.connect() as connection:
            connection.execute(f"attach '{self.warehouse}' as grown (read_only)")
            connection.execute(f"attach '{self.whole}' as whole (read_only)")
            marts = connection.execute(
                "select table_name from duckdb_tables() where database_name = 'whole' and schema_name = 'marts'"
            ).fetchall()
            assert len(marts) >= len(INCREMENTAL)
            found = {}
            for (mart,) in marts:
                rows = connection.execute(
                    f"(select 'grown', * from (from grown.marts.{mart} except all from whole.marts.{mart})) union all "
                    f"(select 'whole', * from (from whole.marts.{mart} except all from grown.marts.{mart})) limit 6"
                ).fetchall()
                if rows:
                    found[mart] = rows
        return found

    def change(self, statement: str) -> None:
        """Change the warehouse behind the models' back."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("incremental"))
    with bench.dbt:
        yield bench


def play(bench: Bench, seed: int, steps: int, *, compare_each: bool) -> Company:
    """Let a company live, building each day; compare with a whole build at the end or each day."""
    company = bench.start(seed)
    assert set(bench.build(company.today).values()) == {"there is no table yet"}
    for number in range(steps):
        company.step()
        assert bench.build(company.today) == dict.fromkeys(INCREMENTAL), company.log
        if compare_each or number == steps - 1:
            assert not bench.differences(company.today), company.log
    return company


def test_increments_give_what_a_whole_build_gives(bench: Bench) -> None:
    """A number depends on how often the warehouse was built since the data came."""
    company = play(bench, seed=4, steps=4, compare_each=False)

    # Nothing new, and the same day again: nothing changes.
    assert bench.build(company.today) == dict.fromkeys(INCREMENTAL)
    assert not bench.differences(company.today)

    # A day that is past and a time that is past are other questions: they are answered whole, and so is the way back.
    for as_of, known_at, reason in (
        (company.today - timedelta(days=5), datetime.combine(company.today, time(23)), "as_of went back"),
        (company.today, datetime.combine(company.today - timedelta(days=1), time(23)), "known_at went back"),
    ):
        assert set(bench.build(as_of, known_at).values()) == {reason}
        assert not bench.differences(as_of, known_at)
    assert bench.build(company.today) == dict.fromkeys(INCREMENTAL)
    assert not bench.differences(company.today)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 106))
def test_increments_give_what_a_whole_build_gives_every_day(bench: Bench, seed: int) -> None:
    """Two changes meet, and one of them is forgotten."""
    play(bench, seed=seed, steps=8, compare_each=True)


def test_whatever_the_state_does_not_allow_is_built_whole(bench: Bench) -> None:
    """A repaired lake, a table touched by hand or a lost state is built upon, and the error stays for good."""
    company = bench.start(7)
    today = company.today
    bench.build(today)

    # A load is undone in the ledger.
    company.restate()
    assert bench.build(today) == dict.fromkeys(INCREMENTAL)
    max((bench.lake_dir / "loads").glob("2*.parquet")).unlink()
    assert set(bench.build(today).values()) == {"the lake is another one: loads are gone or differ"}
    assert not bench.differences(today)

    # Somebody deletes rows, another time the state of one model is lost, another time a table.
    bench.change("delete from marts.fct_key_result_daily where as_of = date '2026-01-05'")
    bench.change("delete from increments.builds where model = 'fct_restatement'")
    bench.change("drop table marts.fct_key_result_kpi")
    assert bench.build(today) == {
        "fct_kpi_observation": None,
        "fct_restatement": "nothing is known of the last build",
        "fct_key_result_kpi": "there is no table yet",
        "fct_key_result_daily": "somebody else changed the table",
    }
    assert not bench.differences(today)

    # The code that built it was another.
    bench.change("update increments.builds set code = 'older' where model = 'fct_kpi_observation'")
    assert bench.build(today)["fct_kpi_observation"] == "the code has changed"
    assert set(bench.build(today, None, "--full-refresh").values()) == {"it was asked for"}
    assert not bench.differences(today)


def test_build_that_broke_off_half_way_is_made_up_for(bench: Bench) -> None:
    """The observations are new and the key results old, and the next build believes that both are new."""
    company = bench.start(11)
    bench.build(company.today)
    for _ in range(2):
        company.step()
        bench.build(company.today, None, "--select", "+fct_kpi_observation")
    company.step()

    assert bench.build(company.today) == dict.fromkeys(INCREMENTAL)
    assert not bench.differences(company.today)


def test_every_input_of_the_key_results_facts_is_watched(bench: Bench) -> None:
    """A model is joined to a fact, its rows change, and the days of before keep what it said then."""
    import json

    ok, said = bench.dbt.run("parse")
    assert ok, said
    manifest = json.loads((bench.warehouse.parent / "target" / "manifest.json").read_text())

    def parents(name: str) -> set[str]:
        node = manifest["nodes"][f"model.line_of_sight.{name}"]
        return {parent.rsplit(".", 1)[1] for parent in node["depends_on"]["nodes"]}

    watched = parents("int_key_result__inputs")
    # What is computed from watched inputs and observations alone, or says what the run is.
    derived = {
        "int_key_result__inputs",
        "int_key_result_kpi__steps",
        "int_key_result_kpi__due",
        "int_key_result_daily__due",
        "int_key_result__days",
        "fct_kpi_observation",
        "fct_key_result_kpi",
        "int_kpi_observation__current",
        "int_run__context",
        "stg_lake__loads",
    }
    assert derived <= {path.stem for path in (DBT_PROJECT / "models").rglob("*.sql")}
    for name in ("fct_key_result_kpi", "fct_key_result_daily", *(derived - {"int_run__context", "stg_lake__loads"})):
        if name != "fct_kpi_observation":
            assert parents(name) <= watched | derived, name
