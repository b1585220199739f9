"""The facts of key results hold what a build in full would. Each docstring is the failure it prevents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from orchestration.dbt_process import DbtError, DbtProcess
from orchestration.lake.compaction import compact
from tests.integration import acme
from tests.integration.acme import key_result, kpi, link
from tests.integration.built_lake import (
    BuiltLake,
    a_week_later,
    asked,
    dbt_of,
    known_earlier,
    outside_of_a_run,
    project_changed,
)
from tests.integration.tiny_lake import Record, record

FACTS = ("fct_kpi_observation", "fct_key_result_kpi", "fct_key_result_daily")
KEY_RESULTS = ("up", "down", "total", "average", "stay", "pair", "weighted", "old", "portal", "late_comer")
KPIS = ("on_time", "steady", "latency", "errors", "volume", "stopped", "silent", "ghost")


@dataclass
class Company(BuiltLake):
    """The company of the warehouse's tests, and the business date."""

    now: datetime = datetime(2026, 2, 10, 12)
    as_of: date = date(2026, 2, 10)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lake.define(acme.DEFINED_AT, *acme.organisation(), *acme.kpis(), *acme.goals())
        self.lake.observe(acme.OBSERVED_AT, acme.series())

    def define(self, *records: Record) -> None:
        self.now += timedelta(seconds=1)
        self.lake.define(self.now, *records)

    def observe(self, kpi_id: str, on: date, value: float | None) -> None:
        """Load one value, a moment after the last load; None says that it was deleted in the source."""
        self.now += timedelta(seconds=1)
        self.lake.observe(self.now, {kpi_id: {on: value}})  # type: ignore[dict-item]

    def check_in(self, key_result_id: str, on: date, status: str, **columns: Any) -> None:
        """Load a check-in; one with the same id is stated again."""
        row = {"check_in_id": f"{key_result_id}-{on}", "key_result_id": key_result_id, "on": on, "status": status}
        lineage = {"source_feed": "okr_definitions", "source_file": "company.yml", "is_deleted": False, "by_id": "ada"}
        self._load("definitions/check_ins", lineage | row | columns)

    def deliver(self, key_result_id: str, milestone_id: str | None, on: date, **columns: Any) -> None:
        """Load an event that completes a milestone."""
        row = {"key_result_id": key_result_id, "milestone_id": milestone_id, "event_id": "live", "occurred_on": on}
        said = {"event_type": "milestone", "title": "Live", "is_deleted": False, "source_type": "system"}
        times = {"occurred_at": datetime(on.year, on.month, on.day), "vintage_at": self.now}
        lineage = {"source_feed": "events", "source_file": "events.csv"}
        self._load("key_result_events", said | times | lineage | row | columns)

    def _load(self, entity: str, row: dict[str, Any]) -> None:
        self.now += timedelta(seconds=1)
        row = {"record_key": f"{entity}-{self.now}", "source_row": 2, **row}
        self.lake.load(self.now, {entity: [row]})

    def build(self, *selection: str, **changes: str) -> Company:
        """Build the facts, or only some models."""
        self.run(list(selection or ["+fct_key_result_daily"]), self.as_of, changes)
        return self

    def facts(self) -> dict[str, list[tuple[Any, ...]]]:
        return {fact: self.rows(f"from marts.{fact} order by all") for fact in FACTS}

    def in_full(self) -> dict[str, list[tuple[Any, ...]]]:
        return self.build(LOS_REBUILD="yes").facts()

    def news(self) -> dict[str, date]:
        """First day that the last build computed, by key result."""
        return dict(self.rows("select key_result_id, news_from from intermediate.int_key_result__news"))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtProcess]:
    with dbt_of(tmp_path_factory.mktemp("news")) as process:
        yield process


@pytest.fixture
def company(process: DbtProcess) -> Company:
    return Company(process).build()


@dataclass
class Happenings:
    """What can happen to a company between two builds, drawn at random."""

    company: Company
    draw: Random

    def happen(self) -> None:
        """One of them; observations and days come most often."""
        names = [name for name in vars(Happenings) if not name.startswith("_") and name != "happen"]
        name = self.draw.choice([*names, *["observed", "day_passed"] * 6])
        getattr(self, name)()

    def _day(self, first: int = -100, last: int = 20) -> date:
        return self.company.as_of + timedelta(days=self.draw.randrange(first, last))

    def _maybe(self, value: Any, chance: float = 0.5) -> Any:
        return value if self.draw.random() < chance else None

    def observed(self) -> None:
        kpi_id, on = self.draw.choice(KPIS), self._day(-90, 3)
        if kpi_id == "volume":
            on -= timedelta(days=on.weekday())
        self.company.observe(kpi_id, on, self._maybe(self.draw.choice([0.05, 0.1, 0.77, 0.8123, 12.0]), 0.85))

    def day_passed(self) -> None:
        self.company.as_of += timedelta(days=1)
        self.company.now += timedelta(days=1)

    def business_date_set(self) -> None:
        """A backfill of an earlier day, or a later one than today's."""
        self.company.as_of += timedelta(days=self.draw.randrange(-20, 4))

    def key_result_stated(self) -> None:
        draw = self.draw
        types = ("measures", "measures", "guardrail", "drives", "impacts")
        links = [
            link(
                kpi_id,
                draw.choice(types),
                weight=self._maybe(draw.choice([0.0, 0.2, 0.5, 1.0])),
                guardrail_min=self._maybe(0.5),
            )
            for kpi_id in draw.sample(KPIS, draw.randrange(4))
        ]
        direction = draw.choice(["increase", "decrease", "stay_above", "stay_within", "milestone"])
        self.company.define(
            key_result(
                draw.choice(KEY_RESULTS),
                *links,
                effective_from=self._maybe(self._day(-40, 5)),
                direction=direction,
                measured_as=draw.choice(["latest", "sum_to_date", "mean_to_date", "trailing_mean"]),
                trailing_periods=draw.choice([3, 7]),
                baseline=self._maybe(draw.choice([0.1, 0.7]), 0.9),
                target=self._maybe(draw.choice([0.7, 0.9, 5.0]), 0.9),
                lower_limit=self._maybe(0.3),
                upper_limit=self._maybe(0.9),
                starts_on=self._maybe(self._day(-60, 0), 0.2),
                due_on=self._maybe(self._day(1, 60), 0.2),
                state=draw.choice(["committed"] * 5 + ["draft", "cancelled"]),
                status_rule=self._maybe("gitlab", 0.2),
                champion_id=draw.choice(["ada", "bob"]),
                cycle_id=draw.choice(["2026-Q1"] * 4 + ["2025-Q4"]),
                key_result_checkpoints=[{"checkpoint_on": self._day(-30, 30), "expected_progress": 0.4}]
                if draw.random() < 0.3
                else [],
                key_result_milestones=[
                    {"milestone_id": f"m{n}", "weight": 1.0 * n, "completed_on": self._maybe(self._day(-30, 1))}
                    for n in range(draw.randrange(3))
                ],
            )
        )

    def key_result_removed(self) -> None:
        gone = key_result(self.draw.choice(KEY_RESULTS), effective_from=self._maybe(self._day(-20, 3)))
        gone.is_deleted = True
        self.company.define(gone)

    def kpi_stated(self) -> None:
        kpi_id = self.draw.choice(KPIS[:-1])
        self.company.define(
            kpi(
                kpi_id,
                {"person_id": self.draw.choice(["ada", "dan"]), "owned_from": self._maybe(self._day(-30, 3))},
                grain="week" if kpi_id == "volume" else self.draw.choice(["day", "day", "week"]),
                calendar=self._maybe("working_days", 0.3),
                unit=self.draw.choice(["share", "minutes"]),
                org_unit_id=self.draw.choice(["ops", "portal"]),
            )
        )

    def kpi_removed(self) -> None:
        gone = kpi(self.draw.choice(KPIS))
        gone.is_deleted = True
        self.company.define(gone)

    def checked_in(self) -> None:
        self.company.check_in(
            self.draw.choice(KEY_RESULTS),
            self._day(-40, 3),
            self.draw.choice(["on_track", "at_risk", "off_track"]),
            check_in_id=f"check_in_{self.draw.randrange(12)}",
            confidence=self._maybe(0.6),
            progress=self._maybe(0.5),
            is_deleted=self.draw.random() < 0.2,
        )

    def milestone_delivered(self) -> None:
        self.company.deliver(
            self.draw.choice(KEY_RESULTS),
            self._maybe(f"m{self.draw.randrange(3)}"),
            self._day(-30, 2),
            event_id=f"event_{self.draw.randrange(6)}",
            is_deleted=self.draw.random() < 0.2,
        )

    def company_stated(self) -> None:
        self.company.define(
            record(
                "company",
                "acme",
                name="Acme",
                time_zone="UTC",
                status_rule=self._maybe("gitlab"),
                working_days="mon,tue,wed,thu,fri",
                holidays=[{"holiday_on": self._day(-60, 10), "name": "A day off"}],
            )
        )

    def cycle_stated(self) -> None:
        self.company.define(
            record(
                "cycles",
                "2026-Q1",
                name="Q1 2026",
                starts_on=acme.Q1,
                ends_on=date(2026, 3, 31),
                locks_on=self._day(-40, 5),
                closes_on=date(2026, 4, 10),
                status_rule=self._maybe("gitlab", 0.3),
            )
        )

    def objective_stated(self) -> None:
        columns = {"title": "Run well", "cycle_id": "2026-Q1", "state": "committed", "owner_id": "dan"}
        self.company.define(record("objectives", "o_ops", org_unit_id=self.draw.choice(["ops", "portal"]), **columns))

    def compacted(self) -> None:
        compact(self.company.lake.lake, min_files=2)


def a_late_value(company: Company) -> None:
    company.observe("steady", date(2026, 1, 20), 0.6)


def a_value_before_the_start(company: Company) -> None:
    """The trailing mean of the first days takes it."""
    company.observe("latency", date(2025, 12, 31), 99.0)


def a_value_deleted(company: Company) -> None:
    company.observe("on_time", date(2026, 2, 9), None)


def an_end_in_the_past(company: Company) -> None:
    company.define(key_result("down", state="cancelled", effective_from=date(2026, 2, 1)))


def a_target_from_a_day_on(company: Company) -> None:
    company.define(key_result("pair", link("on_time"), baseline=0.7, target=0.95, effective_from=date(2026, 1, 25)))


def an_owner_from_a_day_on(company: Company) -> None:
    company.define(kpi("steady", {"person_id": "ada"}, {"person_id": "dan", "owned_from": date(2026, 1, 15)}))


def a_milestone_delivered(company: Company) -> None:
    company.deliver("portal", "m2", date(2026, 2, 3))


def a_check_in(company: Company) -> None:
    company.check_in("up", date(2026, 1, 12), "off_track")


def a_check_in_before_another(company: Company) -> None:
    company.check_in("up", date(2026, 1, 5), "at_risk")


def a_calendar_of_working_days(company: Company) -> None:
    changed = kpi("errors", {"person_id": "ada"}, calendar="working_days")
    changed.effective_from = date(2025, 12, 1)
    company.define(changed)


def a_day_off(company: Company) -> None:
    days_off = [{"holiday_on": date(2026, 1, 14), "name": "A day off"}]
    company.define(record("company", "acme", name="Acme", time_zone="UTC", holidays=days_off))


def another_status_rule(company: Company) -> None:
    company.define(record("company", "acme", name="Acme", time_zone="UTC", status_rule="gitlab"))


def an_earlier_business_date(company: Company) -> None:
    company.as_of -= timedelta(days=9)


def a_later_business_date(company: Company) -> None:
    company.as_of += timedelta(days=60)
    company.now += timedelta(days=1)


def a_value_near_the_end(company: Company) -> None:
    company.observe("errors", date(2026, 3, 20), 0.05)


def the_last_value(company: Company) -> None:
    """The first days, on which limits were met too, lie further back than any forecast looks."""
    company.observe("errors", date(2026, 3, 28), 0.05)


CHANGES = [
    a_late_value, a_value_before_the_start, a_value_deleted, an_end_in_the_past, a_target_from_a_day_on,
    an_owner_from_a_day_on, a_milestone_delivered, a_check_in, a_check_in_before_another, a_calendar_of_working_days,
    a_day_off, another_status_rule, an_earlier_business_date, a_later_business_date,
    a_value_near_the_end, the_last_value,
]  # fmt: skip


def test_each_change_reaches_the_days_that_it_touches(company: Company) -> None:
    """A kind of change is forgotten, and its figures stay as they were until the next build in full."""
    before = company.facts()
    for change in CHANGES:
        change(company)
        company.build()
        assert "(all)" not in company.news(), change.__name__
        found, expected = company.facts(), company.in_full()
        assert found != before, f"{change.__name__} changed nothing"
        for fact in FACTS:
            assert found[fact] == expected[fact], (change.__name__, fact)
        before = found


@pytest.mark.parametrize("seed", range(2))
def test_random_news_leave_what_a_build_in_full_does(process: DbtProcess, seed: int) -> None:
    """The facts drift away from what they are made of, a little with every day."""
    draw = Random(seed)
    company = Company(process).build()
    happenings = Happenings(company, draw)
    taken_in = 0
    for _ in range(4):
        for _ in range(draw.randrange(1, 4)):
            for _ in range(draw.randrange(6)):
                happenings.happen()
            company.now += timedelta(seconds=1)
            company.build()
            taken_in += "(all)" not in company.news()
        found, expected = company.facts(), company.in_full()
        for fact in FACTS:
            assert found[fact] == expected[fact], fact
    assert taken_in >= 4, "these builds were meant to take in only what is new"


def test_a_day_more_computes_the_newest_days(company: Company) -> None:
    """Every day costs as much as the whole quarter."""
    before = company.rows("select count(*) from marts.fct_key_result_kpi where as_of < '2026-02-10'")
    company.as_of += timedelta(days=1)
    company.now += timedelta(days=1)
    company.observe("on_time", date(2026, 2, 10), 0.81)
    company.observe("steady", date(2026, 2, 8), 0.5)
    company.build()
    # The day that was the newest is so no longer. The key results of last quarter stay as they are.
    assert {day for name, day in company.news().items() if name not in ("pair", "weighted")} == {date(2026, 2, 10)}
    assert {company.news()["pair"], company.news()["weighted"]} == {date(2026, 2, 8)}
    assert "old" not in company.news()
    assert before == company.rows("select count(*) from marts.fct_key_result_kpi where as_of < '2026-02-10'")
    assert company.facts() == company.in_full()


def test_nothing_new_computes_nothing(company: Company) -> None:
    """A second run publishes another release."""
    before = company.facts()
    company.build()
    assert company.news() == {}
    assert company.facts() == before


def changed_by_hand(company: Company) -> dict[str, str]:
    company.change("update marts.fct_key_result_daily set progress = 0.123 where key_result_id = 'down'")
    return {}


def removed_by_hand(company: Company) -> dict[str, str]:
    company.change("delete from marts.fct_key_result_kpi where key_result_id = 'down'")
    return {}


def dropped_by_hand(company: Company) -> dict[str, str]:
    company.change("drop table marts.fct_key_result_kpi")
    return {}


def load_removed(company: Company) -> dict[str, str]:
    load = company.rows("select max(load_id) from marts.fct_kpi_observation")[0][0]
    (company.lake.root / "loads" / f"{load}.parquet").unlink()
    return {}


def origins_lost(company: Company) -> dict[str, str]:
    company.change("drop table builds.fct_key_result_kpi__origins")
    return {}


def origins_emptied(company: Company) -> dict[str, str]:
    company.change("delete from builds.fct_key_result_daily__origins")
    return {}


def one_fact_by_another_build(company: Company) -> dict[str, str]:
    company.change("update builds.fct_key_result_kpi__origins set detail = 'another' where kind = 'build'")
    return {}


REASONS = [
    known_earlier, changed_by_hand, removed_by_hand, dropped_by_hand, asked, project_changed, outside_of_a_run,
    a_week_later, origins_lost, origins_emptied, one_fact_by_another_build, load_removed,
]  # fmt: skip


def test_whatever_else_changes_means_a_build_in_full(company: Company) -> None:
    """A row stays that the project, the lake or the knowledge date no longer has, or that somebody wrote."""
    company.observe("on_time", date(2026, 2, 1), 0.3)
    before = company.build().facts()
    for reason in REASONS:
        variables = reason(company)
        company.build(**variables)
        assert "(all)" in company.news(), reason.__name__
        assert (company.facts() == before) == (reason not in (known_earlier, load_removed)), reason.__name__
        company.build()


def test_stop_between_the_two_facts_means_a_build_in_full(company: Company) -> None:
    """The first has the news, the second has not, and nobody knows."""
    company.observe("on_time", date(2026, 2, 1), 0.3)
    company.change(
        "create table kept as from builds.fct_key_result_daily__origins",
        "drop table builds.fct_key_result_daily__origins",
        "create view builds.fct_key_result_daily__origins as from kept",
    )
    before = company.facts()
    with pytest.raises(DbtError, match="fct_key_result_daily"):
        company.build()
    after = company.facts()
    assert after["fct_key_result_kpi"] != before["fct_key_result_kpi"]
    assert after["fct_key_result_daily"] == before["fct_key_result_daily"]
    company.change(
        "drop view builds.fct_key_result_daily__origins",
        "create table builds.fct_key_result_daily__origins as from kept",
        "drop table kept",
    )
    company.build()
    assert "(all)" in company.news()
    assert company.facts() == company.in_full()


@pytest.mark.parametrize(
    "selection", ["fct_key_result_daily", "fct_key_result_kpi", "fct_key_result_kpi fct_key_result_daily"]
)
def test_facts_built_without_what_comes_before_them_do_not_count_as_built(company: Company, selection: str) -> None:
    """Somebody materialises one asset, and the news of that hour never reach it."""
    company.observe("on_time", date(2026, 2, 1), 0.3)
    company.build("+int_key_result__inputs")
    company.build(*selection.split())
    company.build()
    assert company.facts() == company.in_full()
