from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from orchestration.company.loader import Company, load_company
from orchestration.company.models import KeyResult
from orchestration.ingestion.contracts import FeedContract, load_contracts
from orchestration.settings import load_settings, read_settings_file

from .conftest import EXAMPLES, Departures

NAMES = ("flights", "manufacturer")
AS_OF = {"flights": date(2013, 12, 31), "manufacturer": date(2026, 4, 16)}


@pytest.fixture(scope="module")
def companies() -> dict[str, Company]:
    return {name: load_company(EXAMPLES / name / "company") for name in NAMES}


@pytest.fixture(scope="module")
def contracts() -> dict[str, list[FeedContract]]:
    return {name: load_contracts(EXAMPLES / name / "company" / "feeds.yml") for name in NAMES}


def _key_results(company: Company) -> Iterator[tuple[str, KeyResult]]:
    for cycle, objective in company.objectives:
        for key_result in objective.key_results:
            yield cycle, key_result


def _current(company: Company, as_of: date) -> dict[str, KeyResult]:
    versions = [key_result for _, key_result in _key_results(company)]
    versions.sort(key=lambda version: version.effective_from or date.min)
    return {version.id: version for version in versions if (version.effective_from or date.min) <= as_of}


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_known_and_speak_of_a_day_inside_a_cycle(name: str, companies: dict[str, Company]) -> None:
    settings = load_settings(read_settings_file(EXAMPLES / name / "settings.env"))
    assert settings.company_dir == EXAMPLES / name / "company"
    assert settings.as_of == AS_OF[name]
    assert any(cycle.starts_on <= AS_OF[name] <= cycle.ends_on for cycle in companies[name].cycles)


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_resolves(
    name: str, companies: dict[str, Company], contracts: dict[str, list[FeedContract]]
) -> None:
    company = companies[name]
    people, units = {person.id for person in company.people}, {unit.id for unit in company.units}
    kpis, feeds = {kpi.id for kpi in company.kpis}, {contract.id for contract in contracts[name]}
    cycles, objectives = {cycle.id for cycle in company.cycles}, {objective.id for _, objective in company.objectives}
    key_results = {key_result.id for _, key_result in _key_results(company)}
    needed: list[tuple[set[str], str | None]] = []
    needed += [(people, unit.head) for unit in company.units] + [(units, unit.parent) for unit in company.units]
    needed += [(units, person.unit) for person in company.people]
    for contract in contracts[name]:
        needed += [(people, contract.owner), (people, contract.steward)]
        needed += [
            (kpis, kpi) for kpi in (contract.kpi_columns.values() if isinstance(contract.kpi_columns, dict) else ())
        ]
    for kpi in company.kpis:
        assert kpi.org_unit is not None
        assert kpi.feed is not None
        needed += [(units, kpi.org_unit), (feeds, kpi.feed)]
        needed += [(people, owner.person) for owner in kpi.owners]
        needed += [(units, source.controlled_by_unit) for source in kpi.inputs]
        needed += [(kpis, driver.kpi) for driver in kpi.drivers]
        needed += [(kpis, kpi.cost.volume_kpi)] if kpi.cost else []
        needed += [(people, kpi.constraint.owner)] if kpi.constraint else []
    for cycle_id, objective in company.objectives:
        needed += [(cycles, cycle_id), (units, objective.unit), (people, objective.owner), (people, objective.sponsor)]
        needed += [(objectives, objective.supports)]
    for _, key_result in _key_results(company):
        needed += [(people, key_result.champion), (people, key_result.reviewer)]
        needed += [(kpis, link.kpi) for link in key_result.links]
        needed += [(people, link.approver) for link in key_result.links]
        needed += [(units, demand.unit) for demand in key_result.demand]
        needed += [(people, key_result.attestation.by)] if key_result.attestation else []
    needed += [(key_results | kpis, waiver.subject) for waiver in company.waivers]
    needed += [(key_results, request.subject) for request in company.change_requests]
    needed += [(people, request.approved_by) for request in company.change_requests]
    needed += [(units, entry.unit) for entry in company.capacity]
    needed += [(key_results, dependency.key_result) for dependency in company.dependencies]
    needed += [(key_results, decision.key_result) for decision in company.decisions]
    needed += [(kpis, decision.kpi) for decision in company.decisions]
    needed += [(key_results, check_in.key_result) for check_in in company.check_ins]
    needed += [(people, check_in.by) for check_in in company.check_ins]
    dangling = [reference for known, reference in needed if reference is not None and reference not in known]
    assert dangling == []


@pytest.mark.parametrize("name", NAMES)
def test_key_results_are_mapped_weighted_and_in_one_unit(name: str, companies: dict[str, Company]) -> None:
    company = companies[name]
    units = {kpi.id: kpi.unit for kpi in company.kpis}
    for _, key_result in _key_results(company):
        measures = [link for link in key_result.links if link.type == "measures"]
        others = [link for link in key_result.links if link.type in ("impacts", "guardrail")]
        assert others or key_result.attestation, key_result.id
        if key_result.type == "milestone":
            assert not measures, key_result.id
            assert sum(milestone.weight or 0 for milestone in key_result.milestones) == pytest.approx(1)
            continue
        assert sum(link.weight or 0 for link in measures) == pytest.approx(1, abs=1e-9), key_result.id
        assert {units[link.kpi] for link in measures} == {key_result.unit}, key_result.id
        for link in key_result.links:
            if link.type == "guardrail":
                assert (link.guardrail_min, link.guardrail_max) != (None, None), key_result.id


@pytest.mark.parametrize(
    ("name", "same_person", "unowned"),
    [("flights", ["kr_2013q4_us_punctual_days"], ["9e_cancellation_share"]), ("manufacturer", [], [])],
)
def test_ownership_is_clean_but_for_the_planted_findings(
    name: str, same_person: list[str], unowned: list[str], companies: dict[str, Company]
) -> None:
    company, as_of = companies[name], AS_OF[name]
    people = {person.id: person for person in company.people}
    current = _current(company, as_of)
    assert [one.id for one in current.values() if one.champion == one.reviewer] == same_person
    for _, key_result in _key_results(company):
        for person in (key_result.champion, key_result.reviewer):
            assert person is not None
            assert people[person].active_to is None or key_result.id in same_person
    found = []
    for kpi in company.kpis:
        owners = [owner for owner in kpi.owners if owner.role == "accountable_owner"]
        stewards = [owner for owner in kpi.owners if owner.role == "data_steward"]
        assert len(stewards) == 1, kpi.id
        for owner in kpi.owners:
            person = people[owner.person or ""]
            assert owner.from_ is not None
            assert owner.acknowledged_on is not None
            assert person.active_from is None or person.active_from <= owner.from_, kpi.id
            assert person.active_to is None or (owner.to is not None and owner.to <= person.active_to), kpi.id
        for before, after in pairwise(owners):
            assert before.to is not None
            assert after.from_ == before.to + timedelta(days=1), kpi.id
        if len([owner for owner in owners if owner.to is None or owner.to >= as_of]) != 1:
            found.append(kpi.id)
    assert found == unowned


@pytest.mark.parametrize("name", NAMES)
def test_examples_use_every_direction_type_measure_and_link(name: str, companies: dict[str, Company]) -> None:
    found = [key_result for _, key_result in _key_results(companies[name])]
    types = {"metric", "control", "milestone"} | ({"baseline"} if name == "flights" else set())
    directions = {"increase", "decrease", "stay_above", "milestone"}
    if name == "flights":
        directions |= {"stay_below", "stay_within"}
        assert len({key_result.id for key_result in found}) == 40
        assert {one.measured_as.split("(")[0] for one in found} == {
            "latest", "sum_to_date", "mean_to_date", "trailing_mean",
        }  # fmt: skip
    assert {key_result.type for key_result in found} == types
    assert {key_result.direction for key_result in found} == directions
    assert {link.type for key_result in found for link in key_result.links} == {
        "measures", "drives", "impacts", "guardrail",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_contracts_name_the_columns_that_the_files_have(
    name: str, companies: dict[str, Company], contracts: dict[str, list[FeedContract]], request: pytest.FixtureRequest
) -> None:
    landing: Path = request.getfixturevalue(f"{name}_landing")
    for contract in contracts[name]:
        paths = sorted(landing.glob(contract.source.path))
        assert paths, contract.id
        if contract.format != "csv":
            continue
        kpis = {kpi.id for kpi in companies[name].kpis if kpi.feed == contract.id}
        for path in paths:
            with path.open(newline="") as source:
                header = set(next(csv.reader(source, delimiter=contract.delimiter)))
            wide = contract.kpi_columns
            columns = kpis if wide == "*" else set(wide or ())
            assert header == {*contract.mapped().values(), *columns}, path.name
            if isinstance(wide, dict):
                assert set(wide.values()) == kpis


def test_baselines_of_the_flights_are_the_means_of_the_quarter_before(
    companies: dict[str, Company], departures: Departures
) -> None:
    before = {"2013-Q2": (1, 3), "2013-Q3": (4, 6), "2013-Q4": (7, 9)}
    checked = 0
    for cycle, key_result in _key_results(companies["flights"]):
        if cycle not in before or key_result.baseline is None or key_result.measured_as == "sum_to_date":
            continue
        first, last = before[cycle]
        expected = sum(
            (link.weight or 0) * _mean(departures, link.kpi, lambda day: first <= day.month <= last)  # noqa: B023
            for link in key_result.links
            if link.type == "measures"
        )
        # Four digits of a share, two of a minute.
        half_a_digit = 0.00005 if key_result.unit == "share" else 0.005
        assert key_result.baseline == pytest.approx(expected, abs=half_a_digit * 1.02), key_result.id
        checked += 1
    assert checked == 26


def test_figures_that_the_readme_tells_are_the_ones_of_the_package(departures: Departures) -> None:
    def in_q4(day: date) -> bool:
        return day.month >= 10

    assert _mean(departures, "nyc_departure_delay_minutes", in_q4) == pytest.approx(9.49495, abs=1e-5)
    assert _mean(departures, "ua_on_time_share", lambda day: day >= date(2013, 12, 4)) == pytest.approx(
        0.65519, abs=1e-5
    )
    assert sum(len(delays) for (unit, day), delays in departures.items() if unit == "UA" and in_q4(day)) == 14_845
    cancelled = [
        _value(delays, "cancellation_share")
        for (unit, day), delays in departures.items()
        if unit == "NYC" and in_q4(day)
    ]
    assert (sum(share <= 0.03 for share in cancelled), len(cancelled)) == (80, 92)
    weighted = sum(
        weight * _mean(departures, kpi, in_q4)
        for kpi, weight in (("ewr_on_time_share", 0.35), ("jfk_on_time_share", 0.34), ("lga_on_time_share", 0.31))
    )
    assert weighted == pytest.approx(0.810339, abs=1e-5)
    envoy = _mean(departures, "mq_cancellation_share", in_q4)
    assert (envoy - 0.0452) / (0.034 - 0.0452) > 0.9 > (envoy - 0.0452) / (0.032 - 0.0452) > 0.75


def test_holidays_and_cost_of_the_manufacturer_are_those_of_its_generator(
    companies: dict[str, Company], manufacturer: ModuleType
) -> None:
    company = companies["manufacturer"]
    assert {holiday.on for holiday in company.profile.holidays} == manufacturer.HOLIDAYS
    (latency,) = [kpi for kpi in company.kpis if kpi.id == "order_processing_latency_minutes"]
    assert latency.cost is not None
    assert latency.cost.amount == pytest.approx(400_000 / (3 * manufacturer.ORDERS_IN_WINDOW), rel=1e-9)
    (launch,) = [one for _, one in _key_results(company) if one.id == "kr_2026q2_portal_launch"]
    releases = [milestone.completed_on for milestone in launch.milestones if milestone.kind == "release"]
    assert releases == [manufacturer.RELEASE_ON]
    assert [(link.type, link.kpi) for link in launch.links] == [("impacts", "order_processing_latency_minutes")]


def _value(delays: list[float | None], measure: str) -> float:
    flown = [delay for delay in delays if delay is not None]
    return {
        "cancellation_share": (len(delays) - len(flown)) / len(delays),
        "on_time_share": sum(delay <= 15 for delay in flown) / len(flown),
        "departure_delay_minutes": sum(flown) / len(flown),
    }[measure]


def _mean(departures: Departures, kpi: str, is_counted) -> float:
    unit, measure = kpi.split("_", 1)
    values = [
        _value(list(delays), measure)
        for (found, day), delays in departures.items()
        if found == unit.upper() and is_counted(day)
    ]
    return sum(values) / len(values)
