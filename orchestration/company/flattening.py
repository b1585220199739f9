"""Turns typed company files into records: the columns and child rows that `tables.py` fixes for the lake.

Every field of every model is named here once, beside its column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from orchestration.company.fields import FileModel
from orchestration.company.files import CompanyFile
from orchestration.company.models import (
    Capacity,
    CapacityFile,
    ChangeRequest,
    ChangeRequestsFile,
    CheckIn,
    CheckInsFile,
    CompanyProfile,
    Cycle,
    CyclesFile,
    Decision,
    DecisionsFile,
    DependenciesFile,
    Dependency,
    Escalation,
    EscalationsFile,
    KeyResult,
    Kpi,
    KpisFile,
    Objective,
    OkrsFile,
    OrganizationPart,
    Person,
    Unit,
    Waiver,
    WaiversFile,
)
from orchestration.company.models.okrs import parse_measured_as
from orchestration.company.records import DefinitionRecord, Row, natural_id
from orchestration.company.yaml_reader import PathKeys, Positions


def flatten(content: FileModel, file: CompanyFile, positions: Positions) -> Iterator[DefinitionRecord]:
    """Yield one record per definition of a file.

    Args:
        content: the validated file.
        file: where it lies; the folder of objectives is their cycle.
        positions: where each value stands in it.
    """
    for table, path, effective_from, columns, children in _rows(content, file):
        yield DefinitionRecord(
            table=table,
            natural_id=natural_id(table, columns),
            effective_from=effective_from,
            columns=columns,
            children={child: rows for child, (_, rows) in children.items()},
            source_file=file.name,
            source_row=positions.line(path),
            child_rows={
                child: [positions.line((*path, field, index)) for index in range(len(rows))]
                for child, (field, rows) in children.items()
            },
        )


Children = dict[str, tuple[str, Sequence[Row]]]
"""Child table -> the field of the file that holds it, and its rows."""
_Flat = tuple[str, PathKeys, date | None, dict[str, Any], Children]


def _rows(content: FileModel, file: CompanyFile) -> Iterator[_Flat]:
    """Yield table, path in the file, effective_from, columns and children of each definition."""
    match content:
        case OrganizationPart():
            if content.company is not None:
                company = content.company
                yield ("company", ("company",), company.effective_from, _company(company), _company_children(company))
            for index, unit in enumerate(content.units):
                yield "units", ("units", index), unit.effective_from, _unit(unit), {}
            for index, person in enumerate(content.people):
                yield "people", ("people", index), person.effective_from, _person(person), {}
        case CyclesFile():
            for index, cycle in enumerate(content.cycles):
                yield "cycles", ("cycles", index), cycle.effective_from, _cycle(cycle), {}
        case KpisFile():
            for index, kpi in enumerate(content.kpis):
                yield "kpis", ("kpis", index), kpi.effective_from, _kpi(kpi), _kpi_children(kpi)
        case OkrsFile():
            for index, objective in enumerate(content.objectives):
                path: PathKeys = ("objectives", index)
                yield "objectives", path, objective.effective_from, _objective(objective, file.cycle_id), {}
                for place, key_result in enumerate(objective.key_results):
                    columns = _key_result(key_result, objective.id, file.cycle_id)
                    children = _key_result_children(key_result)
                    path_of = (*path, "key_results", place)
                    yield "key_results", path_of, key_result.effective_from, columns, children
        case WaiversFile():
            for index, waiver in enumerate(content.waivers):
                yield "waivers", ("waivers", index), waiver.effective_from, _waiver(waiver), {}
        case ChangeRequestsFile():
            for index, request in enumerate(content.change_requests):
                path = ("change_requests", index)
                yield "change_requests", path, request.effective_from, _change_request(request), {}
        case CapacityFile():
            for index, capacity in enumerate(content.capacity):
                yield "capacity", ("capacity", index), capacity.effective_from, _capacity(capacity), {}
        case DependenciesFile():
            for index, dependency in enumerate(content.dependencies):
                yield "dependencies", ("dependencies", index), dependency.effective_from, _dependency(dependency), {}
        case EscalationsFile():
            for index, escalation in enumerate(content.escalations):
                yield "escalations", ("escalations", index), escalation.effective_from, _escalation(escalation), {}
        case DecisionsFile():
            for index, decision in enumerate(content.decisions):
                yield "decisions", ("decisions", index), decision.effective_from, _decision(decision), {}
        case CheckInsFile():
            for index, check_in in enumerate(content.check_ins):
                yield "check_ins", ("check_ins", index), None, _check_in(check_in), {}
        case _:
            raise TypeError(f"{type(content).__name__} has no table")


def _company(company: CompanyProfile) -> dict[str, Any]:
    return {
        "company_id": company.id,
        "name": company.name,
        "time_zone": company.time_zone,
        "currency": company.currency,
        "fiscal_year_starts_month": company.fiscal_year_starts_month,
        "working_days": ",".join(company.working_days),
        "status_rule": company.status_rule,
        "max_manual_share": company.max_manual_share,
    }


def _company_children(company: CompanyProfile) -> Children:
    holidays = [
        {"company_id": company.id, "holiday_on": holiday.on, "name": holiday.name} for holiday in company.holidays
    ]
    return {"holidays": ("holidays", holidays)}


def _unit(unit: Unit) -> dict[str, Any]:
    return {"unit_id": unit.id, "name": unit.name, "parent_unit_id": unit.parent, "head_person_id": unit.head}


def _person(person: Person) -> dict[str, Any]:
    return {
        "person_id": person.id,
        "name": person.name,
        "email": person.email,
        "unit_id": person.unit,
        "active_from": person.active_from,
        "active_to": person.active_to,
    }


def _cycle(cycle: Cycle) -> dict[str, Any]:
    return {
        "cycle_id": cycle.id,
        "name": cycle.name,
        "starts_on": cycle.starts_on,
        "ends_on": cycle.ends_on,
        "readiness_due_on": cycle.readiness_due_on,
        "locks_on": cycle.locks_on,
        "closes_on": cycle.closes_on,
        "status_rule": cycle.status_rule,
    }


def _kpi(kpi: Kpi) -> dict[str, Any]:
    valid_range, rule, constraint, cost = kpi.valid_range, kpi.decision_rule, kpi.constraint, kpi.cost
    return {
        "kpi_id": kpi.id,
        "name": kpi.name,
        "description": kpi.description,
        "formula": kpi.formula,
        "unit": kpi.unit,
        "org_unit_id": kpi.org_unit,
        "feed_id": kpi.feed,
        "direction": kpi.direction,
        "grain": kpi.grain,
        "calendar": kpi.calendar,
        "aggregation": kpi.aggregation,
        "valid_min": valid_range.min if valid_range else None,
        "valid_max": valid_range.max if valid_range else None,
        "target": kpi.target,
        "lower_limit": kpi.lower_limit,
        "upper_limit": kpi.upper_limit,
        "category": kpi.category,
        "indicator": kpi.indicator,
        "tier": kpi.tier,
        "decision_threshold": rule.threshold if rule else None,
        "decision": rule.decision if rule else None,
        "decision_forum": rule.forum if rule else None,
        "constraint_min": constraint.min if constraint else None,
        "constraint_max": constraint.max if constraint else None,
        "constraint_reason": constraint.reason if constraint else None,
        "constraint_owner_id": constraint.owner if constraint else None,
        "cost_amount": cost.amount if cost else None,
        "cost_currency": cost.currency if cost else None,
        "cost_volume_kpi_id": cost.volume_kpi if cost else None,
        "lifecycle": kpi.lifecycle,
        "freshness_days": kpi.freshness_days,
        "max_manual_share": kpi.max_manual_share,
    }


def _kpi_children(kpi: Kpi) -> Children:
    owners = [
        {
            "kpi_id": kpi.id,
            "role": owner.role,
            "person_id": owner.person,
            "owned_from": owner.from_,
            "owned_to": owner.to,
            "acknowledged_on": owner.acknowledged_on,
            "delegated_from_id": owner.delegated_from,
        }
        for owner in kpi.owners
    ]
    inputs = [
        {
            "kpi_id": kpi.id,
            "name": lever.name,
            "controlled_by_unit_id": lever.controlled_by_unit,
            "controlled_by_person_id": lever.controlled_by_person,
            "share": lever.share,
        }
        for lever in kpi.inputs
    ]
    drivers = [
        {"kpi_id": kpi.id, "driver_kpi_id": driver.kpi, "sign": driver.sign, "lag_periods": driver.lag}
        for driver in kpi.drivers
    ]
    rebases = [{"kpi_id": kpi.id, "rebased_on": rebase.on, "reason": rebase.reason} for rebase in kpi.rebases]
    return {
        "kpi_owners": ("owners", owners),
        "kpi_inputs": ("inputs", inputs),
        "kpi_drivers": ("drivers", drivers),
        "kpi_rebases": ("rebases", rebases),
    }


def _objective(objective: Objective, cycle_id: str | None) -> dict[str, Any]:
    return {
        "objective_id": objective.id,
        "cycle_id": cycle_id,
        "title": objective.title,
        "org_unit_id": objective.unit,
        "owner_id": objective.owner,
        "sponsor_id": objective.sponsor,
        "supports_id": objective.supports,
        "state": objective.state,
    }


def _key_result(key_result: KeyResult, objective_id: str, cycle_id: str | None) -> dict[str, Any]:
    measured_as, trailing_periods = parse_measured_as(key_result.measured_as)
    attestation = key_result.attestation
    return {
        "key_result_id": key_result.id,
        "objective_id": objective_id,
        "cycle_id": cycle_id,
        "title": key_result.title,
        "champion_id": key_result.champion,
        "reviewer_id": key_result.reviewer,
        "type": key_result.type,
        "direction": key_result.direction,
        "unit": key_result.unit,
        "baseline": key_result.baseline,
        "target": key_result.target,
        "stretch": key_result.stretch,
        "lower_limit": key_result.lower_limit,
        "upper_limit": key_result.upper_limit,
        "starts_on": key_result.starts_on,
        "due_on": key_result.due_on,
        "weight": key_result.weight,
        "indicator": key_result.indicator,
        "measured_as": measured_as,
        "trailing_periods": trailing_periods,
        "state": key_result.state,
        "status_rule": key_result.status_rule,
        "attestation_statement": attestation.statement if attestation else None,
        "attested_by_id": attestation.by if attestation else None,
        "attested_on": attestation.on if attestation else None,
        "attestation_expires_on": attestation.expires_on if attestation else None,
    }


def _key_result_children(key_result: KeyResult) -> Children:
    links = [
        {
            "key_result_id": key_result.id,
            "kpi_id": link.kpi,
            "link_type": link.type,
            "weight": link.weight,
            "expected_sign": link.sign,
            "lag_periods": link.lag,
            "minimum_effect": link.minimum_effect,
            "guardrail_min": link.guardrail_min,
            "guardrail_max": link.guardrail_max,
            "approver_id": link.approver,
            "approved_on": link.approved_on,
        }
        for link in key_result.links
    ]
    milestones = [
        {
            "key_result_id": key_result.id,
            "milestone_id": milestone.id,
            "title": milestone.title,
            "kind": milestone.kind,
            "weight": milestone.weight,
            "due_on": milestone.due_on,
            "completed_on": milestone.completed_on,
        }
        for milestone in key_result.milestones
    ]
    checkpoints = [
        {
            "key_result_id": key_result.id,
            "checkpoint_on": checkpoint.on,
            "expected_progress": checkpoint.expected_progress,
        }
        for checkpoint in key_result.checkpoints
    ]
    demand = [
        {"key_result_id": key_result.id, "unit_id": part.unit, "demand": part.demand, "measure": part.measure}
        for part in key_result.demand
    ]
    return {
        "key_result_links": ("links", links),
        "key_result_milestones": ("milestones", milestones),
        "key_result_checkpoints": ("checkpoints", checkpoints),
        "key_result_demand": ("demand", demand),
    }


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return {
        "waiver_id": waiver.id,
        "rule_id": waiver.rule,
        "subject_type": waiver.subject_type,
        "subject_id": waiver.subject,
        "reason": waiver.reason,
        "approved_by_id": waiver.approved_by,
        "approved_on": waiver.approved_on,
        "expires_on": waiver.expires_on,
    }


def _change_request(request: ChangeRequest) -> dict[str, Any]:
    return {
        "change_request_id": request.id,
        "subject_type": request.subject_type,
        "subject_id": request.subject,
        "field": request.field,
        "reason_code": request.reason_code,
        "reason": request.reason,
        "requested_by_id": request.requested_by,
        "requested_on": request.requested_on,
        "approved_by_id": request.approved_by,
        "approved_on": request.approved_on,
    }


def _capacity(capacity: Capacity) -> dict[str, Any]:
    return {
        "capacity_id": capacity.id,
        "unit_id": capacity.unit,
        "cycle_id": capacity.cycle,
        "capacity": capacity.capacity,
        "business_as_usual": capacity.business_as_usual,
        "measure": capacity.measure,
    }


def _dependency(dependency: Dependency) -> dict[str, Any]:
    return {
        "dependency_id": dependency.id,
        "key_result_id": dependency.key_result,
        "provider_unit_id": dependency.provider_unit,
        "description": dependency.description,
        "needed_by": dependency.needed_by,
        "confirmed_by_id": dependency.confirmed_by,
        "confirmed_on": dependency.confirmed_on,
        "delivered_on": dependency.delivered_on,
        "risk_owner_id": dependency.risk_owner,
    }


def _escalation(escalation: Escalation) -> dict[str, Any]:
    return {
        "escalation_id": escalation.id,
        "state": escalation.state,
        "by_id": escalation.by,
        "on": escalation.on,
        "next_action": escalation.next_action,
        "due_on": escalation.due_on,
        "comment": escalation.comment,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "decision_id": decision.id,
        "decided_on": decision.decided_on,
        "forum": decision.forum,
        "text": decision.text,
        "kpi_id": decision.kpi,
        "key_result_id": decision.key_result,
        "decided_by_id": decision.decided_by,
    }


def _check_in(check_in: CheckIn) -> dict[str, Any]:
    return {
        "check_in_id": check_in.id,
        "key_result_id": check_in.key_result,
        "on": check_in.on,
        "by_id": check_in.by,
        "status": check_in.status,
        "confidence": check_in.confidence,
        "progress": check_in.progress,
        "comment": check_in.comment,
    }
