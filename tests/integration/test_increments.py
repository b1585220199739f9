"""The fact that takes in what is new holds what a build in full would. Each docstring is the failure it prevents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.audit.outcomes import facts_not_reconciled
from orchestration.cli import app
from orchestration.dbt_process import DbtError, DbtProcess
from orchestration.lake.compaction import compact
from tests.integration import acme
from tests.integration.acme import kpi
from tests.integration.built_lake import (
    BuiltLake,
    a_week_later,
    asked,
    dbt_of,
    known_earlier,
    outside_of_a_run,
    project_changed,
)
from tests.integration.tiny_lake import TinyLake

FIRST, KNOWN_AT = date(2026, 1, 5), datetime(2026, 2, 10, 12)
KPIS = ("daily", "weekly", "shifting", "ghost")
OWNERS = {"person_id": "ada"}


@dataclass
class Company(BuiltLake):
    """Four KPIs, one of which nobody has defined."""

    now: datetime = KNOWN_AT
    vintages: list[tuple[str, date, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        kpis = [kpi("daily", OWNERS), kpi("weekly", OWNERS, grain="week"), kpi("shifting", OWNERS)]
        self.lake.define(acme.DEFINED_AT, *acme.organisation(), *kpis)
        self.observe("daily", FIRST, 1.0)
        self.observe("daily", FIRST + timedelta(days=1), 2.0)
        for kpi_id in KPIS[1:]:
            self.observe(kpi_id, FIRST, 0.0)

    def observe(self, kpi_id: str, on: date, value: float | None, vintage_at: datetime | None = None) -> None:
        """Load one value, a moment after the last load; None says that it was deleted in the source."""
        self.now += timedelta(seconds=1)
        self.vintages.append((kpi_id, on, vintage_at or self.now))
        self.lake.observe(self.now, {kpi_id: {on: value}}, available_at=vintage_at)  # type: ignore[dict-item]

    def build(self, **changes: str) -> Company:
        """Build the fact, on the day that it is."""
        self.run(["+fct_kpi_observation"], self.now.date(), changes)
        return self

    def fact(self) -> list[tuple[Any, ...]]:
        return self.rows("from marts.fct_kpi_observation order by all")

    def values(self) -> list[float]:
        """Those of the daily KPI."""
        query = "select value from marts.fct_kpi_observation where kpi_id = 'daily' order by 1"
        return [value for (value,) in self.rows(query)]

    @property
    def rebuilt_at(self) -> str:
        """Knowledge date of the last build in full."""
        return str(self.rows("select detail from builds.fct_kpi_observation__origins where kind = 'rebuilt_at'")[0][0])


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtProcess]:
    with dbt_of(tmp_path_factory.mktemp("increments")) as process:
        yield process


@pytest.fixture
def company(process: DbtProcess) -> Company:
    """Built, and then told one thing more."""
    company = Company(process).build()
    company.observe("daily", FIRST + timedelta(days=2), 3.0)
    return company


@dataclass
class Happenings:
    """What can happen to a lake between two builds, drawn at random."""

    company: Company
    draw: Random
    seen: set[str] = field(default_factory=set)

    def happen(self) -> None:
        """One of them."""
        name = self.draw.choice(
            ["new", "restated", "earlier", "repaired", "deleted", "ahead", "late", "defined", "regrained", "compacted",
             "slept"]
        )  # fmt: skip
        self.seen.add(name)
        getattr(self, name)()

    def _value(self) -> float:
        return self.draw.choice([1.0, 2.5, -3.25])

    def _known(self) -> tuple[str, date, datetime]:
        return self.draw.choice(self.company.vintages)

    def new(self) -> None:
        # Mondays, so that a value fits either grain.
        on = FIRST + timedelta(weeks=self.draw.randrange(5))
        self.company.observe(self.draw.choice(KPIS), on, self._value())

    def restated(self) -> None:
        self.company.observe(*self._known()[:2], self._value())

    def earlier(self) -> None:
        kpi_id, on, vintage_at = self._known()
        self.company.observe(kpi_id, on, self._value(), vintage_at - timedelta(hours=self.draw.randrange(1, 30)))

    def repaired(self) -> None:
        """The same vintage once more."""
        kpi_id, on, vintage_at = self._known()
        self.company.observe(kpi_id, on, self._value(), vintage_at)

    def deleted(self) -> None:
        self.company.observe(*self._known()[:2], None)

    def ahead(self) -> None:
        """A vintage that a later build knows, and the next one may not."""
        ahead = timedelta(minutes=self.draw.randrange(90))
        self.company.observe(*self._known()[:2], self._value(), self.company.now + ahead)

    def late(self) -> None:
        """A load that began before the last build, and was committed after it."""
        kpi_id, on, _ = self._known()
        began = timedelta(minutes=self.draw.randrange(1, 90), microseconds=self.draw.randrange(10**6))
        self.company.lake.observe(self.company.now - began, {kpi_id: {on: self._value()}})

    def defined(self) -> None:
        self.company.now += timedelta(seconds=1)
        self.company.lake.define(self.company.now, kpi("ghost", OWNERS))

    def regrained(self) -> None:
        """At once, or on another business date."""
        self.company.now += timedelta(seconds=1)
        record = kpi("shifting", OWNERS, grain=self.draw.choice(["day", "week", "month"]))
        record.effective_from = self.company.now.date() + timedelta(days=self.draw.randrange(-3, 2))
        self.company.lake.define(self.company.now, record)

    def compacted(self) -> None:
        compact(self.company.lake.lake, min_files=2)

    def slept(self) -> None:
        self.company.now += timedelta(minutes=self.draw.randrange(1, 600))


@pytest.mark.parametrize("seed", range(3))
def test_random_batches_leave_what_a_build_in_full_does(process: DbtProcess, seed: int) -> None:
    """The fact drifts away from the lake, a little with every load."""
    draw = Random(seed)
    company = Company(process).build()
    happenings = Happenings(company, draw)
    for _ in range(2):
        last = company.rebuilt_at
        for _ in range(4):
            for _ in range(draw.randrange(10)):
                happenings.happen()
            company.now += timedelta(seconds=1)
            company.build()
        assert company.rebuilt_at == last, "these builds were meant to take in only what is new"
        taken_in = company.fact()
        assert taken_in == company.build(LOS_REBUILD="yes").fact()
        assert company.rebuilt_at > last
    assert len(happenings.seen) >= 8


def time_comes(company: Company) -> None:
    """Of a vintage that was dated ahead."""
    company.now += timedelta(minutes=1)


def grain_changes(company: Company) -> None:
    company.now += timedelta(seconds=1)
    company.lake.define(company.now, kpi("shifting", OWNERS, grain="month"))


def kpi_becomes_known(company: Company) -> None:
    company.now += timedelta(seconds=1)
    company.lake.define(company.now, kpi("ghost", OWNERS, grain="week"))


def kpi_is_gone(company: Company) -> None:
    company.now += timedelta(seconds=1)
    gone = kpi("weekly", OWNERS, grain="week")
    gone.is_deleted = True
    company.lake.define(company.now, gone)


@pytest.mark.parametrize("change", [time_comes, grain_changes, kpi_becomes_known, kpi_is_gone])
def test_rows_change_without_a_load_of_theirs(company: Company, change: Callable[[Company], None]) -> None:
    """Only what a new load touches is looked at."""
    company.observe("daily", FIRST, 4.0, company.now + timedelta(minutes=1))
    before = company.build().fact()
    last = company.rebuilt_at
    change(company)
    after = company.build().fact()
    assert company.rebuilt_at == last
    assert after != before
    assert after == company.build(LOS_REBUILD="yes").fact()


def test_nothing_new_changes_nothing(company: Company) -> None:
    """A second run doubles what the first has taken in."""
    once = company.build().fact()
    assert company.values() == [1, 2, 3]
    assert company.build().fact() == once


def test_what_no_load_touches_is_left_as_it_stands(company: Company) -> None:
    """Each day costs as much as the whole history."""
    company.change("update marts.fct_kpi_observation set value = 77 where value = 1")
    assert company.build().values() == [2, 3, 77]


def load_removed(company: Company) -> dict[str, str]:
    """Somebody took the load of 2 out of the lake."""
    load = company.rows("select load_id from marts.fct_kpi_observation where value = 2")[0][0]
    (company.lake.root / "loads" / f"{load}.parquet").unlink()
    return {}


def origins_lost(company: Company) -> dict[str, str]:
    company.change("drop table builds.fct_kpi_observation__origins")
    return {}


def origins_emptied(company: Company) -> dict[str, str]:
    company.change("delete from builds.fct_kpi_observation__origins")
    return {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (asked, [1, 2, 3]),
        (project_changed, [1, 2, 3]),
        (outside_of_a_run, [1, 2, 3]),
        (a_week_later, [1, 2, 3]),
        (known_earlier, [1, 2]),
        (load_removed, [1, 3]),
        (origins_lost, [1, 2, 3]),
        (origins_emptied, [1, 2, 3]),
    ],
)
def test_whatever_else_changes_means_a_build_in_full(
    company: Company, change: Callable[[Company], dict[str, str]], expected: list[float]
) -> None:
    """A row stays that the project, the lake or the knowledge date no longer has."""
    variables = change(company)
    company.change("update marts.fct_kpi_observation set value = 77 where value = 1")
    assert company.build(**variables).values() == expected


def test_build_that_fails_leaves_the_fact_and_its_origins(company: Company) -> None:
    """The fact has the new rows and the list of its loads has not, or the other way round."""
    company.change(
        "create table kept as from builds.fct_kpi_observation__origins",
        "drop table builds.fct_kpi_observation__origins",
        "create view builds.fct_kpi_observation__origins as from kept",
    )
    with pytest.raises(DbtError, match="fct_kpi_observation"):
        company.build()
    assert company.values() == [1, 2]
    company.change(
        "drop view builds.fct_kpi_observation__origins",
        "create table builds.fct_kpi_observation__origins as from kept",
        "drop table kept",
    )
    assert company.build().values() == [1, 2, 3]


def test_facts_are_built_anew_after_an_audit_that_does_not_vouch_for_them(tmp_path: Path) -> None:
    """What somebody changed in the warehouse keeps the gate closed, or goes on after the audit found it."""
    lake, day, failure = TinyLake(tmp_path), KNOWN_AT.date(), {"subject_type": "kpi", "subject_id": "daily"}
    assert facts_not_reconciled(lake.lake) == []
    lake.audit(KNOWN_AT, day, {"rule_id": "DAT-06", **failure}, rules=["DAT-02", "OWN-01"])
    assert facts_not_reconciled(lake.lake) == ["DAT-06"]
    lake.audit(KNOWN_AT + timedelta(hours=1), day, {"rule_id": "OWN-01", **failure}, rules=["DAT-02", "DAT-06"])
    assert facts_not_reconciled(lake.lake) == []


@pytest.mark.parametrize(("arguments", "rebuild"), [([], False), (["--rebuild"], True)])
def test_engineer_asks_for_a_build_in_full(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], rebuild: bool
) -> None:
    """The option is there and nobody hands it on."""
    asked: list[bool] = []
    monkeypatch.setenv("LOS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr("orchestration.pipeline.run_pipeline", lambda *_, **options: asked.append(options["rebuild"]))
    CliRunner().invoke(app, ["run", *arguments])
    assert asked == [rebuild]
