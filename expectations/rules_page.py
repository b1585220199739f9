"""The page of the rules in the documentation, written from the catalogue: `python -m expectations.rules_page`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from expectations.catalogue import CATALOGUE, Catalogue
from expectations.rule import Rule

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rules.md"

_HEAD = """# Rules

Written from the catalogue by `python -m expectations.rules_page`; the files are in `expectations/rules`, one a rule.

Each rule is one query that returns every subject for which it does not hold. **block**: there is no release.
**withhold**: the release shows the subject without its figures and says why; `GATE=strict` makes a block of it.
**warn**: published, listed and escalated. A rule that cannot be evaluated counts as failed. An exception is a waiver
in `governance/waivers.yml`, of 90 days at most, by the subject's sponsor, a controller or the head of the enterprise.

To add a rule, add its file; to take one away, empty its `checks`: the gate then excludes it by name.
"""
_STAGES = {"marts": "on the marts", "reports": "on the reports, just before they are published"}


def rules_page(catalogue: Catalogue = CATALOGUE) -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines(catalogue)) + "\n"


def _lines(catalogue: Catalogue) -> Iterator[str]:
    yield _HEAD
    yield "| rule | what must hold | when it does not |"
    yield "|---|---|---|"
    for rule in catalogue.rules:
        yield f"| [{rule.id}](#{rule.id.lower()}) | {rule.title} | {_severity(rule)} |"
    for suite, rules in groupby(catalogue.rules, key=lambda rule: rule.suite):
        yield f"\n## {suite.replace('_', ' ').capitalize()}"
        for rule in rules:
            yield from _section(rule)


def _section(rule: Rule) -> Iterator[str]:
    yield f'\n### <a id="{rule.id.lower()}"></a>{rule.id}: {rule.title}\n'
    yield f"- Why: {rule.why}"
    yield f"- When it does not hold: {_severity(rule)}"
    yield f"- About: {rule.subject_type.replace('_', ' ')}; asked first: {rule.owner_role.replace('_', ' ')}"
    yield f"- What to do: {rule.remedy}"
    yield f"- Checked: {' and '.join(_STAGES[stage] for stage in rule.stages) if rule.checks else 'not yet'}"
    yield f"- Source: [`{rule.check_name}.py`](../expectations/rules/{rule.check_name}.py)"


def _severity(rule: Rule) -> str:
    if rule.status == "planned":
        return f"{rule.severity} (not checked yet)"
    if any(check.may_warn for check in rule.checks.values()):
        return f"{rule.severity}, or warn"
    return rule.severity


def main(page: Path = PAGE) -> None:
    """Write the page."""
    page.write_text(rules_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
