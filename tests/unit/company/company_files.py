"""A small company that is well formed, and how tests spoil it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.company.loader import load_company
from orchestration.errors import DefinitionError, DefinitionErrors

FILES = {
    "organization.yml": """\
company: {id: acme, name: Acme, time_zone: America/New_York, holidays: [{on: 2013-01-01, name: New Year}]}
units:
  - {id: acme_group, name: Acme}
  - {id: ops, name: Operations, parent: acme_group, head: coo}
people:
  - {id: coo, name: Chief Operating Officer, email: coo@example.com, unit: ops, active_from: 2010-01-01}
""",
    "cycles.yml": """\
cycles:
  - {id: 2013-Q1, name: Q1 2013, starts_on: 2013-01-01, ends_on: 2013-03-31, locks_on: 2013-01-07}
""",
    "kpis/punctuality.yml": """\
kpis:
  - id: on_time_share
    name: On-time share
    unit: share
    org_unit: ops
    feed: on_time
    direction: increase
    grain: day
    aggregation: mean
    valid_range: {min: 0, max: 1}
    owners:
      - {role: accountable_owner, person: coo, from: 2013-01-01}
      - {role: data_steward, person: coo}
""",
    "okrs/2013-Q1/ops.yml": """\
objectives:
  - id: o_punctual
    title: Be on time
    unit: ops
    key_results:
      - id: kr_on_time
        title: On-time share to 80 %
        champion: coo
        type: metric
        direction: increase
        unit: share
        baseline: 0.7
        target: 0.8
        measured_as: trailing_mean(7)
        links:
          - {kpi: on_time_share, type: measures, weight: 1}
""",
}


def put(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def edit(directory: Path, name: str, old: str, new: str) -> None:
    path = directory / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def errors_of(directory: Path) -> list[DefinitionError]:
    with pytest.raises(DefinitionErrors) as caught:
        load_company(directory)
    return caught.value.errors


def only_error(directory: Path) -> DefinitionError:
    errors = errors_of(directory)
    assert len(errors) == 1, "\n".join(map(str, errors))
    return errors[0]


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2013, 1, day, hour, tzinfo=UTC)
