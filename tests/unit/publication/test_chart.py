"""Charts: where lines and marks stand, and that words tell the same."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

import pytest

from orchestration.publication.pages import chart

FIRST = date(2026, 1, 1)


def points(values, **changes):
    """A row per value, a day apart; limits 2 and 8 around 5."""
    whole = {
        "kpi_name": "Latency", "unit": "minutes", "centre": 5.0, "lower_process_limit": 2.0, "upper_process_limit": 8.0,
        "special_cause": None, "variation": "common_cause", "assurance": None, "segment_number": 1,
        "has_trial_limits": False, "target": None, "lower_limit": None, "upper_limit": None,
    }  # fmt: skip
    return [
        whole | {"value": value, "period_start_on": FIRST + timedelta(days=day)} | changes
        for day, value in enumerate(values)
    ]


def paths(drawn, look):
    return [shape.path for shape in drawn.shapes if shape.look == look]


def places(path):
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def test_higher_values_stand_higher_and_later_ones_further_right():
    (line,) = paths(chart.control_chart(points([3.0, 5.0, 7.0])), "line")
    (x1, y1), (x2, y2), (x3, y3) = places(line)
    assert x1 < x2 < x3
    assert y1 > y2 > y3
    assert x2 - x1 == pytest.approx(x3 - x2)
    assert y1 - y2 == pytest.approx(y2 - y3)


def test_everything_stays_in_the_box():
    rows = points([-1e9, 0.0, 1e9, 5.0])
    drawn = chart.control_chart(rows)
    for shape in drawn.shapes:
        for x, y in places(shape.path):
            assert -10 <= x <= drawn.width, shape
            assert -10 <= y <= drawn.height, shape
    assert all(0 <= label.y <= drawn.height for label in drawn.labels)


def test_line_breaks_where_a_value_is_missing():
    (line,) = paths(chart.control_chart(points([3.0, 4.0, None, 5.0, 6.0])), "line")
    assert line.count("M") == 2


def test_limits_step_with_the_process():
    rows = points([3.0, 4.0]) + [
        row | {"segment_number": 2, "centre": 6.0, "period_start_on": row["period_start_on"] + timedelta(days=2)}
        for row in points([6.0, 6.5])
    ]
    (centre,) = paths(chart.control_chart(rows), "centre")
    assert centre.count("M") == 2
    heights = {y for _, y in places(centre)}
    assert len(heights) == 2


@pytest.mark.parametrize(("cause", "meaning"), [(cause, meaning) for cause, (_, meaning) in chart.CAUSES.items()])
@pytest.mark.parametrize(("variation", "look"), [("concern", "mark concern"), ("improvement", "mark improvement")])
def test_special_cause_has_a_mark_a_legend_and_words(cause, meaning, variation, look):
    rows = points([5.0, 5.0, 9.0])
    rows[-1] |= {"special_cause": cause, "variation": variation}
    drawn = chart.control_chart(rows)
    assert len(paths(drawn, look)) == 1
    assert [key.text for key in drawn.legend if key.shape.look == look] == [f"{meaning}: {variation}"]
    assert f"{meaning} (1)" in drawn.description


def test_each_rule_has_a_shape_of_its_own():
    shapes = [shape for shape, _ in chart.CAUSES.values()]
    drawn = {chart._SHAPES[shape](50.0, 50.0) for shape in shapes}
    assert len(drawn) == len(chart.CAUSES)


def test_words_tell_values_and_limits_with_their_unit():
    told = chart.control_chart(points([3.0, 4.0])).description
    assert "2 periods from 2026-01-01 to 2026-01-02." in told
    assert "newest value is 4 minutes" in told
    assert "process limits 2 minutes and 8 minutes" in told
    assert "No point shows a special cause." in told


def test_chart_without_limits_shows_none():
    rows = points([3.0, 4.0], centre=None, lower_process_limit=None, upper_process_limit=None)
    drawn = chart.control_chart(rows)
    assert not paths(drawn, "limit")
    assert not paths(drawn, "centre")
    assert "limits" not in drawn.description


def test_target_is_drawn_and_named():
    drawn = chart.control_chart(points([3.0, 4.0], target=7.0))
    assert len(paths(drawn, "goal")) == 1
    assert "target 7" in [label.text for label in drawn.labels]
    assert "target or limit" in [key.text for key in drawn.legend]


def test_labels_never_lie_on_each_other():
    rows = points([5.0, 5.0], target=5.0, lower_limit=5.01, upper_limit=5.02, upper_process_limit=5.03)
    heights = sorted(label.y for label in chart.control_chart(rows).labels[:-2])
    assert len(heights) == 6
    assert all(b - a >= 16 for a, b in pairwise(heights))


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [0.0, 0.0], [None, None]])
def test_flat_short_and_empty_lines_are_drawn(values):
    rows = points(values, centre=None, lower_process_limit=None, upper_process_limit=None)
    assert chart.control_chart(rows).description


def test_progress_is_drawn_beside_what_was_expected():
    days = [
        {"as_of": FIRST + timedelta(days=day), "progress": 0.1 * day, "expected_progress": 0.2 * day}
        for day in range(5)
    ]
    drawn = chart.progress_chart(days)
    assert (len(paths(drawn, "line")), len(paths(drawn, "centre"))) == (1, 1)
    assert drawn.description == (
        "From 2026-01-01 to 2026-01-05: progress went from 0 % to 40 %; 80 % was expected by 2026-01-05."
    )


def test_progress_needs_two_days():
    day = {"as_of": FIRST, "progress": 0.5, "expected_progress": None}
    assert chart.progress_chart([day]) is None
    assert chart.progress_chart([day, day | {"progress": None}]) is None


def test_trend_tells_first_most_and_last():
    days = [{"as_of": FIRST + timedelta(days=day), "failed_count": count} for day, count in enumerate([3, 9, 1])]
    assert chart.trend_chart(days).description == "From 2026-01-01 to 2026-01-03: 3 at first, 9 at most, 1 at last."
    assert chart.trend_chart(days[:1]) is None
