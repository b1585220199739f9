"""Objectives and their key results: okrs/<cycle_id>/*.yml."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from orchestration.company.fields import (
    Day,
    FileModel,
    Id,
    Line,
    Many,
    Number,
    Periods,
    Share,
    Text,
    Versioned,
    each_once,
    in_order,
    refuse,
)
from orchestration.company.models.kpis import Indicator, Sign
from orchestration.errors import nearest

State = Literal["draft", "committed", "abandoned"]

_MEASURES = ("latest", "sum_to_date", "mean_to_date", "trailing_mean(7)")
_TRAILING = re.compile(r"trailing_mean\(\s*([1-9][0-9]{0,3})\s*\)")


def parse_measured_as(text: str) -> tuple[str, int | None]:
    """Return how a key result is measured and, for a trailing mean, over how many periods.

    >>> parse_measured_as("trailing_mean(7)")
    ('trailing_mean', 7)
    """
    trailing = _TRAILING.fullmatch(text)
    if trailing:
        return "trailing_mean", int(trailing[1])
    if text not in _MEASURES[:3]:
        close = nearest(text, _MEASURES)
        refuse(
            "not a way to measure",
            expected="latest, sum_to_date, mean_to_date or trailing_mean(n) with n periods, 1 to 9999",
            remedy=f"write {close}" if close else None,
        )
    return text, None


def _check_measured_as(text: str) -> str:
    parse_measured_as(text)
    return text


MeasuredAs = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True),
    AfterValidator(_check_measured_as),
    Field(json_schema_extra={"pattern": rf"^(latest|sum_to_date|mean_to_date|{_TRAILING.pattern})$"}),
]


class Link(FileModel):
    """What a key result has to do with a KPI."""

    kpi: Id = Field(description="Id of the KPI.")
    type: Literal["measures", "drives", "impacts", "guardrail"] = Field(
        description="measures: its value is this KPI; drives: a leading input; impacts: the work is expected to touch "
        "it; guardrail: it must not get worse."
    )
    weight: Number | None = Field(default=None, description="Weight among the links that measure; they sum to 1.")
    sign: Sign | None = Field(default=None, description="Expected effect on the KPI: 1 up, -1 down.")
    lag: Periods | None = Field(default=None, description="Periods until the effect shows.")
    minimum_effect: Number | None = Field(default=None, description="Smallest effect that matters, in the KPI's unit.")
    guardrail_min: Number | None = Field(default=None, description="Smallest value that the guardrail allows.")
    guardrail_max: Number | None = Field(default=None, description="Largest value that the guardrail allows.")
    approver: Id | None = Field(default=None, description="Id of the person who approved the link.")
    approved_on: Day | None = Field(default=None, description="Day of the approval.")

    @model_validator(mode="after")
    def _check(self) -> Link:
        in_order(self.guardrail_min, self.guardrail_max, "guardrail_min", "guardrail_max")
        return self


class Attestation(FileModel):
    """A signed statement that the key result touches no other KPI."""

    statement: Text = Field(description="What is attested.")
    by: Id | None = Field(default=None, description="Id of the person who signs.")
    on: Day | None = Field(default=None, description="Day of the signature.")
    expires_on: Day | None = Field(default=None, description="Last day on which it counts.")

    @model_validator(mode="after")
    def _check(self) -> Attestation:
        in_order(self.on, self.expires_on, "on", "expires_on")
        return self


class Milestone(FileModel):
    """A dated step of the work; a release is one whose effect on KPIs is looked for."""

    id: Id = Field(description="Id of the milestone inside its key result.")
    title: Line = Field(description="What is then done.")
    kind: Literal["milestone", "release"] = Field(default="milestone", description="Whether something goes live.")
    weight: Number | None = Field(default=None, description="Weight in the progress; equal when none has one.")
    due_on: Day | None = Field(default=None, description="Day by which it is promised.")
    completed_on: Day | None = Field(default=None, description="Day on which it was done; none while it is open.")


class Checkpoint(FileModel):
    """Progress expected on a day, instead of a straight line."""

    on: Day = Field(description="The day.")
    expected_progress: Share = Field(description="Progress expected on it, 0 to 1.")


class Demand(FileModel):
    """What the key result asks of a unit's capacity."""

    unit: Id = Field(description="Id of the organizational unit.")
    demand: Number = Field(description="How much.")
    measure: Line = Field(default="hours", description="Of what: hours, points, ...")


class KeyResult(Versioned):
    """A measurable result that an objective promises."""

    # For editors too, the type milestone needs no direction.
    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("direction"))

    id: Id = Field(description="Id of the key result, unique over all cycles.")
    title: Line = Field(description="The promise, as reports show it.")
    champion: Id | None = Field(default=None, description="Id of the person who answers for it.")
    reviewer: Id | None = Field(default=None, description="Id of the other person who checks it.")
    type: Literal["metric", "control", "milestone", "baseline"] = Field(
        description="metric: reach a value; control: hold a value; milestone: finish work; baseline: learn the value."
    )
    direction: Literal["increase", "decrease", "stay_above", "stay_below", "stay_within", "milestone"] = Field(
        description="Which way the value must go, or where it must stay; `milestone` for the type milestone."
    )
    unit: Line | None = Field(default=None, description="Unit of measure, that of the KPIs that measure it.")
    baseline: Number | None = Field(default=None, description="Value at the start.")
    target: Number | None = Field(default=None, description="Value to reach.")
    stretch: Number | None = Field(default=None, description="Value hoped for beyond the target.")
    lower_limit: Number | None = Field(default=None, description="Value to stay above, inclusive.")
    upper_limit: Number | None = Field(default=None, description="Value to stay below, inclusive.")
    starts_on: Day | None = Field(default=None, description="First day; that of the cycle when none.")
    due_on: Day | None = Field(default=None, description="Last day; that of the cycle when none.")
    weight: Number | None = Field(default=None, description="Weight in the objective; equal when none has one.")
    indicator: Indicator | None = Field(default=None, description="Whether it foretells or confirms.")
    measured_as: MeasuredAs = Field(
        default="latest",
        description="How observations since the start become one value: latest, sum_to_date, mean_to_date, "
        "trailing_mean(n).",
    )
    state: State = Field(default="committed", description="draft, committed or abandoned.")
    status_rule: Id | None = Field(
        default=None, description="Status rule of its own, instead of the cycle's; `pace_gap@1` holds it to a version."
    )
    links: Many[Link] = Field(default=[], description="What it has to do with which KPIs.")
    attestation: Attestation | None = Field(default=None, description="Statement that it touches no other KPI.")
    milestones: Many[Milestone] = Field(default=[], description="Dated steps of the work.")
    checkpoints: Many[Checkpoint] = Field(default=[], description="Progress expected on days of its own.")
    demand: Many[Demand] = Field(default=[], description="What it asks of whose capacity.")

    @model_validator(mode="before")
    @classmethod
    def _direction_of_milestones(cls, data: Any) -> Any:
        # Work has only one direction: whoever writes the type has said it all.
        if isinstance(data, dict) and data.get("type") == "milestone" and data.get("direction") is None:
            return data | {"direction": "milestone"}
        return data

    @model_validator(mode="after")
    def _check(self) -> KeyResult:
        if (self.type == "milestone") != (self.direction == "milestone"):
            refuse(
                f"type {self.type} and direction {self.direction} exclude each other",
                remedy="leave direction out for the type milestone; else name where the value must go",
                field="direction",
            )
        in_order(self.starts_on, self.due_on, "starts_on", "due_on")
        in_order(self.lower_limit, self.upper_limit, "lower_limit", "upper_limit")
        each_once(self.links, lambda link: (link.type, link.kpi), "links", "link")
        each_once(self.milestones, lambda milestone: milestone.id, "milestones", "milestone")
        each_once(self.checkpoints, lambda checkpoint: checkpoint.on, "checkpoints", "checkpoint")
        each_once(self.demand, lambda demand: (demand.unit, demand.measure), "demand", "demand of")
        return self


class Objective(Versioned):
    """An aim of a unit in a cycle; its folder names the cycle."""

    id: Id = Field(description="Id of the objective, unique over all cycles.")
    title: Line = Field(description="The aim, as reports show it.")
    unit: Id | None = Field(default=None, description="Id of the organizational unit that pursues it.")
    owner: Id | None = Field(default=None, description="Id of the person who answers for it.")
    sponsor: Id | None = Field(default=None, description="Id of the person who backs it from above.")
    supports: Id | None = Field(default=None, description="Id of the objective above that it supports.")
    state: State = Field(default="committed", description="draft, committed or abandoned.")
    key_results: Many[KeyResult] = Field(
        default=[],
        description="Its key results. A later version of the objective does not repeat them.",
    )


class OkrsFile(FileModel):
    """A file of okrs/<cycle_id>/: any number of objectives of that cycle."""

    objectives: Many[Objective] = Field(description="Objectives of the cycle.")
