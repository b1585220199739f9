"""The rules as Great Expectations suites, one per subject: ownership, mapping, data, goal changes, portfolio, reports.

A rule's query is written once, in its file. Here it becomes a `RuleHolds` expectation; Great Expectations counts the
rows that it returns and expects none.

Importing Great Expectations takes five seconds and 260 MB. Everything here that needs it imports it when it is called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from expectations.catalogue import Catalogue
from expectations.rule import FINDING_COLUMNS, Check, Rule, Severity, Stage

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

GX_SEVERITY: dict[Severity, str] = {"block": "critical", "withhold": "critical", "warn": "warning"}

# What SQLAlchemy would take for a bind parameter: a colon before a word, but not the second one of a cast.
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")


def violations_query(rule_id: str, check: Check) -> str:
    """Return the query for all offending subjects of a rule, with exactly `FINDING_COLUMNS` and `only_warns`.

    The comment names the rule wherever the query is seen: in a log, in a profile, in an error.
    """
    columns = ", ".join(f"finding.{column}" for column in FINDING_COLUMNS)
    columns += ", coalesce(finding.only_warns, false) as only_warns" if check.may_warn else ", false as only_warns"
    return f"select /* {rule_id} */ {columns} from (\n{check.violations.strip()}\n) as finding"


def expectation_query(rule_id: str, check: Check) -> str:
    """Return the same query as Great Expectations wants it: within a batch, its braces and colons escaped.

    The batch is `audit.run`, the one row that says what is audited.
    """
    query = violations_query(rule_id, check).replace("{", "{{").replace("}", "}}")
    return _BIND.sub(r"\\:", f"select finding.* from {{batch}} as run inner join (\n{query}\n) as finding on true")


def build_suites(catalogue: Catalogue, stage: Stage) -> list[ExpectationSuite]:
    """Return the suites of a stage: one expectation for every rule that is checked there, and no others."""
    import great_expectations as gx

    from expectations.rule_holds import RuleHolds

    members: dict[str, list[Rule]] = {}
    for rule in catalogue.active(stage):
        members.setdefault(rule.suite, []).append(rule)
    return [
        gx.ExpectationSuite(
            name=f"{stage}_{suite}",
            expectations=[
                RuleHolds(
                    rule_id=rule.id,
                    unexpected_rows_query=expectation_query(rule.id, rule.checks[stage]),
                    severity=GX_SEVERITY[rule.severity],
                    description=rule.title,
                    meta={"rule_id": rule.id, "severity": rule.severity, "owner_role": rule.owner_role},
                )
                for rule in rules
            ],
        )
        for suite, rules in members.items()
    ]
