"""The cycles of a company directory, and the step of its rhythm that each is at: plan, lock, review, close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orchestration.company.loader import Company, load_company

PLANNED_AHEAD = timedelta(days=28)
"""How long before a plan is due it is judged every day: four weeks leave time for a feed to be mended twice."""


@dataclass(frozen=True, order=True)
class Cycle:
    """One planning period; days that the files leave out are those that the models assume."""

    starts_on: date
    id: str
    ends_on: date
    readiness_due_on: date
    locks_on: date
    closes_on: date


def cycles_of(company: Company) -> list[Cycle]:
    """Return the cycles, oldest first; of several versions of one the newest."""
    found: dict[str, Cycle] = {}
    for record in sorted(company.records, key=lambda entry: entry.effective_from or date.min):
        if record.table == "cycles":
            values = record.columns
            found[values["cycle_id"]] = Cycle(
                starts_on=values["starts_on"],
                id=values["cycle_id"],
                ends_on=values["ends_on"],
                readiness_due_on=values.get("readiness_due_on") or values["starts_on"],
                locks_on=values.get("locks_on") or values["starts_on"],
                closes_on=values.get("closes_on") or values["ends_on"],
            )
    return sorted(found.values())


def read_cycles(company_dir: Path) -> list[Cycle]:
    """Read the cycles of a company directory.

    Raises:
        LosError: The company files cannot be read.
    """
    return cycles_of(load_company(company_dir))


def to_plan(cycles: Sequence[Cycle], day: date) -> list[Cycle]:
    """Return the cycles whose plan is judged on a day: from four weeks before it is due until the lock."""
    return [cycle for cycle in cycles if cycle.readiness_due_on - PLANNED_AHEAD <= day < cycle.locks_on]


def to_lock(cycles: Sequence[Cycle], day: date) -> list[Cycle]:
    """Return the cycles whose targets freeze on a day."""
    return [cycle for cycle in cycles if cycle.locks_on == day]


def to_review(cycles: Sequence[Cycle], day: date) -> list[Cycle]:
    """Return the cycles that are reviewed on a day: those that run, and those that are not closed yet."""
    return [cycle for cycle in cycles if cycle.starts_on <= day <= max(cycle.ends_on, cycle.closes_on)]


def to_close(cycles: Sequence[Cycle], day: date) -> list[Cycle]:
    """Return the cycles that close on a day."""
    return [cycle for cycle in cycles if cycle.closes_on == day]
