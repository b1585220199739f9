"""The governed metrics: kpis/*.yml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchestration.company.fields import (
    Currency,
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


def _refuse_flag(value: Any) -> Any:
    # To Python `True` equals 1; in a file it is something else.
    if type(value) is not int:
        refuse("not one of the values allowed", expected="-1 or 1")
    return value


Sign = Annotated[Literal[-1, 1], BeforeValidator(_refuse_flag)]
Indicator = Literal["leading", "lagging"]


class ValidRange(FileModel):
    """Bounds, inclusive, beyond which an observation cannot be true."""

    min: Number | None = Field(default=None, description="Smallest value that can be true.")
    max: Number | None = Field(default=None, description="Largest value that can be true.")

    @model_validator(mode="after")
    def _check(self) -> ValidRange:
        in_order(self.min, self.max, "min", "max")
        return self


class DecisionRule(FileModel):
    """What is decided, where, when the KPI crosses a threshold."""

    threshold: Text = Field(description="When a decision is due, in words.")
    decision: Text = Field(description="What is then decided.")
    forum: Line | None = Field(default=None, description="Where it is decided.")


class Constraint(FileModel):
    """A critical operational constraint: the KPI must stay inside whatever any key result wants."""

    min: Number | None = Field(default=None, description="Smallest value that operations bear.")
    max: Number | None = Field(default=None, description="Largest value that operations bear.")
    reason: Text | None = Field(default=None, description="Why.")
    owner: Id | None = Field(default=None, description="Id of the person who answers for the constraint.")

    @model_validator(mode="after")
    def _check(self) -> Constraint:
        in_order(self.min, self.max, "min", "max")
        return self


class Cost(FileModel):
    """What an adverse movement of the KPI costs."""

    amount: Number = Field(description="Cost of one unit of adverse movement, per unit of volume.")
    currency: Currency | None = Field(default=None, description="ISO 4217 code; the company's when left out.")
    volume_kpi: Id | None = Field(default=None, description="Id of the KPI that counts the volume.")


class Ownership(FileModel):
    """One role that one person holds for the KPI over an interval."""

    role: Literal["accountable_owner", "data_steward", "sponsor", "controller"] = Field(description="The role.")
    person: Id | None = Field(default=None, description="Id of the person.")
    from_: Day | None = Field(default=None, alias="from", description="First day.")
    to: Day | None = Field(default=None, description="Last day, inclusive; none while it is open.")
    acknowledged_on: Day | None = Field(default=None, description="Day on which the person accepted the role.")
    delegated_from: Id | None = Field(default=None, description="Id of the person who handed the role over for a time.")

    @model_validator(mode="after")
    def _check(self) -> Ownership:
        in_order(self.from_, self.to, "from", "to")
        return self


class Input(FileModel):
    """A lever that moves the KPI, and who holds it."""

    name: Line = Field(description="Name of the lever.")
    controlled_by_unit: Id | None = Field(default=None, description="Id of the unit that holds it.")
    controlled_by_person: Id | None = Field(default=None, description="Id of the person who holds it.")
    share: Share | None = Field(default=None, description="Share of the KPI's movement that it explains, 0 to 1.")


class Driver(FileModel):
    """Another KPI that is claimed to move this one."""

    kpi: Id = Field(description="Id of the driving KPI.")
    sign: Sign = Field(default=1, description="1: both move alike; -1: opposite ways.")
    lag: Periods = Field(default=0, description="Periods by which this KPI follows.")


class Rebase(FileModel):
    """A day from which the KPI's process counts as new: control limits start again there."""

    on: Day = Field(description="First day of the new process.")
    reason: Text | None = Field(default=None, description="What changed.")


class Kpi(Versioned):
    """A governed metric: one unit of measure, one organizational unit."""

    id: Id = Field(description="Id of the KPI, as feeds and key results name it.")
    name: Line = Field(description="Name, as reports show it.")
    description: Text | None = Field(default=None, description="What it tells its reader.")
    formula: Text | None = Field(default=None, description="How it is computed, in words.")
    unit: Line = Field(description="Unit of measure: share, minutes, orders, USD, ...")
    org_unit: Id | None = Field(default=None, description="Id of the organizational unit that it measures.")
    feed: Id | None = Field(default=None, description="Id of the feed that delivers its observations.")
    direction: Literal["increase", "decrease", "band"] = Field(description="Which way is better.")
    grain: Literal["day", "week", "month", "quarter"] = Field(description="Period of one observation.")
    calendar: Literal["every_day", "working_days"] = Field(
        default="every_day",
        description="Which days owe a value, of a KPI by day: all, or the company's working days.",
    )
    aggregation: Literal["mean", "sum", "last", "min", "max"] = Field(
        description="How observations of a longer period become one value."
    )
    valid_range: ValidRange | None = Field(default=None, description="Bounds beyond which a value cannot be true.")
    target: Number | None = Field(default=None, description="Value to reach; for a band, its middle.")
    lower_limit: Number | None = Field(default=None, description="Lower end of the band, inclusive.")
    upper_limit: Number | None = Field(default=None, description="Upper end of the band, inclusive.")
    category: Literal["health", "efficiency", "risk", "outcome"] | None = Field(default=None, description="Kind.")
    indicator: Indicator | None = Field(default=None, description="Whether it foretells or confirms.")
    tier: Literal["input", "output", "outcome", "impact"] | None = Field(
        default=None, description="Step between work and effect."
    )
    decision_rule: DecisionRule | None = Field(default=None, description="What is decided when it crosses a threshold.")
    constraint: Constraint | None = Field(default=None, description="A critical operational constraint.")
    cost: Cost | None = Field(default=None, description="What an adverse movement costs.")
    owners: Many[Ownership] = Field(default=[], description="Who holds which role for it, and when.")
    inputs: Many[Input] = Field(default=[], description="Levers that move it, and who holds them.")
    drivers: Many[Driver] = Field(default=[], description="KPIs that are claimed to move it.")
    rebases: Many[Rebase] = Field(default=[], description="Days from which its process counts as new.")
    lifecycle: Literal["proposed", "active", "shadow", "retired"] = Field(default="active", description="Its state.")
    freshness_days: Number | None = Field(
        default=None,
        description="Days after the end of a period by which its value must be there; the feed's when none.",
    )

    max_manual_share: Share | None = Field(
        default=None,
        description="Share of its observations that may be manual or from spreadsheets; the company's when none.",
    )

    @model_validator(mode="after")
    def _check(self) -> Kpi:
        in_order(self.lower_limit, self.upper_limit, "lower_limit", "upper_limit")
        if self.calendar == "working_days" and self.grain != "day":
            refuse(
                f"a KPI by {self.grain} has no working days",
                expected="calendar: every_day",
                remedy="leave calendar out, or write grain: day",
                field="calendar",
            )
        each_once(self.drivers, lambda driver: driver.kpi, "drivers", "driver")
        each_once(self.rebases, lambda rebase: rebase.on, "rebases", "rebase")
        return self


class KpisFile(FileModel):
    """A file of kpis/: any number of KPIs, cut into files as people like."""

    kpis: Many[Kpi] = Field(description="Governed metrics.")
