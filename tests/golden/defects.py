"""Planted defects: an edit of a copy of the golden company, and the rule that must catch it, for which subject.

`others` are findings that the same edit honestly causes elsewhere; a run of the clean company has none at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

OKRS = "company/okrs/2026-Q1/group.yml"
OPERATIONS = "company/kpis/operations.yml"
PRODUCT = "company/kpis/product.yml"
CHECK_INS = "company/governance/check_ins.yml"


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        name: What is wrong, in words.
        edit: Plants it in a project (see `GoldenProject` in conftest.py).
        rule: Id of the rule that must fail.
        subject: Id of the subject that it must name.
        severity: Severity of the rule.
    """

    name: str
    edit: Callable[..., None]
    rule: str
    subject: str
    severity: str = "withhold"
    others: set[tuple[str, str]] = field(default_factory=set)


def key_result_without_kpi(project):
    project.edit(OKRS, "          - {kpi: orders, type: measures, weight: 1}\n", "")


def kpi_without_owner(project):
    project.edit(
        OPERATIONS,
        "      - {role: accountable_owner, person: lead_orders, from: 2021-01-01, acknowledged_on: 2025-12-01}\n",
        "",
    )


def two_owners_at_once(project):
    line = "      - {role: accountable_owner, person: head_operations, from: 2021-01-01, acknowledged_on: 2025-12-01}\n"
    project.edit(OPERATIONS, line, line + line.replace("head_operations", "lead_orders"))


def owner_who_left(project):
    project.edit(
        "company/organization.yml",
        "unit: product, active_from: 2020-01-01}",
        "unit: product, active_from: 2020-01-01, active_to: 2026-01-31}",
    )


def weights_of_nine_tenths(project):
    project.edit(
        OKRS,
        "{kpi: portal_share_large, type: measures, weight: 0.25}",
        "{kpi: portal_share_large, type: measures, weight: 0.15}",
    )


def dangling_kpi_id(project):
    project.edit(
        OKRS, "{kpi: defect_share, type: measures, weight: 1}", "{kpi: defect_shar, type: measures, weight: 1}"
    )


def stale_feed(project):
    path = project.landing / "operations" / "2026.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: 1 + 2 * 36]))  # to 5 February


def steward_who_accepted_late(project):
    line = "{role: data_steward, person: data_steward, from: 2021-01-01, acknowledged_on: 2025-12-01}"
    project.edit(OPERATIONS, line, line.replace("2025-12-01", "2026-01-10"), count=2)


def eleven_days_without_owner(project):
    line = "      - {role: accountable_owner, person: head_product, from: 2021-01-01, acknowledged_on: 2025-12-01}\n"
    before = line.replace("from: 2021-01-01", "from: 2021-01-01, to: 2026-01-20")
    project.edit(PRODUCT, line, before + line.replace("2021-01-01", "2026-02-01"), count=3)


WITHHELD = [
    Defect("a KR without KPI", key_result_without_kpi, "MAP-01", "kr_orders"),
    Defect("a KPI without owner", kpi_without_owner, "OWN-02", "orders"),
    Defect("two owners at once", two_owners_at_once, "OWN-02", "latency"),
    Defect("an owner who left", owner_who_left, "OWN-05", "portal_share"),
    Defect("weights of 0.9", weights_of_nine_tenths, "MAP-04", "kr_portal"),
    Defect("a dangling KPI id", dangling_kpi_id, "MAP-03", "kr_quality"),
    Defect("a stale feed", stale_feed, "DAT-03", "latency"),
    Defect("a steward who accepted late", steward_who_accepted_late, "OWN-03", "latency"),
    Defect("eleven days without an owner", eleven_days_without_owner, "OWN-04", "portal_share_large"),
]
"""Defects that the build must survive: the release happens, without the subject's figures."""


def add_version(project, key_result, following, *changes):
    """Let a key result have another version from 1 February on; the lock was on 5 January."""
    text = (project.root / OKRS).read_text(encoding="utf-8")
    block = text[text.index(f"      - id: {key_result}\n") : text.index(following)]
    for old, new in (("\n", "\n        effective_from: 2026-02-01\n"), *changes):
        assert old in block
        block = block.replace(old, new, 1)
    project.edit(OKRS, following, block + following)


def limit_loosened_without_a_request(project):
    add_version(project, "kr_quality", "      - id: kr_launch\n", ("upper_limit: 0.05", "upper_limit: 0.08"))


def target_eased_by_its_own_champion(project):
    add_version(project, "kr_orders", "  - id: o_operations\n", ("target: 150", "target: 140"))
    governance = project.company / "governance"
    governance.mkdir(exist_ok=True)
    (governance / "change_requests.yml").write_text(
        "change_requests:\n"
        "  - {id: cr_orders, subject_type: key_result, subject: kr_orders, field: target, "
        "reason_code: definition_error, approved_by: lead_orders, approved_on: 2026-01-30}\n",
        encoding="utf-8",
    )


def steward_who_is_measured(project):
    people = "        champion: head_operations\n        reviewer: chief\n"
    project.edit(OKRS, people, people.replace("head_operations", "data_steward"))


def levers_held_elsewhere(project):
    project.edit(
        OPERATIONS,
        "{name: staffing, controlled_by_unit: operations, share: 1}",
        "{name: staffing, controlled_by_unit: product, share: 1}",
    )


def kpi_that_serves_nothing(project):
    path = project.root / PRODUCT
    path.write_text(
        path.read_text(encoding="utf-8")
        + "  - {id: idle, name: Idle, unit: share, org_unit: product, direction: increase, grain: day, "
        "aggregation: mean, owners: [{role: accountable_owner, person: head_product, from: 2021-01-01}]}\n",
        encoding="utf-8",
    )


def green_over_red(project):
    project.edit(CHECK_INS, "by: head_operations, status: at_risk", "by: head_operations, status: on_track")


def feed_typed_by_hand(project):
    project.edit("company/feeds.yml", "source_type: warehouse", "source_type: spreadsheet")


WARNED = [
    Defect("a limit loosened without a request", limit_loosened_without_a_request, "CHG-01", "kr_quality", "warn"),
    Defect("a target eased by its own champion", target_eased_by_its_own_champion, "CHG-02", "kr_orders", "warn"),
    Defect("a steward who is measured by the KPI", steward_who_is_measured, "OWN-06", "latency", "warn"),
    Defect("levers held elsewhere", levers_held_elsewhere, "OWN-07", "latency", "warn"),
    Defect("a KPI that serves nothing", kpi_that_serves_nothing, "POL-01", "idle", "warn"),
    Defect("a KPI on which nothing is decided", kpi_that_serves_nothing, "POL-02", "idle", "warn"),
    Defect("a green check-in over a computed red", green_over_red, "RPT-01", "kr_latency", "warn"),
    Defect("a feed typed by hand", feed_typed_by_hand, "DAT-08", "portal_share", "warn"),
]
"""Defects that are published with a finding beside them."""
