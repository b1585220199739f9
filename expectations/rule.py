"""What a rule is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

Stage = Literal["marts", "reports"]
Severity = Literal["block", "withhold", "warn"]
Status = Literal["active", "planned"]
SubjectType = Literal["key_result", "kpi", "objective", "feed", "load", "table", "person", "unit", "cycle", "waiver"]
OwnerRole = Literal[
    "champion",
    "reviewer",
    "accountable_owner",
    "data_steward",
    "feed_owner",
    "feed_steward",
    "objective_owner",
    "sponsor",
    "unit_head",
    "enterprise_head",
    "approver",
]

STAGES: tuple[Stage, ...] = get_args(Stage)
FINDING_COLUMNS = ("subject_type", "subject_id", "detail", "source_file", "source_row", "load_id")
"""What every violations query returns, by these names."""
SUITE_OF_PREFIX: Mapping[str, str] = MappingProxyType(
    {
        "OWN": "ownership",
        "MAP": "mapping",
        "DAT": "data",
        "CHG": "goal_changes",
        "POL": "portfolio",
        "RPT": "reports",
        "GOV": "governance",
    }
)

_ID = re.compile(r"[A-Z]{3}-\d{2}")
_SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Check:
    """How a rule is put to one stage, in SQL.

    Both queries read `audit.run` (one row: as_of, known_at, run_id, stage, marts_audit_id), the schemas of the
    warehouse, and the committed rows of the lake as `lake.loads`, `lake.observations`, `lake.definitions_kpis`, ...

    Attributes:
        violations: Returns every offending subject, never a sample, with `FINDING_COLUMNS`. A subject may come more
            than once, each time with another detail.
        judged: Returns one number, the subjects that were judged.
        may_judge_nothing: Whether zero subjects are a fair state of affairs. Otherwise a rule that was put to nothing
            proves nothing, and counts as not evaluated.
        may_warn: Whether the query of violations also returns `only_warns`, true for what a rule that withholds is to
            list and not to withhold yet. A subject with any other violation is withheld.
    """

    violations: str
    judged: str
    may_judge_nothing: bool = False
    may_warn: bool = False


@dataclass(frozen=True)
class Rule:
    """One thing that must be true before figures are published.

    Attributes:
        id: Stable, such as `OWN-01`; its letters name the suite.
        slug: The rule as a positive sentence in the present tense, joined by underscores.
        title: The same for people.
        why: What goes wrong where it does not hold.
        subject_type: What the findings are about, mostly.
        severity: `block` stops the release, `withhold` blanks the subject's figures, `warn` lists it.
        owner_role: Who is asked first to mend it; where nobody holds the role, the next in line is.
        remedy: What that person does.
        stages: The layers that it is put to.
        checks: The queries by stage; empty while the rule is planned. A planned rule is excluded from the gate by name.
    """

    id: str
    slug: str
    title: str
    why: str
    subject_type: SubjectType
    severity: Severity
    owner_role: OwnerRole
    remedy: str
    stages: tuple[Stage, ...] = ("marts",)
    checks: Mapping[Stage, Check] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or self.id[:3] not in SUITE_OF_PREFIX:
            raise ValueError(
                f"rule id {self.id!r}: expected one of {', '.join(SUITE_OF_PREFIX)} and a number, as OWN-01"
            )
        if not _SLUG.fullmatch(self.slug):
            raise ValueError(f"rule {self.id}: slug {self.slug!r} must be lower case words joined by underscores")
        if not self.stages or set(self.stages) - set(STAGES):
            raise ValueError(f"rule {self.id}: stages must be some of {', '.join(STAGES)}")
        if self.checks and set(self.checks) != set(self.stages):
            raise ValueError(f"rule {self.id}: needs a check for each of its stages, {', '.join(self.stages)}")
        if self.severity != "withhold" and any(check.may_warn for check in self.checks.values()):
            raise ValueError(f"rule {self.id}: only a rule that withholds may also warn")
        object.__setattr__(self, "checks", MappingProxyType(dict(self.checks)))

    @property
    def check_name(self) -> str:
        """Name of the rule's file and of its asset check: `own_01_<slug>`."""
        return f"{self.id.lower().replace('-', '_')}_{self.slug}"

    @property
    def status(self) -> Status:
        """`planned` until the rule has queries."""
        return "active" if self.checks else "planned"

    @property
    def suite(self) -> str:
        """The suite that the rule belongs to."""
        return SUITE_OF_PREFIX[self.id[:3]]
