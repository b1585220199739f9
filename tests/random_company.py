"""A company at random: each field drawn from what its model allows, in combinations that nobody planned."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

FIRST_DAY = date(2025, 10, 1)
AS_OF = date(2026, 5, 20)
CYCLES = {
    "2026-Q1": (date(2026, 1, 1), date(2026, 3, 31)),
    "2026-Q2": (date(2026, 4, 1), date(2026, 6, 30)),
    "2026-Q3": (date(2026, 7, 1), date(2026, 9, 30)),
}
NUMBERS = [0, 1, -1, 0.5, 0.95, 3, 10, 10, 12, 15, 20, 100, -40, 1e-9, 1e12, 0.1, 0.2, 0.7]
WEIGHTS = [None, None, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 0, -1]
RULES = ["MAP-01", "OWN-01", "OWN-02", "DAT-03", "MAP-04", "CHG-01", "RPT-03", "NO-99"]


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


class RandomCompany:
    """Draws a company; the same seed draws the same one."""

    def __init__(self, seed: int, *, kpis: int, objectives: int, key_results_each: int) -> None:
        self.draw = random.Random(seed)
        self.people = [f"person_{n}" for n in range(12)]
        self.units = [f"unit_{n}" for n in range(8)]
        self.kpis = [f"kpi_{n}" for n in range(kpis)]
        self.objectives = [f"objective_{n}" for n in range(objectives)]
        self.key_results = [f"kr_{n}_{k}" for n in range(objectives) for k in range(key_results_each)]
        self.each = key_results_each
        self.grains: dict[str, str] = {}

    def some(self, values: Any, none: float = 0.3) -> Any:
        """One of the values, or None with a probability."""
        return None if self.draw.random() < none else self.draw.choice(list(values))

    def person(self, none: float = 0.2) -> Any:
        """A person, seldom one that is not defined."""
        return "nobody_knows" if self.draw.random() < 0.02 else self.some(self.people, none)

    def day(self, none: float = 0.3, first: date = FIRST_DAY, last: date = date(2026, 9, 30)) -> Any:
        """A day of the time that matters."""
        return None if self.draw.random() < none else first + timedelta(days=self.draw.randint(0, (last - first).days))

    def two(self, low: str, high: str, values: Any) -> dict[str, Any]:
        """Two values in order, each perhaps None."""
        first, second = self.some(values), self.some(values)
        if first is not None and second is not None and first > second:
            first, second = second, first
        return {low: first, high: second}

    def write(self, folder: Path) -> None:
        """Write the company's files and its feeds' files."""
        self._put(folder / "organization.yml", self._organization())
        self._put(folder / "cycles.yml", {"cycles": [self._cycle(*item) for item in CYCLES.items()]})
        self._put(folder / "feeds.yml", {"feeds": [self._feed(name) for name in ("alpha", "beta")]})
        self._put(folder / "kpis" / "all.yml", {"kpis": [self._kpi(kpi) for kpi in self.kpis]})
        of_cycle: dict[str, list[Any]] = {}
        for number, objective in enumerate(self.objectives):
            of_cycle.setdefault(list(CYCLES)[number % 3], []).append(self._objective(number, objective))
        for cycle, objectives in of_cycle.items():
            self._put(folder / "okrs" / cycle / "all.yml", {"objectives": objectives})
        for name, entries in self._governance().items():
            self._put(folder / "governance" / f"{name}.yml", {name: entries})

    def write_feeds(self, landing: Path, last: date = AS_OF) -> None:
        """Write observations with gaps, constants, nulls and runs, up to a day."""
        for feed in ("alpha", "beta"):
            lines = ["kpi,period,value,unit"]
            for number, kpi in enumerate(self.kpis):
                if (feed == "alpha") == (number % 2 == 0):
                    lines += [f"{kpi},{day},{value},{self._unit(number)}" for day, value in self._series(kpi, last)]
            path = landing / feed / "all.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n")

    def _unit(self, number: int) -> str:
        return ("minutes", "share", "orders")[number % 3]

    def _series(self, kpi: str, last: date) -> list[tuple[date, Any]]:
        draw = random.Random(f"{kpi}{last.year}")
        grain = self.grains[kpi]
        kind = draw.choice(["noise", "noise", "constant", "step", "empty", "short", "holes", "huge"])
        day, series = FIRST_DAY, []
        day = {"week": date(2025, 9, 29), "month": date(2025, 7, 1), "quarter": date(2024, 1, 1)}.get(grain, day)
        while day <= last:
            value: Any = 10 + draw.gauss(0, 1)
            if kind == "constant":
                value = 10
            elif kind == "step" and day > date(2026, 4, 20):
                value += 6
            elif kind == "huge":
                value *= 1e11
            skipped = (
                kind == "empty"
                or (kind == "short" and day < last - timedelta(days=9))
                or (kind == "holes" and draw.random() < 0.4)
            )
            if not skipped:
                series.append((day, "" if draw.random() < 0.02 else round(value, 6)))
            if grain == "day":
                day += timedelta(days=1)
            elif grain == "week":
                day += timedelta(days=7)
            else:
                months = day.month - 1 + (1 if grain == "month" else 3)
                day = date(day.year + months // 12, months % 12 + 1, 1)
        return series

    def _put(self, path: Path, content: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.dump(_without_none(content), Dumper=_NoAliases, sort_keys=False, allow_unicode=True))

    def _organization(self) -> dict[str, Any]:
        draw = self.draw
        return {
            "company": {
                "id": "acme",
                "name": "Acme",
                "time_zone": "Europe/Berlin",
                "currency": self.some(["EUR", "USD"]),
                "status_rule": self.some(["pace_gap", "forecast_probability"]),
                "max_manual_share": self.some([0, 0.5]),
                "working_days": self.some([["mon", "tue", "wed", "thu", "fri"], ["sun", "mon", "tue", "wed"]]),
                "holidays": [{"on": date(2026, 1, 1), "name": "New Year"}, {"on": date(2026, 5, 1), "name": "May Day"}],
            },
            "units": [
                {
                    "id": unit,
                    "name": unit,
                    "parent": self.units[draw.randrange(number)] if number else None,
                    "head": self.person() if number else self.people[0],
                }
                for number, unit in enumerate(self.units)
            ],
            "people": [
                {
                    "id": person,
                    "name": person,
                    "unit": self.some(self.units),
                    **(
                        self.two("active_from", "active_to", [date(2020, 1, 1), date(2026, 4, 30), date(2026, 12, 31)])
                        if number
                        else {}
                    ),
                }
                for number, person in enumerate(self.people)
            ],
        }

    def _cycle(self, name: str, days: tuple[date, date]) -> dict[str, Any]:
        start, end = days
        return {
            "id": name,
            "name": name,
            "starts_on": start,
            "ends_on": end,
            "readiness_due_on": self.some([start - timedelta(days=14)]),
            "locks_on": self.some([start, start + timedelta(days=8)]),
            "closes_on": self.some([end, end + timedelta(days=14)]),
            "status_rule": self.some(["pace_gap@1", "forecast_probability"], 0.6),
        }

    def _feed(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "name": name,
            "owner": self.person(),
            "steward": self.person(),
            "source": {"type": "file", "path": f"{name}/*.csv"},
            "format": "csv",
            "layout": "long",
            "columns": {"kpi": "kpi", "period": "period", "value": "value", "unit": "unit"},
            "source_type": self.draw.choice(["system", "manual"]),
            "agreed_offset_days": self.draw.choice([0, 1, 2.5]),
        }

    def _kpi(self, kpi: str) -> dict[str, Any]:
        draw = self.draw
        number = int(kpi.split("_")[1])
        # What a KPI is measured by stays, whatever else changes between two drawings.
        grain = ["day", "day", "day", "week", "month", "quarter"][number % 6]
        self.grains[kpi] = grain
        return {
            "id": kpi,
            "name": self.some([f"KPI {kpi}", "The same name"], 0),
            "unit": self._unit(number),
            "formula": self.some(["orders / hours", "other"]),
            "org_unit": self.some(self.units, 0.05),
            "feed": "alpha" if number % 2 == 0 else "beta",
            "direction": draw.choice(["increase", "decrease", "band"]),
            "grain": grain,
            "calendar": self.some(["every_day", "working_days"]) if grain == "day" else None,
            "aggregation": draw.choice(["mean", "sum", "last", "min", "max"]),
            "valid_range": self.some([{"min": -1e13, "max": 1e13}]),
            "target": self.some(NUMBERS),
            **self.two("lower_limit", "upper_limit", NUMBERS),
            "category": self.some(["health", "efficiency", "risk", "outcome"]),
            "indicator": self.some(["leading", "lagging"]),
            "tier": self.some(["input", "output", "outcome", "impact"]),
            "decision_rule": self.some(
                [{"threshold": "beyond it", "decision": "stop", "forum": self.some(["review"])}]
            ),
            "constraint": self.some(
                [{**self.two("min", "max", NUMBERS), "reason": self.some(["law"]), "owner": self.person()}], 0.6
            ),
            "cost": self.some(
                [
                    {
                        "amount": draw.choice([0, 2.5, -1]),
                        "currency": self.some(["EUR", "USD"]),
                        "volume_kpi": self.some(self.kpis),
                    }
                ]
            ),
            "owners": [
                {
                    "role": draw.choice(
                        ["accountable_owner", "accountable_owner", "data_steward", "sponsor", "controller"]
                    ),
                    "person": self.person(0.02),
                    **self.two("from", "to", self._days()),
                    "acknowledged_on": self.day(),
                    "delegated_from": self.some(self.people, 0.85),
                }
                for _ in range(draw.randint(0, 5))
            ],
            "inputs": [
                {
                    "name": f"lever {n}",
                    "controlled_by_unit": self.some(self.units),
                    "share": self.some([0, 0.3, 0.5, 1]),
                    "controlled_by_person": self.person(0.7),
                }
                for n in range(draw.randint(0, 3))
            ],
            "drivers": [
                {"kpi": other, "sign": draw.choice([1, -1]), "lag": draw.choice([0, 1, 3])}
                for other in draw.sample(self.kpis, draw.randint(0, 2))
                if other != kpi
            ],
            "rebases": [{"on": day, "reason": "new"} for day in sorted({self.day(0), self.day(0)})]
            if draw.random() < 0.3
            else [],
            "lifecycle": draw.choice(["active"] * 6 + ["proposed", "shadow", "retired"]),
            "freshness_days": self.some([0, 1, 7.5]),
            "max_manual_share": self.some([0, 1]),
        }

    def _days(self) -> list[date]:
        return [FIRST_DAY, date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 20), date(2026, 6, 1)]

    def _objective(self, number: int, objective: str) -> dict[str, Any]:
        own = self.key_results[number * self.each : (number + 1) * self.each]
        return {
            "id": objective,
            "title": objective,
            "unit": self.some(self.units, 0.05),
            "owner": self.person(),
            "sponsor": self.person(),
            "supports": self.some(self.objectives[:number] or [None]),
            "state": self.draw.choice(["committed"] * 5 + ["draft", "abandoned"]),
            "key_results": [self._key_result(name) for name in own],
        }

    def _key_result(self, name: str) -> dict[str, Any]:
        draw = self.draw
        kind = draw.choice(["metric", "metric", "metric", "control", "milestone", "baseline"])
        directions = ["increase", "decrease", "stay_above", "stay_below", "stay_within"]
        links = {
            (
                draw.choice(["measures", "measures", "drives", "impacts", "guardrail"]),
                draw.choice(self.kpis) if draw.random() > 0.02 else "no_such_kpi",
            )
            for _ in range(draw.randint(0, 4))
        }
        milestones = draw.randint(1, 4) if kind == "milestone" or draw.random() < 0.3 else 0
        return {
            "id": name,
            "title": name,
            "champion": self.person(),
            "reviewer": self.person(),
            "type": kind,
            "direction": "milestone" if kind == "milestone" else draw.choice(directions),
            "unit": self.some(["minutes", "share", "orders"]),
            "baseline": self.some(NUMBERS),
            "target": self.some(NUMBERS),
            "stretch": self.some(NUMBERS, 0.7),
            **self.two("lower_limit", "upper_limit", NUMBERS),
            **self.two("starts_on", "due_on", [*self._days(), *[None] * 6]),
            "weight": draw.choice(WEIGHTS),
            "indicator": self.some(["leading", "lagging"]),
            "measured_as": self.some(["latest", "sum_to_date", "mean_to_date", "trailing_mean(7)", "trailing_mean(1)"]),
            "state": draw.choice(["committed"] * 6 + ["draft", "abandoned"]),
            "status_rule": self.some(["pace_gap", "pace_gap@1", "forecast_probability"], 0.8),
            "links": [
                {
                    "kpi": kpi,
                    "type": type_,
                    "weight": draw.choice(WEIGHTS),
                    "sign": self.some([1, -1]),
                    "lag": self.some([0, 1, 5]),
                    "minimum_effect": self.some([0, 0.5, 3]),
                    **(self.two("guardrail_min", "guardrail_max", NUMBERS) if type_ == "guardrail" else {}),
                    "approver": self.person(0.6),
                    "approved_on": self.day(),
                }
                for type_, kpi in sorted(links)
            ],
            "attestation": self.some([{"statement": "nothing else", "by": self.person(), "on": self.day(0)}], 0.8),
            "milestones": [
                {
                    "id": f"step_{n}",
                    "title": f"Step {n}",
                    "kind": draw.choice(["milestone", "release"]),
                    "weight": draw.choice(WEIGHTS),
                    "due_on": self.day(),
                    "completed_on": self.day(0.4),
                }
                for n in range(milestones)
            ],
            "checkpoints": [
                {"on": day, "expected_progress": draw.choice([0, 0.2, 0.5, 1])}
                for day in sorted({self.day(0) for _ in range(draw.choice([0, 0, 0, 1, 3]))})
            ],
            "demand": [
                {"unit": unit, "demand": draw.choice([0, 10, 300]), "measure": draw.choice(["hours", "points"])}
                for unit in draw.sample(self.units, draw.choice([0, 0, 1, 2]))
            ],
        }

    def _governance(self) -> dict[str, list[dict[str, Any]]]:
        draw = self.draw
        subjects = [("kpi", self.kpis), ("key_result", self.key_results), ("objective", self.objectives)]
        waivers, requests = [], []
        for n in range(20):
            kind, of = draw.choice(subjects)
            approved = self.day(0)
            waivers.append(
                {
                    "id": f"waiver_{n}",
                    "rule": draw.choice(RULES),
                    "subject_type": self.some([kind]),
                    "subject": draw.choice(of),
                    "reason": "because",
                    "approved_by": self.person(0),
                    "approved_on": approved,
                    "expires_on": approved + timedelta(days=draw.choice([0, 30, 400])),
                }
            )
            asked = self.two("requested_on", "approved_on", self._days())
            requests.append(
                {
                    "id": f"request_{n}",
                    "subject_type": kind,
                    "subject": draw.choice(of),
                    "field": draw.choice(["target", "baseline", "due_on", "formula", "unit"]),
                    "reason_code": draw.choice(["definition_error", "placeholder_target", "we_will_miss_it"]),
                    "requested_by": self.person(),
                    "approved_by": self.person(),
                    **asked,
                }
            )
        return {
            "waivers": waivers,
            "change_requests": requests,
            "capacity": [
                {
                    "id": f"capacity_{n}",
                    "unit": draw.choice(self.units),
                    "cycle": draw.choice(list(CYCLES)),
                    "capacity": draw.choice([0, 100, 1000]),
                    "business_as_usual": self.some([0, 60, 2000]),
                    "measure": self.some(["hours", "points"]),
                }
                for n in range(12)
            ],
            "dependencies": [
                {
                    "id": f"dependency_{n}",
                    "key_result": draw.choice(self.key_results),
                    "provider_unit": draw.choice(self.units),
                    "needed_by": self.day(),
                    "confirmed_by": self.person(),
                    "confirmed_on": self.day(),
                    "delivered_on": self.day(0.6),
                    "risk_owner": self.person(),
                }
                for n in range(15)
            ],
            "escalations": [
                {
                    "id": f"key_result.{draw.choice(self.key_results)}",
                    "state": state,
                    "by": self.person(),
                    "on": self.day(0, last=AS_OF),
                    "next_action": self.some(["call"]),
                }
                for state in ("acknowledged", "decided", "resolved")
                for _ in range(4)
            ],
            "decisions": [
                {
                    "id": f"decision_{n}",
                    "decided_on": self.day(0),
                    "text": "do it",
                    "forum": self.some(["review"]),
                    "kpi": draw.choice(self.kpis),
                    "key_result": self.some(self.key_results),
                    "decided_by": self.person(),
                }
                for n in range(10)
            ],
            "check_ins": [
                {
                    "id": f"check_in_{n}",
                    "key_result": draw.choice(self.key_results),
                    "on": self.day(0),
                    "by": self.person(),
                    "status": draw.choice(["achieved", "on_track", "at_risk", "off_track"]),
                    "confidence": self.some([0, 0.4, 1]),
                    "progress": self.some([0, 0.5, 2, -1]),
                }
                for n in range(40)
            ],
        }


def _without_none(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_none(value) for key, value in content.items() if value is not None}
    if isinstance(content, list):
        return [_without_none(value) for value in content]
    return content
