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


WITHHELD = [
    Defect("a KR without KPI", key_result_without_kpi, "MAP-01", "kr_orders"),
    Defect("a KPI without owner", kpi_without_owner, "OWN-02", "orders"),
    Defect("two owners at once", two_owners_at_once, "OWN-02", "latency"),
    Defect("an owner who left", owner_who_left, "OWN-05", "portal_share"),
    Defect("weights of 0.9", weights_of_nine_tenths, "MAP-04", "kr_portal"),
    Defect("a dangling KPI id", dangling_kpi_id, "MAP-03", "kr_quality"),
    Defect("a stale feed", stale_feed, "DAT-03", "latency"),
]
"""Defects that the build must survive: the release happens, without the subject's figures."""


def green_over_red(project):
    project.edit(CHECK_INS, "by: head_operations, status: at_risk", "by: head_operations, status: on_track")


def feed_typed_by_hand(project):
    project.edit("company/feeds.yml", "source_type: warehouse", "source_type: spreadsheet")


WARNED = [
    Defect("a green check-in over a computed red", green_over_red, "RPT-01", "kr_latency", "warn"),
    Defect("a feed typed by hand", feed_typed_by_hand, "DAT-08", "portal_share", "warn"),
]
"""Defects that are published with a finding beside them."""
