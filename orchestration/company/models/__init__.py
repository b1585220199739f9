"""Typed models of the company files, one module per subject; `fields.py` holds what they are made of.

They judge form only. A reference that dangles, an owner that is missing, weights that do not add up are errors of
meaning: such a file loads, and the integrity rules say so.
"""

from __future__ import annotations

from orchestration.company.models.governance import (
    Capacity,
    CapacityFile,
    ChangeRequest,
    ChangeRequestsFile,
    CheckIn,
    CheckInsFile,
    Decision,
    DecisionsFile,
    DependenciesFile,
    Dependency,
    Escalation,
    EscalationsFile,
    Waiver,
    WaiversFile,
)
from orchestration.company.models.kpis import Kpi, KpisFile
from orchestration.company.models.okrs import KeyResult, Objective, OkrsFile
from orchestration.company.models.organization import (
    CompanyProfile,
    Cycle,
    CyclesFile,
    OrganizationFile,
    OrganizationPart,
    Person,
    Unit,
)

__all__ = [
    "Capacity",
    "CapacityFile",
    "ChangeRequest",
    "ChangeRequestsFile",
    "CheckIn",
    "CheckInsFile",
    "CompanyProfile",
    "Cycle",
    "CyclesFile",
    "Decision",
    "DecisionsFile",
    "DependenciesFile",
    "Dependency",
    "Escalation",
    "EscalationsFile",
    "KeyResult",
    "Kpi",
    "KpisFile",
    "Objective",
    "OkrsFile",
    "OrganizationFile",
    "OrganizationPart",
    "Person",
    "Unit",
    "Waiver",
    "WaiversFile",
]
