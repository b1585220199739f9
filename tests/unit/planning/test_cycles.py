"""Which step of its rhythm a cycle is at. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date

import pytest

from orchestration.planning.cycles import read_cycles, to_close, to_lock, to_plan, to_review
from orchestration.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def cycles():
    return read_cycles(PROJECT_ROOT / "examples" / "manufacturer" / "company")


def asked(step, cycles, day):
    return [cycle.id for cycle in step(cycles, date.fromisoformat(day))]


@pytest.mark.parametrize(
    ("step", "before", "first", "last", "after"),
    [
        (to_plan, "2026-02-15", "2026-02-16", "2026-04-07", "2026-04-08"),
        (to_lock, "2026-04-07", "2026-04-08", "2026-04-08", "2026-04-09"),
        (to_review, "2026-03-31", "2026-04-01", "2026-07-14", "2026-07-15"),
        (to_close, "2026-07-13", "2026-07-14", "2026-07-14", "2026-07-15"),
    ],
)
def test_each_step_has_its_days(cycles, step, before, first, last, after):
    """A plan is judged after its lock, a cycle is closed twice, or a review is held of nothing."""
    for day, expected in ((before, False), (first, True), (last, True), (after, False)):
        assert ("2026-Q2" in asked(step, cycles, day)) is expected, (step.__name__, day)


def test_cycles_that_overlap_are_both_reviewed(cycles):
    """The old quarter is forgotten on the day on which the new one starts."""
    assert asked(to_review, cycles, "2026-04-10") == ["2026-Q1", "2026-Q2"]


def test_days_that_are_left_out_are_those_of_the_models(tmp_path):
    """A company that states no lock is locked by the models and never by the jobs."""
    (tmp_path / "organization.yml").write_text(
        "company: {id: acme, name: Acme, time_zone: UTC}\nunits: [{id: group, name: Group}]\npeople: []\n",
        encoding="utf-8",
    )
    (tmp_path / "cycles.yml").write_text(
        "cycles:\n  - {id: q1, name: Q1, starts_on: 2026-01-01, ends_on: 2026-03-31}\n", encoding="utf-8"
    )
    (cycle,) = read_cycles(tmp_path)
    assert (cycle.readiness_due_on, cycle.locks_on, cycle.closes_on) == (
        date(2026, 1, 1), date(2026, 1, 1), date(2026, 3, 31),
    )  # fmt: skip
