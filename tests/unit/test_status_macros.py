"""The macro that decides statuses, run as SQL over every family and boundary, without dbt."""

from __future__ import annotations

import csv
from typing import Any

import duckdb
import pytest
from jinja2 import Environment

from orchestration.settings import PROJECT_ROOT

DBT = PROJECT_ROOT / "dbt_project"
FIGURES = ("direction", "progress_raw", "expected", "is_over", "probability")
TYPES = ("varchar", "double", "double", "boolean", "double")


def rules() -> dict[str, dict[str, Any]]:
    with (DBT / "seeds" / "status_rules.csv").open(encoding="utf-8", newline="") as stream:
        return {row["status_rule_id"]: row for row in csv.DictReader(stream)}


def evaluate(expression: str, **values: Any) -> Any:
    """Return what an expression of macros gives for one row of figures."""
    macros = "".join((DBT / "macros" / name).read_text() for name in ("progress.sql", "status.sql"))
    names = ", ".join(f"'{name}'" for name in FIGURES)
    sql = Environment().from_string(macros + "select {{ " + expression.replace("FIGURES", names) + " }}").render()
    columns = ", ".join(f"cast(${name} as {kind}) as {name}" for name, kind in zip(FIGURES, TYPES, strict=True))
    figures = {name: values.get(name) for name in FIGURES}
    return duckdb.execute(f"{sql.strip()} from (select {columns})", figures).fetchone()[0]  # type: ignore[index]


def status(rule: str, progress: float | None, expected: float | None = 0.5, **values: Any) -> str:
    row = rules()[rule]
    expression = (
        "status('direction', 'progress_raw', 'expected', 'is_over', "
        f"\"'{row['family']}'\", '{row['on_track_limit']}', '{row['at_risk_limit']}', 'probability')"
    )
    values = {"direction": "increase", "is_over": False} | values
    return str(evaluate(expression, progress_raw=progress, expected=expected, **values))


@pytest.mark.parametrize(
    ("rule", "expected", "on_track", "at_risk", "off_track"),
    [
        ("pace_gap", 0.5, 0.4, 0.25, 0.2499),
        ("viva_goals", 0.5, 0.5, 0.25, 0.2499),
        ("engagedly", 0.5, 0.335, 0.17, 0.1699),
        ("upraise", 0.4, 0.38, 0.3, 0.2999),
        ("mooncamp", 0.5, 0.45, 0.35, 0.3499),
        ("servicenow", 0.1, 0.9, 0.75, 0.7499),
        ("gitlab", 0.1, 0.85, 0.7, 0.6999),
    ],
)
def test_presets_say_what_their_tools_say_at_the_exact_thresholds(rule, expected, on_track, at_risk, off_track):
    """A team that leaves a tool finds other colours here than there."""
    assert status(rule, on_track, expected) == "on_track"
    assert status(rule, on_track - 1e-6, expected) == "at_risk"
    assert status(rule, at_risk, expected) == "at_risk"
    assert status(rule, off_track, expected) == "off_track"


@pytest.mark.parametrize(
    ("probability", "progress", "found"),
    [
        (1.0, -3.0, "on_track"),
        (0.7, 0.1, "on_track"),
        (0.1 + 0.6, 0.1, "on_track"),
        (0.6999, 0.9, "at_risk"),
        (0.4, 0.1, "at_risk"),
        (0.3999, 0.9, "off_track"),
        (0.0, 0.9, "off_track"),
        (None, 0.9, "not_assessable"),
        (None, 1.0, "achieved"),
        (0.1, 1.2, "achieved"),
        (0.9, None, "not_assessable"),
    ],
)
def test_forecast_probability_is_compared_inclusively_and_silence_is_not_green(probability, progress, found):
    """A key result that nobody can forecast counts as one that will not be met, or as one that will."""
    assert status("forecast_probability", progress, probability=probability) == found
    reason = evaluate(
        "status_null_reason('cast(null as varchar)', 'direction', 'progress_raw', 'is_over', \"'probability'\", "
        "'probability')",
        direction="increase",
        is_over=False,
        progress_raw=progress,
        probability=probability,
    )
    if progress is not None:
        assert reason == ("no_forecast" if found == "not_assessable" else None)


@pytest.mark.parametrize("rule", sorted(rules()))
def test_every_rule_agrees_on_what_is_achieved_and_on_what_is_unknown(rule):
    """A limit that was kept so far is called achieved in mid-cycle, or missing data gets a colour."""
    for direction in ("increase", "decrease", "milestone"):
        assert status(rule, 1.0, direction=direction, probability=0.0) == "achieved"
    assert status(rule, 1.0, 1.0, direction="stay_below", probability=0.9) == "on_track"
    assert status(rule, 1.0, 1.0, direction="stay_below", is_over=True) == "achieved"
    assert status(rule, None, probability=0.9) == "not_assessable"
    assert status(rule, 0.5, None, probability=0.9) == "not_assessable"


def test_ratio_is_on_track_while_nothing_is_expected():
    """The first day of a cycle divides by zero."""
    assert status("upraise", 0.0, 0.0) == "on_track"


def test_every_preset_is_cited_and_in_force_since_ever():
    """Thresholds appear from nowhere, or rewrite the reports of the past."""
    assert {row["valid_from"] for row in rules().values() if row["version"] == "1"} == {"1900-01-01"}
    for rule, row in rules().items():
        assert len(row["source"]) > 20, rule
        assert rule == "pace_gap" or "(" in row["source"], f"{rule} names no document"


@pytest.mark.parametrize(
    ("worst", "among"),
    [
        ("off_track", ["not_assessable", "off_track", "achieved"]),
        ("at_risk", ["not_assessable", "at_risk"]),
        ("not_assessable", ["on_track", "not_assessable", "achieved"]),
        ("on_track", ["achieved", "on_track"]),
    ],
)
def test_roll_up_hides_no_red_and_calls_no_silence_green(worst, among):
    """One key result without data turns a red objective grey, or a grey one green."""
    places = [evaluate(f"status_severity(\"'{one}'\")") for one in among]
    assert evaluate(f"status_of_severity('{max(places)}')") == worst


@pytest.mark.parametrize(
    ("reported", "computed", "divergence"),
    [
        ("on_track", "off_track", 2),
        ("off_track", "on_track", -2),
        ("achieved", "off_track", 3),
        ("at_risk", "at_risk", 0),
        ("on_track", "not_assessable", None),
        (None, "on_track", None),
    ],
)
def test_divergence_counts_levels_and_is_unknown_where_either_is(reported, computed, divergence):
    """Optimism about a key result that nobody can assess counts as agreement."""
    text = {True: "cast(null as varchar)", False: "'{}'"}
    sides = [text[one is None].format(one) for one in (reported, computed)]
    assert evaluate(f'status_divergence("{sides[0]}", "{sides[1]}")') == divergence
