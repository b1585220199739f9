"""The rule catalogue: every rule of the project, those not yet checked included."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from dataclasses import asdict, dataclass
from typing import Any

from expectations import rules as rule_files
from expectations.rule import Rule, Stage


@dataclass(frozen=True)
class Catalogue:
    """Rules in order of their id.

    Raises:
        ValueError: Two rules share an id, or the numbers of a suite have a gap: a rule file is missing.
    """

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(sorted(self.rules, key=lambda rule: rule.id)))
        numbers: dict[str, list[int]] = {}
        for rule in self.rules:
            numbers.setdefault(rule.id[:3], []).append(int(rule.id[4:]))
        for prefix, found in numbers.items():
            expected = list(range(1, len(found) + 1))
            if found != expected:
                raise ValueError(
                    f"the {prefix} rules are numbered {found}, expected {expected}: a rule file is missing or doubled; "
                    "a rule that no longer applies stays, without checks"
                )

    @property
    def hash(self) -> str:
        """Sha256 over all that decides: ids, severities, stages, owner roles and queries."""
        facts: list[dict[str, Any]] = [
            {
                "id": rule.id,
                "severity": rule.severity,
                "owner_role": rule.owner_role,
                "stages": rule.stages,
                "checks": {stage: asdict(check) for stage, check in sorted(rule.checks.items())},
            }
            for rule in self.rules
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def at(self, stage: Stage) -> tuple[Rule, ...]:
        """Return the rules of a stage, planned ones included."""
        return tuple(rule for rule in self.rules if stage in rule.stages)

    def active(self, stage: Stage) -> tuple[Rule, ...]:
        """Return the rules that are checked at a stage."""
        return tuple(rule for rule in self.at(stage) if rule.status == "active")

    def rule(self, rule_id: str) -> Rule:
        """Return one rule.

        Raises:
            KeyError: No rule has this id.
        """
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)


def load_catalogue() -> Catalogue:
    """Read every file of `expectations/rules`.

    Raises:
        ValueError: A file holds no rule, or bears another name than its rule.
    """
    found: list[Rule] = []
    for file in pkgutil.iter_modules(rule_files.__path__):
        rule = getattr(importlib.import_module(f"{rule_files.__name__}.{file.name}"), "RULE", None)
        if not isinstance(rule, Rule):
            raise ValueError(f"expectations/rules/{file.name}.py holds no RULE")
        if rule.check_name != file.name:
            raise ValueError(
                f"expectations/rules/{file.name}.py holds {rule.check_name}: the file must bear the rule's name"
            )
        found.append(rule)
    return Catalogue(tuple(found))


CATALOGUE = load_catalogue()
"""The rules of this version."""
