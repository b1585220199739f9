"""Who there is and when they plan: organization.yml and cycles.yml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from orchestration.company.fields import (
    Currency,
    Day,
    Email,
    FileModel,
    Id,
    Line,
    Many,
    Share,
    Versioned,
    Zone,
    each_once,
    in_order,
)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Holiday(FileModel):
    """A day on which the company does not work."""

    on: Day = Field(description="The day.")
    name: Line | None = Field(default=None, description="What is celebrated.")


class CompanyProfile(Versioned):
    """What holds for the whole company."""

    id: Id = Field(description="Id of the company.")
    name: Line = Field(description="Name of the company, as reports show it.")
    time_zone: Zone = Field(description="IANA time zone in which a business day begins and ends.")
    currency: Currency | None = Field(default=None, description="ISO 4217 code of amounts that name no currency.")
    fiscal_year_starts_month: Annotated[int, Field(ge=1, le=12)] = Field(
        default=1, description="Month in which the fiscal year begins, 1 to 12."
    )
    working_days: Annotated[list[Weekday], Field(min_length=1)] = Field(
        default=["mon", "tue", "wed", "thu", "fri"], description="Days of the week on which the company works."
    )
    holidays: Many[Holiday] = Field(default=[], description="Days on which the company does not work.")
    status_rule: Id = Field(
        default="pace_gap", description="Status rule of every key result that names none, from the status rules."
    )
    max_manual_share: Share | None = Field(
        default=None,
        description="Share of a KPI's observations that may be made by hand, where the KPI says none; 0.2 when none.",
    )

    @model_validator(mode="after")
    def _check(self) -> CompanyProfile:
        each_once(self.holidays, lambda holiday: holiday.on, "holidays", "holiday")
        each_once(self.working_days, lambda weekday: weekday, "working_days", "weekday")
        return self


class Unit(Versioned):
    """An organizational unit. Exactly one has no parent: the enterprise."""

    id: Id = Field(description="Id of the unit.")
    name: Line = Field(description="Name of the unit, as reports show it.")
    parent: Id | None = Field(default=None, description="Id of the unit above; none for the enterprise alone.")
    head: Id | None = Field(default=None, description="Id of the person who heads the unit.")


class Person(Versioned):
    """A person who may own something."""

    id: Id = Field(description="Id of the person.")
    name: Line = Field(description="Name or role, as reports show it.")
    email: Email | None = Field(default=None, description="Address for notifications; never published.")
    unit: Id | None = Field(default=None, description="Id of the unit that the person belongs to.")
    active_from: Day | None = Field(default=None, description="First day in the company.")
    active_to: Day | None = Field(default=None, description="Last day in the company; none while it is open.")

    @model_validator(mode="after")
    def _check(self) -> Person:
        in_order(self.active_from, self.active_to, "active_from", "active_to")
        return self


class OrganizationPart(FileModel):
    """What one file or workbook says of the organization; together they name one company and its units."""

    company: CompanyProfile | None = Field(default=None, description="What holds for the whole company.")
    units: Many[Unit] = Field(default=[], description="Organizational units.")
    people: Many[Person] = Field(default=[], description="People who may own something.")


class OrganizationFile(OrganizationPart):
    """organization.yml: the company, its units, its people."""

    company: CompanyProfile = Field(description="What holds for the whole company.")
    units: Annotated[list[Unit], Field(min_length=1)] = Field(description="Every organizational unit.")
    people: Many[Person] = Field(default=[], description="Every person who may own something.")


class Cycle(Versioned):
    """A planning period, usually a fiscal quarter."""

    id: Id = Field(description="Id of the cycle; the folder of its objectives is okrs/<id>.")
    name: Line = Field(description="Name of the cycle, as reports show it.")
    starts_on: Day = Field(description="First day.")
    ends_on: Day = Field(description="Last day.")
    readiness_due_on: Day | None = Field(default=None, description="Day by which plans must be ready.")
    locks_on: Day | None = Field(default=None, description="Day on which targets freeze.")
    closes_on: Day | None = Field(default=None, description="Day on which the cycle is scored and closed.")
    status_rule: Id | None = Field(default=None, description="Status rule of this cycle, instead of the company's.")

    @model_validator(mode="after")
    def _check(self) -> Cycle:
        in_order(self.starts_on, self.ends_on, "starts_on", "ends_on")
        in_order(self.readiness_due_on, self.locks_on, "readiness_due_on", "locks_on")
        in_order(self.locks_on, self.closes_on, "locks_on", "closes_on")
        return self


class CyclesFile(FileModel):
    """cycles.yml: the planning periods."""

    cycles: Annotated[list[Cycle], Field(min_length=1)] = Field(description="Every planning period.")
