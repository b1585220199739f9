"""Who answered for what, and when: every row computed by hand. Each docstring is the failure it prevents."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from tests.integration import acme
from tests.integration.acme import kpi, link
from tests.integration.tiny_lake import TinyLake, Warehouse, record

EVER, OPEN = date(1900, 1, 1), date(9999, 12, 31)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("ownership")
    lake = TinyLake(folder / "lake")
    committed = {"state": "committed", "cycle_id": "2026-Q1", "org_unit_id": "portal", "owner_id": "bob"}
    lake.define(
        acme.DEFINED_AT,
        *acme.organisation(),
        record("people", "eve", name="Eve", unit_id="product"),
        record("objectives", "o_portal", title="Launch", **committed),
        kpi(
            "holiday",
            {"person_id": "ada", "acknowledged_on": date(2025, 12, 1)},
            {
                "person_id": "dan",
                "owned_from": date(2026, 1, 20),
                "owned_to": date(2026, 1, 31),
                "delegated_from_id": "ada",
            },
            kpi_inputs=[
                {"name": "staffing", "controlled_by_unit_id": "ops", "share": 0.3},
                {"name": "orders", "controlled_by_unit_id": "portal", "share": 0.5},
                {"name": "screens", "controlled_by_person_id": "eve", "share": 0.2},
            ],
        ),
        kpi(
            "handed_over_late",
            {"person_id": "bob", "owned_to": date(2026, 1, 14)},
            {"person_id": "eve", "owned_from": date(2026, 1, 22)},
            kpi_inputs=[
                {"name": "a", "controlled_by_unit_id": "portal"},
                {"name": "b", "controlled_by_unit_id": "ops"},
                {"name": "c", "controlled_by_person_id": "eve"},
                {"name": "d"},
            ],
        ),
        kpi(
            "both",
            {"person_id": "ada", "owned_to": date(2026, 2, 3)},
            {"person_id": "dan", "owned_from": date(2026, 2, 1)},
            {
                "role": "data_steward",
                "person_id": "cyd",
                "owned_from": date(2026, 1, 10),
                "owned_to": date(2026, 1, 31),
            },
        ),
        kpi("nobodys", kpi_inputs=[{"name": "all", "controlled_by_unit_id": "ops", "share": 0.0}]),
        kpi("unused", {"person_id": "ada", "owned_from": date(2026, 1, 20)}),
        acme.key_result(
            "kr",
            link("holiday"),
            link("handed_over_late", "guardrail"),
            link("both", "impacts"),
            link("nobodys", "drives"),
            objective_id="o_portal",
            champion_id="bob",
        ),
        acme.key_result(
            "kr", link("holiday"), objective_id="o_portal", champion_id=None, effective_from=date(2026, 2, 5)
        ),
    )
    return Warehouse(lake.root, folder / "w.duckdb", folder / "target", acme.AS_OF, datetime(2026, 2, 11)).build()


def test_gaps_and_overlaps_inside_the_cycle_are_rows(warehouse: Warehouse) -> None:
    """A week without an owner, or with two, is not in the register."""
    rows = warehouse.rows(
        "select subject_id, role, kind, people, day_count, from_on, until_on from marts.fct_ownership_gap order by all"
    )
    end = date(2026, 4, 1)
    assert rows == [
        ("both", "accountable_owner", "overlap", "ada, dan", 3, date(2026, 2, 1), date(2026, 2, 4)),
        ("both", "data_steward", "gap", None, 59, date(2026, 2, 1), end),
        ("handed_over_late", "accountable_owner", "gap", None, 7, date(2026, 1, 15), date(2026, 1, 22)),
        ("kr", "champion", "gap", None, 55, date(2026, 2, 5), end),
        ("nobodys", "accountable_owner", "gap", None, 90, date(2026, 1, 1), end),
    ]


def test_somebody_who_stands_in_is_no_second_owner_and_answers_meanwhile(warehouse: Warehouse) -> None:
    """A holiday is reported as a quarrel, or the owner on holiday answers for it."""
    assert warehouse.rows(
        "select person_id, delegated_from_id, owned_from, owned_to, acknowledged_on from marts.dim_ownership "
        "where subject_id = 'holiday' and role = 'accountable_owner' order by owned_from"
    ) == [
        ("ada", None, EVER, OPEN, date(2025, 12, 1)),
        ("dan", "ada", date(2026, 1, 20), date(2026, 2, 1), None),
    ]
    assert warehouse.rows(
        "select kpi_owner_id, min(as_of), max(as_of) from marts.fct_key_result_kpi "
        "where kpi_id = 'holiday' and as_of between '2026-01-19' and '2026-01-31' group by 1 order by 2"
    ) == [("ada", date(2026, 1, 19), date(2026, 1, 19)), ("dan", date(2026, 1, 20), date(2026, 1, 31))]


def test_every_day_has_an_owner_and_nobody_is_one(warehouse: Warehouse) -> None:
    """A fact loses its row in the days in which nobody answers."""
    assert warehouse.rows(
        "select person_id, owned_from, owned_to, is_current from marts.dim_ownership "
        "where subject_id = 'handed_over_late' and role = 'accountable_owner' order by owned_from"
    ) == [
        ("bob", EVER, date(2026, 1, 15), False),
        ("(unowned)", date(2026, 1, 15), date(2026, 1, 22), False),
        ("eve", date(2026, 1, 22), OPEN, True),
    ]
    assert not warehouse.rows(
        """
        select fact.key_result_id, fact.kpi_id, fact.as_of
        from marts.fct_key_result_kpi as fact
        left join marts.dim_ownership as owners
            on owners.subject_type = 'kpi' and owners.subject_id = fact.kpi_id and owners.role = 'accountable_owner'
            and fact.as_of >= owners.owned_from and fact.as_of < owners.owned_to
        where owners.ownership_key is null
        """
    )


def test_ancestors_of_owner_and_subject_reach_the_enterprise(warehouse: Warehouse) -> None:
    """A report by department loses what teams own."""
    columns = (
        "org_unit_id, department_id, enterprise_id, subject_org_unit_id, subject_department_id, subject_enterprise_id"
    )
    assert warehouse.rows(
        f"select role, {columns} from marts.dim_ownership where subject_id = 'kr' and person_id = 'bob'"
    ) == [("champion", "portal", "product", "group", "portal", "product", "group")]
    assert warehouse.rows(
        f"select {columns} from marts.dim_ownership where subject_id = 'nobodys' and role = 'accountable_owner'"
    ) == [("(unknown)", "(unknown)", "(unknown)", "ops", "ops", "group")]


def test_controlled_share_counts_the_unit_and_what_lies_below(warehouse: Warehouse) -> None:
    """Somebody answers for what others hold, and the register says that all of it is theirs."""
    rows = warehouse.rows(
        "select subject_id, person_id, controlled_input_share, controlled_input_null_reason, levers_elsewhere "
        "from marts.dim_ownership where role = 'accountable_owner' and subject_id <> 'both' order by 1, owned_from"
    )
    assert rows == [
        ("handed_over_late", "bob", pytest.approx(0.25), None, "b (ops, 25 %); c (eve, 25 %); d (nobody named, 25 %)"),
        ("handed_over_late", "(unowned)", None, "unowned", None),
        ("handed_over_late", "eve", pytest.approx(0.5), None, "b (ops, 25 %); d (nobody named, 25 %)"),
        ("holiday", "ada", pytest.approx(0.3), None, "orders (portal, 50 %); screens (eve, 20 %)"),
        ("holiday", "dan", pytest.approx(0.3), None, "orders (portal, 50 %); screens (eve, 20 %)"),
        ("nobodys", "(unowned)", None, "unowned", None),
        ("unused", "(unowned)", None, "unowned", None),
        ("unused", "ada", None, "no_inputs_declared", None),
    ]
    assert warehouse.rows(
        "select distinct controlled_input_share, controlled_input_null_reason from marts.dim_ownership "
        "where role <> 'accountable_owner'"
    ) == [(None, "not_an_accountable_owner")]
