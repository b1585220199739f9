"""Goalposts: what moved, when it became known, who allowed it. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration import acme
from tests.integration.acme import kpi, link
from tests.integration.tiny_lake import Record, TinyLake, Warehouse, days, record

AS_OF = date(2026, 2, 20)
BEFORE = datetime(2025, 12, 20, 8)
BEFORE_LOCK = datetime(2026, 1, 5, 8)  # the lock is on 8 January
AFTER_LOCK = datetime(2026, 2, 1, 8)
AGAIN = datetime(2026, 2, 15, 8)
REGISTER = datetime(2026, 2, 18, 8)
ON_FEBRUARY_1 = pytest.approx(31 / 89)  # of the days from 1 January to 31 March


def goal(id_: str, *, effective_from: date | None = acme.Q1, kpi_id: str = "steady", **columns: Any) -> Record:
    columns = {"baseline": 50.0, "target": 100.0, **columns}
    return acme.key_result(id_, link(kpi_id), effective_from=effective_from, **columns)


def request(subject: str, field: str = "target", subject_type: str = "key_result", **columns: Any) -> Record:
    columns = {
        "reason_code": "external_verifiable",
        "approved_by_id": "cyd",
        "approved_on": date(2026, 1, 30),
        **columns,
    }
    return record(
        "change_requests", f"cr_{subject}", subject_type=subject_type, subject_id=subject, field=field, **columns
    )


def cycle(**columns: Any) -> Record:
    dates = {"starts_on": acme.Q1, "ends_on": date(2026, 3, 31), "locks_on": date(2026, 1, 8)}
    return record("cycles", "2026-Q1", name="Q1 2026", **dates | columns)


def delay(**columns: Any) -> Record:
    return kpi("delay", {"person_id": "dan"}, unit="minutes", direction="decrease", formula="mean of all", **columns)


ORDINARY = (
    "early",
    "eased",
    "rewritten",
    "inserted",
    "gone",
    "self_approved",
    "too_hard",
    "late",
    "dated_back",
    "twice",
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("goals")
    lake = TinyLake(folder / "lake")
    objective = {
        "cycle_id": "2026-Q1",
        "org_unit_id": "ops",
        "owner_id": "dan",
        "sponsor_id": "cyd",
        "state": "committed",
    }
    limit = {"type": "control", "direction": "stay_below", "baseline": None, "target": None}
    last = {"objective_id": "o_old", "cycle_id": "2025-Q4", "effective_from": None, "kpi_id": "on_time"}
    milestones = [
        {"milestone_id": "m1", "weight": 1.0, "due_on": date(2026, 2, 1)},
        {"milestone_id": "m2", "weight": 3.0},
    ]
    work = {"type": "milestone", "direction": "milestone", "unit": None, "baseline": None, "target": None}
    lake.define(
        BEFORE,
        *[entry for entry in acme.organisation() if entry.columns.get("cycle_id") != "2026-Q1"],
        cycle(),
        kpi("steady", {"person_id": "ada"}),
        kpi("on_time", {"person_id": "ada"}),
        delay(),
        record("objectives", "o_ops", title="Run well", **objective),
        record("objectives", "o_old", title="Before", **objective | {"cycle_id": "2025-Q4"}),
        *[goal(id_) for id_ in ORDINARY],
        goal("draft", state="draft"),
        goal("down", direction="decrease", unit="minutes", baseline=20.0, target=10.0, kpi_id="delay"),
        goal("tighter", **limit, upper_limit=0.1),
        goal("postponed"),
        goal("launch", **work, key_result_milestones=milestones),
        goal("missed", baseline=0.5, target=0.8, **last),
        goal("again", baseline=0.5, target=0.75, kpi_id="on_time"),
        goal("more", baseline=0.5, target=0.85, kpi_id="on_time"),
    )
    lake.define(BEFORE_LOCK, goal("early", target=90.0))
    lake.define(
        AFTER_LOCK,
        cycle(locks_on=date(2026, 3, 20)),
        goal("eased", effective_from=None, target=80.0),
        goal("rewritten", target=60.0),
        goal("inserted", effective_from=date(2026, 1, 5), target=70.0),
        record("key_results", "gone", effective_from=acme.Q1, is_deleted=True),
        goal(
            "down",
            effective_from=None,
            direction="decrease",
            unit="minutes",
            baseline=20.0,
            target=12.0,
            kpi_id="delay",
        ),
        goal("tighter", effective_from=None, **limit, upper_limit=0.05),
        goal("postponed", effective_from=None, due_on=date(2026, 4, 30)),
        goal(
            "launch", effective_from=None, **work, key_result_milestones=[milestones[0] | {"due_on": date(2026, 3, 1)}]
        ),
        goal("draft", effective_from=None, state="draft", target=1.0),
        *[
            goal(id_, effective_from=None, target=80.0)
            for id_ in ("self_approved", "too_hard", "late", "dated_back", "twice")
        ],
        delay(effective_from=None),
        request("down"),
        request("self_approved", approved_by_id="ada"),
        request("too_hard", reason_code="too_hard"),
        request("late", approved_on=date(2026, 2, 2)),
        request("twice", approved_on=date(2026, 2, 1)),
        request("launch", "milestones", approved_on=None),
    )
    lake.define(
        AGAIN,
        goal("twice", effective_from=None, target=70.0),
        kpi("delay", {"person_id": "dan"}, unit="minutes", direction="decrease", formula="mean without storms"),
    )
    lake.define(REGISTER, request("dated_back"))
    lake.observe(AGAIN, {"on_time": days(date(2025, 10, 1), [0.74] * 92)})
    return Warehouse(lake.root, folder / "w.duckdb", folder / "target", AS_OF, datetime(2026, 2, 19)).build()


def changes(warehouse: Warehouse, subject: str, columns: str) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        f"select {columns} from marts.fct_goal_change where subject_id = '{subject}' order by field, effective_on"
    )


def test_step_to_an_easier_target_is_listed_with_its_day_and_its_lateness(warehouse: Warehouse) -> None:
    """A target is eased in the middle of the quarter and the ledger is empty."""
    columns = (
        "field, kind, old_value, new_value, old_number, new_number, difficulty, effective_on, changed_on, changed_at, "
        "elapsed_share, is_after_lock, is_permitted, not_permitted_reason, owner_id, org_unit_id, cycle_id, locked_on"
    )
    assert changes(warehouse, "eased", columns) == [
        (
            "target", "change", "100", "80", 100.0, 80.0, "easier", date(2026, 2, 1), date(2026, 2, 1), AFTER_LOCK,
            ON_FEBRUARY_1, True, False, "no_request", "ada", "ops", "2026-Q1", date(2026, 1, 8),
        )
    ]  # fmt: skip


def test_rewritten_past_is_seen(warehouse: Warehouse) -> None:
    """A locked target is corrected under its old date: the new one looks as if it had always stood there."""
    columns = "field, kind, old_value, new_value, difficulty, effective_on, changed_on, is_after_lock, is_permitted"
    assert changes(warehouse, "rewritten", columns) == [
        ("target", "rewrite", "100", "60", "easier", acme.Q1, date(2026, 2, 1), True, False)
    ]
    assert changes(warehouse, "inserted", columns) == [
        ("target", "change", "100", "70", "easier", date(2026, 1, 5), date(2026, 2, 1), True, False)
    ]
    locked = warehouse.rows(
        "select key_result_id, target from intermediate.int_key_result__locked "
        "where key_result_id in ('early', 'eased', 'inserted', 'rewritten', 'gone') order by 1"
    )
    assert locked == [("early", 90.0), ("eased", 100.0), ("gone", 100.0), ("inserted", 100.0), ("rewritten", 100.0)]


def test_correction_before_the_lock_is_listed_and_permitted(warehouse: Warehouse) -> None:
    """Planning is punished as if it were cheating."""
    columns = "kind, old_value, new_value, is_after_lock, is_permitted, not_permitted_reason, changed_at"
    assert changes(warehouse, "early", columns) == [("rewrite", "100", "90", False, True, None, BEFORE_LOCK)]
    assert changes(warehouse, "draft", columns) == []


def test_moved_lock_unlocks_nothing(warehouse: Warehouse) -> None:
    """The lock is moved behind the changes, and all of them were before it."""
    columns = "field, old_value, new_value, difficulty, difficulty_null_reason, key_result_count > 10, is_after_lock"
    assert changes(warehouse, "2026-Q1", columns) == [
        ("locks_on", "2026-01-08", "2026-03-20", None, "not_comparable", True, True)
    ]
    assert warehouse.rows("select locks_on from intermediate.int_cycle__locks where cycle_id = '2026-Q1'") == [
        (date(2026, 1, 8),)
    ]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("gone", [("state", "committed", "deleted", "easier", "no_request")]),
        ("postponed", [("due_on", "2026-03-31", "2026-04-30", "easier", "no_request")]),
        ("tighter", [("upper_limit", "0.1", "0.05", "harder", "no_request")]),
        ("down", [("target", "10", "12", "easier", None)]),
        ("self_approved", [("target", "100", "80", "easier", "approver_is_champion")]),
        ("too_hard", [("target", "100", "80", "easier", "reason_not_permitted")]),
        ("late", [("target", "100", "80", "easier", "approved_late")]),
        ("dated_back", [("target", "100", "80", "easier", "filed_late")]),
        (
            "twice",
            [
                ("target", "100", "80", "easier", None),
                ("target", "80", "70", "easier", "request_already_used"),
            ],
        ),
        (
            "launch",
            [
                ("milestones.m1.due_on", "2026-02-01", "2026-03-01", "easier", "not_approved"),
                ("milestones.m2", "milestone", None, "easier", "not_approved"),
                ("milestones.m2.weight", "3", None, None, "not_approved"),
            ],
        ),
        ("delay", [("formula", "mean of all", "mean without storms", None, "no_request")]),
    ],
)
def test_every_way_to_move_a_goal_has_its_verdict(
    warehouse: Warehouse, subject: str, expected: list[tuple[Any, ...]]
) -> None:
    """One of the ways to make a goal easier is nowhere in the ledger, or a request covers what it does not name."""
    found = changes(warehouse, subject, "field, old_value, new_value, difficulty, not_permitted_reason")
    assert found == expected


def test_kpi_that_is_defined_anew_moves_what_it_measures(warehouse: Warehouse) -> None:
    """The target stays and the KPI below it is counted otherwise."""
    columns = "kind, owner_id, cycle_id, key_result_count, elapsed_share, is_after_lock, changed_on"
    assert changes(warehouse, "delay", columns) == [
        ("change", "dan", "2026-Q1", 1, pytest.approx(45 / 89), True, date(2026, 2, 15))
    ]


def test_missed_target_that_returns_lower_is_a_reset(warehouse: Warehouse) -> None:
    """Each quarter starts from a clean slate."""
    assert warehouse.rows(
        "select subject_id, field, old_value, new_value, previous_key_result_id, difficulty, is_permitted, "
        "effective_on "
        "from marts.fct_goal_change where kind = 'reset'"
    ) == [("again", "target", "0.8", "0.75", "missed", "easier", False, acme.Q1)]


def test_planning_rigor_is_the_weight_that_stood_still(warehouse: Warehouse) -> None:
    """A plan that was rewritten while it ran scores as one that held."""
    moved = {
        "eased", "rewritten", "inserted", "gone", "self_approved", "too_hard", "late", "dated_back", "twice",
        "postponed", "tighter", "launch", "down",
    }  # fmt: skip
    still = {"early", "again", "more"}
    total = len(moved) + len(still)
    assert warehouse.rows(
        "select org_unit_id, key_result_count, moved_count, planning_rigor, null_reason "
        "from marts.fct_planning_rigor where cycle_id = '2026-Q1' order by 1"
    ) == [
        ("(all)", total, len(moved), pytest.approx(len(still) / total), None),
        ("ops", total, len(moved), pytest.approx(len(still) / total), None),
    ]


def test_every_row_is_in_the_ledger_with_names(warehouse: Warehouse) -> None:
    """The report leaves out what the fact knows."""
    assert warehouse.rows("select count(*) from reports.rpt_goalpost_ledger") == warehouse.rows(
        "select count(*) from marts.fct_goal_change"
    )
    assert warehouse.rows(
        "select subject_name, owner_name, org_unit_name, approver_name, attainment_null_reason, withheld_reason "
        "from reports.rpt_goalpost_ledger where subject_id = 'down'"
    ) == [("down", "Ada", "Operations", "Cyd", None, "not audited: there is no audit of this business date")]
