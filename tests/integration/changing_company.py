"""A small company that changes at random: definitions, observations, and the days it is looked at from.

Every change is drawn from a seeded generator, so that a failure can be played again. Values have three decimals, not
halves: sums of them depend on their order in the last digit.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from tests.integration.tiny_lake import Record, TinyLake, record

FIRST = date(2026, 1, 1)
PEOPLE = ["ada", "bob", "cy", "dee"]
KPIS = {"d0": "day", "d1": "day", "d2": "day", "w0": "week", "m0": "month"}
KEY_RESULTS: dict[str, dict[str, Any]] = {
    "latest": {"direction": "increase", "baseline": 10.0, "target": 60.0},
    "summed": {"direction": "decrease", "baseline": 900.0, "target": 10.0, "measured_as": "sum_to_date"},
    "mean": {"direction": "increase", "baseline": 10.0, "target": 90.0, "measured_as": "mean_to_date"},
    "trailing": {
        "direction": "increase",
        "baseline": 10.0,
        "target": 90.0,
        "measured_as": "trailing_mean",
        "trailing_periods": 3,
    },
    "kept": {"direction": "stay_above", "lower_limit": 40.0},
    "steps": {"direction": "milestone"},
}


@dataclass
class Company:
    """The company's lake and what is defined now.

    Attributes:
        lake: where it loads.
        dice: the only source of chance.
        today: the business day; loads of a day follow one another by minutes.
    """

    lake: TinyLake
    dice: random.Random
    today: date = FIRST + timedelta(days=20)
    loads: int = 0
    sent: list[tuple[str, date, datetime]] = field(default_factory=list)
    kpis: dict[str, dict[str, Any]] = field(default_factory=dict)
    key_results: dict[str, dict[str, Any]] = field(default_factory=dict)
    milestones: list[dict[str, Any]] = field(default_factory=list)
    closes_on: date = FIRST + timedelta(days=40)
    log: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        """Return a later moment of the day than any before."""
        self.loads += 1
        return datetime.combine(self.today, time(6)) + timedelta(minutes=self.loads)

    def found(self) -> None:
        """Load every definition, and history."""
        for name, grain in KPIS.items():
            self.kpis[name] = {"grain": grain, "owner": "ada", "org_unit_id": "ops"}
        for name, columns in KEY_RESULTS.items():
            links = [{"kpi_id": "d0", "link_type": "measures", "weight": 0.3}]
            links += [{"kpi_id": kpi, "link_type": "measures", "weight": 0.7 / 3} for kpi in ("d1", "w0", "m0")]
            links += [{"kpi_id": "d2", "link_type": "guardrail", "guardrail_min": 30.0}]
            self.key_results[name] = {**columns, "champion_id": "bob", "links": links}
        self.milestones = [
            {"milestone_id": "one", "weight": 0.3, "completed_on": FIRST + timedelta(days=5)},
            {"milestone_id": "two", "weight": 0.7, "completed_on": None},
        ]
        self.lake.define(
            datetime(2025, 12, 1),
            record("company", "acme", name="Acme", time_zone="UTC", fiscal_year_starts_month=1),
            *(record("units", unit, name=unit) for unit in ("ops", "sales")),
            *(record("people", person, name=person) for person in PEOPLE),
            self._cycle(),
            record("feeds", "operations", name="Operations", source_type="system", agreed_offset_days=1.0),
            self._objective("ops"),
            *(self._kpi(name) for name in self.kpis),
            *(self._key_result(name) for name in self.key_results),
        )
        self.send("history", {kpi: self._periods(kpi, FIRST - timedelta(days=40), self.today) for kpi in KPIS})

    def step(self) -> None:
        """Let a day pass, with the day's data and a few other things."""
        self.today += timedelta(days=self.dice.choice([1, 1, 1, 3]))
        self.new_periods()
        for change in self.dice.sample(self.changes(), k=3):
            change()

    def changes(self) -> list[Callable[[], None]]:
        """Return everything that may happen."""
        return [
            self.new_periods,
            self.restate,
            self.restate,
            self.fill_in_late,
            self.take_back,
            self.load_again,
            self.know_the_future,
            self.commit_an_older_load,
            self.change_link,
            self.change_owner,
            self.change_grain,
            self.change_target,
            self.drop_key_result,
            self.finish_milestone,
            self.move_objective,
            self.move_close,
            self.declare_checkpoint,
            self.change_freshness,
        ]

    def new_periods(self) -> None:
        """The day's values; one KPI may be silent."""
        silent = self.dice.choice(list(KPIS))
        self.send(
            "new periods",
            {kpi: self._periods(kpi, self.today - timedelta(days=4), self.today) for kpi in KPIS if kpi != silent},
            first_only=True,
        )

    def restate(self) -> None:
        """Other values for periods that have one."""
        chosen = self.dice.sample(sorted({(kpi, on) for kpi, on, _ in self.sent}), k=4)
        values: dict[str, dict[date, float | None]] = {}
        for kpi, on in chosen:
            values.setdefault(kpi, {})[on] = self._value()
        self.send("restate", values)

    def fill_in_late(self) -> None:
        """A value for a day long past, before or within the key results' time."""
        on = FIRST - timedelta(days=self.dice.randrange(-15, 60))
        self.send("late", {"d1": {on: self._value()}, "d2": {on: self._value()}})

    def take_back(self) -> None:
        """A tombstone."""
        kpi, on, _ = self.dice.choice(self.sent)
        self.send("take back", {kpi: {on: None}})

    def load_again(self) -> None:
        """A vintage that is known already, with another value: the newer load's row stands."""
        kpi, on, vintage = self.dice.choice(self.sent)
        self.send("again", {kpi: {on: self._value()}}, available_at=vintage)

    def know_the_future(self) -> None:
        """A vintage that nobody knows before the day after tomorrow."""
        kpi, on, _ = self.dice.choice(self.sent)
        vintage = datetime.combine(self.today + timedelta(days=2), time(1))
        self.send("future", {kpi: {on: self._value()}}, available_at=vintage)

    def commit_an_older_load(self) -> None:
        """A load that began before others, and was committed after them."""
        kpi, on, _ = self.dice.choice(self.sent)
        at = datetime.combine(self.today - timedelta(days=1), time(5)) + timedelta(seconds=self.loads)
        self.loads += 1
        self.log.append(f"older load of {kpi} {on}")
        self.lake.observe(at, {kpi: {on: self._value()}})  # type: ignore[dict-item]

    def change_link(self) -> None:
        """A link is added or removed."""
        name = self.dice.choice(list(self.key_results))
        links = self.key_results[name]["links"]
        if len(links) > 3:
            links.pop(self.dice.randrange(len(links)))
        else:
            links.append({"kpi_id": self.dice.choice(list(KPIS)), "link_type": self.dice.choice(["impacts", "drives"])})
        self._define("link", self._key_result(name))

    def change_owner(self) -> None:
        """A KPI and a key result pass to other people."""
        kpi, name = self.dice.choice(list(self.kpis)), self.dice.choice(list(self.key_results))
        self.kpis[kpi]["owner"] = self.dice.choice(PEOPLE)
        self.key_results[name]["champion_id"] = self.dice.choice(PEOPLE)
        self._define("owner", self._kpi(kpi), self._key_result(name))

    def change_grain(self) -> None:
        """A KPI is henceforth weekly, or daily again."""
        self.kpis["d1"]["grain"] = "day" if self.kpis["d1"]["grain"] == "week" else "week"
        self._define("grain", self._kpi("d1"))

    def change_target(self) -> None:
        """A target moves, today or as of an earlier day."""
        name = self.dice.choice(["latest", "summed", "trailing"])
        self.key_results[name]["target"] = self._value()
        since = self.dice.choice([None, self.today - timedelta(days=7)])
        self._define("target", self._key_result(name, effective_from=since))

    def drop_key_result(self) -> None:
        """A key result vanishes from the files, or comes back."""
        standing = self.key_results["mean"]
        standing["gone"] = not standing.get("gone", False)
        self._define("drop", self._key_result("mean", is_deleted=standing["gone"]))

    def finish_milestone(self) -> None:
        """A milestone is reached, or was not after all."""
        self.milestones[1]["completed_on"] = self.dice.choice([None, self.today])
        self._define("milestone", self._key_result("steps"))

    def move_objective(self) -> None:
        """The objective passes to another unit."""
        self._define("objective", self._objective(self.dice.choice(["ops", "sales"])))

    def move_close(self) -> None:
        """The cycle closes on another day."""
        self.closes_on += timedelta(days=self.dice.choice([-5, 5]))
        self._define("close", self._cycle())

    def declare_checkpoint(self) -> None:
        """What is expected is stated."""
        self.key_results["kept"]["key_result_checkpoints"] = [
            {"checkpoint_on": self.today, "expected_progress": self.dice.choice([0.2, 0.6])}
        ]
        self._define("checkpoint", self._key_result("kept"))

    def change_freshness(self) -> None:
        """The days by which data is due change."""
        kpi = self.dice.choice(list(self.kpis))
        self.kpis[kpi]["freshness_days"] = float(self.dice.randrange(5))
        self._define("freshness", self._kpi(kpi))

    def send(
        self,
        what: str,
        values: dict[str, dict[date, float | None]],
        *,
        available_at: datetime | None = None,
        first_only: bool = False,
    ) -> None:
        """Load observations; `first_only` leaves out periods that were sent before."""
        if first_only:
            known = {(kpi, on) for kpi, on, _ in self.sent}
            values = {kpi: {on: v for on, v in own.items() if (kpi, on) not in known} for kpi, own in values.items()}
        values = {kpi: own for kpi, own in values.items() if own}
        if not values:
            return
        at = self.now()
        self.log.append(f"{at} {what}: {values if len(values) < 3 else list(values)}")
        self.lake.observe(at, values, available_at=available_at)  # type: ignore[arg-type]
        self.sent += [(kpi, on, available_at or at) for kpi, own in values.items() for on in own]

    def _value(self) -> float:
        return round(self.dice.uniform(10, 90), 3)

    def _periods(self, kpi: str, first: date, last: date) -> dict[date, float | None]:
        every = [first + timedelta(days=n) for n in range((last - first).days)]
        grain = KPIS[kpi]
        starts = [d for d in every if grain == "day" or (d.weekday() == 0 if grain == "week" else d.day == 1)]
        return {on: self._value() for on in starts}

    def _define(self, what: str, *records: Record) -> None:
        at = self.now()
        self.log.append(f"{at} {what}: {[entry.columns for entry in records]}")
        self.lake.define(at, *records)

    def _kpi(self, name: str) -> Record:
        own = {key: value for key, value in self.kpis[name].items() if key != "owner"}
        owners = [{"role": "accountable_owner", "person_id": self.kpis[name]["owner"]}]
        return record(
            "kpis", name, name=name, unit="share", feed_id="operations", lifecycle="active", **own, kpi_owners=owners
        )

    def _key_result(self, name: str, *, effective_from: date | None = None, is_deleted: bool = False) -> Record:
        own = {key: value for key, value in self.key_results[name].items() if key not in ("links", "gone")}
        children: dict[str, Any] = {"key_result_links": [dict(link) for link in self.key_results[name]["links"]]}
        if name == "steps":
            children["key_result_milestones"] = [dict(milestone) for milestone in self.milestones]
        return record(
            "key_results",
            name,
            effective_from=effective_from,
            is_deleted=is_deleted,
            objective_id="o",
            cycle_id="q",
            title=name,
            unit="share",
            reviewer_id="cy",
            state="committed",
            **own,
            **children,
        )

    def _objective(self, unit: str) -> Record:
        return record("objectives", "o", cycle_id="q", title="O", org_unit_id=unit, owner_id="ada", state="committed")

    def _cycle(self) -> Record:
        return record(
            "cycles",
            "q",
            name="Q",
            starts_on=FIRST,
            ends_on=FIRST + timedelta(days=60),
            locks_on=FIRST + timedelta(days=7),
            closes_on=self.closes_on,
        )
