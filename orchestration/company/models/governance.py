"""What people decided and said about rules, targets, capacity, escalations and key results: governance/*.yml.

Whether an approver may approve, whether a waiver runs too long, whether a reason is permitted: that is meaning, and
the integrity rules judge it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestration.company.fields import (
    Day,
    FileModel,
    Id,
    Line,
    Many,
    Number,
    Share,
    Text,
    Versioned,
    in_order,
    refuse,
)

SubjectType = Literal["kpi", "key_result", "objective", "feed", "person", "unit", "cycle", "load", "model", "company"]


class Waiver(Versioned):
    """A dated, approved exception to a rule for one subject."""

    id: Id = Field(description="Id of the waiver.")
    rule: Id = Field(description="Id of the rule, such as MAP-01.")
    subject_type: SubjectType | None = Field(default=None, description="Kind of the subject.")
    subject: Id = Field(description="Id of the subject.")
    reason: Text = Field(description="Why the exception is right.")
    approved_by: Id = Field(description="Id of the sponsor or controller who approved it; never the subject's owner.")
    approved_on: Day = Field(description="Day of the approval.")
    expires_on: Day = Field(description="Last day on which it counts; there is no open end.")

    @model_validator(mode="after")
    def _check(self) -> Waiver:
        in_order(self.approved_on, self.expires_on, "approved_on", "expires_on")
        return self


class ChangeRequest(Versioned):
    """A request to change a definition after its cycle was locked."""

    id: Id = Field(description="Id of the request.")
    subject_type: Literal["key_result", "kpi", "objective", "cycle"] = Field(description="Kind of the subject.")
    subject: Id = Field(description="Id of the subject.")
    field: Line = Field(description="Field that changes, such as target.")
    reason_code: Id = Field(
        description="definition_error, placeholder_target, external_verifiable, measure_not_fit, or another that the "
        "rules will not permit."
    )
    reason: Text | None = Field(default=None, description="Why, in words.")
    requested_by: Id | None = Field(default=None, description="Id of the person who asks.")
    requested_on: Day | None = Field(default=None, description="Day of the request.")
    approved_by: Id | None = Field(default=None, description="Id of the person who approved it; never the champion.")
    approved_on: Day | None = Field(default=None, description="Day of the approval; none while it is open.")

    @model_validator(mode="after")
    def _check(self) -> ChangeRequest:
        in_order(self.requested_on, self.approved_on, "requested_on", "approved_on")
        return self


class Capacity(Versioned):
    """What a unit can give in a cycle."""

    id: Id = Field(description="Id of the entry.")
    unit: Id = Field(description="Id of the organizational unit.")
    cycle: Id = Field(description="Id of the cycle.")
    capacity: Number = Field(description="All that the unit can give.")
    business_as_usual: Number = Field(default=0, description="What running operations take of it.")
    measure: Line = Field(default="hours", description="Of what: hours, points, ...")


class Dependency(Versioned):
    """Something that a key result needs from another unit."""

    id: Id = Field(description="Id of the dependency.")
    key_result: Id = Field(description="Id of the key result that needs it.")
    provider_unit: Id = Field(description="Id of the unit that must deliver.")
    description: Text | None = Field(default=None, description="What must be delivered.")
    needed_by: Day | None = Field(default=None, description="Day by which it is needed.")
    confirmed_by: Id | None = Field(default=None, description="Id of the person who promised it.")
    confirmed_on: Day | None = Field(default=None, description="Day of the promise.")
    delivered_on: Day | None = Field(default=None, description="Day of the delivery; none while it is open.")
    risk_owner: Id | None = Field(default=None, description="Id of the person who answers if it fails.")


class Escalation(Versioned):
    """A step that somebody took on an escalation; one escalation may have several."""

    id: Id = Field(description="Id of the escalation, as the governance page shows it.")
    state: Literal["acknowledged", "decided", "resolved"] = Field(description="What was done.")
    by: Id | None = Field(default=None, description="Id of the person who did it.")
    on: Day = Field(description="Day on which it was done.")
    next_action: Text | None = Field(default=None, description="What comes next.")
    due_on: Day | None = Field(
        default=None, description="Day by which the next action is done; a decision without one holds for seven days."
    )
    comment: Text | None = Field(default=None, description="Anything else worth keeping.")

    @model_validator(mode="after")
    def _check(self) -> Escalation:
        in_order(self.on, self.due_on, "on", "due_on")
        return self


class Decision(Versioned):
    """A decision that a KPI or a key result led to."""

    id: Id = Field(description="Id of the decision.")
    decided_on: Day = Field(description="Day of the decision.")
    forum: Line | None = Field(default=None, description="Where it was taken.")
    text: Text = Field(description="What was decided.")
    kpi: Id | None = Field(default=None, description="Id of the KPI that led to it.")
    key_result: Id | None = Field(default=None, description="Id of the key result that led to it.")
    decided_by: Id | None = Field(default=None, description="Id of the person who took it.")

    @model_validator(mode="after")
    def _check(self) -> Decision:
        if self.kpi is None and self.key_result is None:
            refuse("a decision about nothing", expected="kpi, key_result, or both", remedy="name one of them")
        return self


class CheckIn(FileModel):
    """What somebody said of a key result on a day; shown beside the computed status, never instead of it.

    What was said stays said: a later opinion is another check-in, so there is no `effective_from`.
    """

    id: Id = Field(description="Id of the check-in.")
    key_result: Id = Field(description="Id of the key result.")
    on: Day = Field(description="Day that it speaks of.")
    by: Id | None = Field(default=None, description="Id of the person who reports.")
    status: Literal["achieved", "on_track", "at_risk", "off_track"] = Field(description="Status as reported.")
    confidence: Share | None = Field(default=None, description="Chance seen that it will be achieved, 0 to 1.")
    progress: Number | None = Field(
        default=None, description="Progress as reported: 0 at the baseline, 1 at the target, beyond where it is beyond."
    )
    comment: Text | None = Field(default=None, description="Why, in words.")


class WaiversFile(FileModel):
    """governance/waivers.yml: exceptions to rules."""

    waivers: Many[Waiver] = Field(description="Exceptions to rules.")


class ChangeRequestsFile(FileModel):
    """governance/change_requests.yml: changes after a lock."""

    change_requests: Many[ChangeRequest] = Field(description="Changes after a lock.")


class CapacityFile(FileModel):
    """governance/capacity.yml: what units can give."""

    capacity: Many[Capacity] = Field(description="What units can give, per cycle.")


class DependenciesFile(FileModel):
    """governance/dependencies.yml: what key results need from other units."""

    dependencies: Many[Dependency] = Field(description="What key results need from other units.")


class EscalationsFile(FileModel):
    """governance/escalations.yml: steps taken on escalations."""

    escalations: Many[Escalation] = Field(description="Steps taken on escalations.")


class DecisionsFile(FileModel):
    """governance/decisions.yml: decisions that the numbers led to."""

    decisions: Many[Decision] = Field(description="Decisions that the numbers led to.")


class CheckInsFile(FileModel):
    """governance/check_ins.yml: what people report of key results."""

    check_ins: Many[CheckIn] = Field(description="Reports on key results, oldest first.")
