"""Charts as shapes in a box: a control chart, a release, progress, a trend, a histogram. Each is told in words too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from orchestration.publication.tables import Row
from orchestration.publication.text import figure, moment, percent
from orchestration.publication.tones import TONES
from orchestration.wording import counted

WIDTH, HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 10, 158, 16, 30
"""The right margin holds the names of the lines, such as `centre 81.5 %`, in the large letters of a phone."""
_LABEL_GAP = 22

BASELINE_PERIODS = 20
"""Periods before a release that it is compared with: `tremor_baseline` of the dbt project; a test holds this to it."""

CAUSES = {
    "outside_limits": ("outside", "a point outside the process limits"),
    "trend": ("trend", "part of 7 rising or falling in a row"),
    "two_of_three": ("near", "two of three points near a limit"),
    "shift": ("shift", "part of 7 on one side of the centre"),
}
"""Special-cause rule -> shape of its mark, and what it means; in the order of precedence."""

_SHAPES: Mapping[str, Callable[[float, float], str]] = {
    "outside": lambda x, y: f"M{x:.1f} {y - 7:.1f}l7 7-7 7-7-7z",
    "trend": lambda x, y: f"M{x:.1f} {y - 6:.1f}l6 11h-12z",
    "near": lambda x, y: f"M{x - 5:.1f} {y - 5:.1f}h10v10h-10z",
    "shift": lambda x, y: f"M{x - 5:.1f} {y:.1f}a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "point": lambda x, y: f"M{x - 2:.1f} {y:.1f}a2 2 0 1 0 4 0a2 2 0 1 0-4 0z",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A path; `look` is its class in the style sheet."""

    look: str
    path: str


@dataclass(frozen=True, slots=True)
class Label:
    """Text at a place in the box."""

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the legend."""

    shape: Shape
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart.

    Args:
        id: Anchor on the page.
        title: What it shows.
        description: The same in words, for whoever does not see it.
        shapes: Lines first, marks on top of them.
        labels: Values and dates.
        legend: What the looks mean.
        height: Of its box; the width is always `WIDTH`.
    """

    id: str
    title: str
    description: str
    shapes: Sequence[Shape]
    labels: Sequence[Label]
    legend: Sequence[Key] = ()
    height: int = HEIGHT
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class Release:
    """What a chart marks: the day, and the KPI's level before it and from `since_on` to `until_on`."""

    on: date
    before: float | None
    since: float | None
    since_on: date
    until_on: date


@dataclass(frozen=True)
class _Scale:
    first: date
    last: date
    low: float
    high: float
    height: int = HEIGHT

    def x(self, day: date) -> float:
        span = (self.last - self.first).days or 1
        return _LEFT + (day - self.first).days / span * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.height - _BOTTOM - (value - self.low) / span * (self.height - _TOP - _BOTTOM)


def control_chart(points: Sequence[Row]) -> Chart:
    """Draw an XmR chart.

    Args:
        points: Of one KPI, oldest first, at least one; columns as in `rpt_kpi_control_chart`. Values may be None.
    """
    newest, unit = points[-1], points[-1]["unit"]
    bounds = ("value", "centre", "lower_process_limit", "upper_process_limit")
    goals = [(name, newest[name]) for name in ("target", "lower_limit", "upper_limit") if newest[name] is not None]
    values = [row[name] for row in points for name in bounds if row[name] is not None] + [goal for _, goal in goals]
    scale = _Scale(points[0]["period_start_on"], newest["period_start_on"], *_range(values))
    shapes = [
        *(
            _steps(points, name, look, scale)
            for name, look in (
                ("upper_process_limit", "limit"), ("lower_process_limit", "limit"), ("centre", "centre"),
            )
        ),
        *(Shape("goal", f"M{_LEFT} {scale.y(goal):.1f}H{WIDTH - _RIGHT}") for _, goal in goals),
        Shape("line", _line(points, "value", scale)),
        *_marks(points, scale),
    ]  # fmt: skip
    lines = [
        ("upper", newest["upper_process_limit"]),
        ("centre", newest["centre"]),
        ("lower", newest["lower_process_limit"]),
        *(({"target": "target", "lower_limit": "min", "upper_limit": "max"}[name], goal)
          for name, goal in goals),
    ]  # fmt: skip
    labels = [*_line_labels([(word, value) for word, value in lines if value is not None], unit, scale), *_dates(scale)]
    return Chart(
        "control-chart",
        f"Process control chart of {newest['kpi_name']}",
        _told(points),
        [shape for shape in shapes if shape.path],
        labels,
        _legend(points, has_goal=bool(goals)),
    )


def progress_chart(days: Sequence[Row]) -> Chart | None:
    """Draw progress and what was expected, None when there are not two days with progress.

    Args:
        days: Of one key result, oldest first, with `as_of`, `progress` and `expected_progress`.
    """
    known = [row for row in days if row["progress"] is not None]
    if len(known) < 2:
        return None
    height = 200
    scale = _Scale(days[0]["as_of"], days[-1]["as_of"], 0.0, 1.0, height)
    newest = known[-1]
    lines = [("reached", newest["progress"])]
    if newest["expected_progress"] is not None:
        lines.append(("expected", newest["expected_progress"]))
    description = (
        f"From {days[0]['as_of']} to {days[-1]['as_of']}: progress went from {percent(known[0]['progress'])} to "
        f"{percent(newest['progress'])}"
    )
    if newest["expected_progress"] is not None:
        description += f"; {percent(newest['expected_progress'])} was expected by {newest['as_of']}"
    shapes = [
        Shape("grid", "".join(f"M{_LEFT} {scale.y(share):.1f}H{WIDTH - _RIGHT}" for share in (0.0, 0.5, 1.0))),
        Shape("centre", _line(days, "expected_progress", scale, day="as_of")),
        Shape("line", _line(days, "progress", scale, day="as_of")),
        Shape("mark", _SHAPES["shift"](scale.x(newest["as_of"]), scale.y(newest["progress"]))),
    ]
    return Chart(
        "progress-chart",
        "Progress over time",
        f"{description}.",
        [shape for shape in shapes if shape.path],
        [*_line_labels(lines, "share", scale, digits=0), *_dates(scale)],
        [Key(Shape("line", "M0 8H24"), "reached"), Key(Shape("centre", "M0 8H24"), "expected")],
        height,
    )


def trend_chart(days: Sequence[Row]) -> Chart | None:
    """Draw for how many subjects a rule failed, None before there are two business dates.

    Args:
        days: Of one rule, oldest first, with `as_of` and `failed_count`.
    """
    if len(days) < 2:
        return None
    height = 130
    most = max(row["failed_count"] for row in days)
    scale = _Scale(days[0]["as_of"], days[-1]["as_of"], 0.0, float(most or 1), height)
    newest = days[-1]
    return Chart(
        "trend-chart",
        "Subjects that fail, by business date",
        f"From {days[0]['as_of']} to {newest['as_of']}: {days[0]['failed_count']:,} at first, {most:,} at most, "
        f"{newest['failed_count']:,} at last.",
        [
            Shape("grid", f"M{_LEFT} {scale.y(0):.1f}H{WIDTH - _RIGHT}"),
            Shape("line", _line(days, "failed_count", scale, day="as_of")),
            Shape("mark", _SHAPES["shift"](scale.x(newest["as_of"]), scale.y(newest["failed_count"]))),
        ],
        [
            Label(WIDTH - _RIGHT + 8, scale.y(newest["failed_count"]) + 4, f"{newest['failed_count']:,} fail"),
            *_dates(scale),
        ],
        height=height,
    )


def release_chart(points: Sequence[Row], release: Release) -> Chart:
    """Draw a KPI around a release: its values, its level before and since, and the day it went live.

    Args:
        points: Of one KPI, oldest first, at least one; columns as in `rpt_kpi_control_chart`, and `is_after` for
            periods that ended on the day of the release or later. Values may be None.
        release: What to mark.
    """
    newest, unit = points[-1], points[-1]["unit"]
    before = [row for row in points if not row["is_after"]][-BASELINE_PERIODS:]
    since = [row for row in points if release.since_on <= row["period_end_on"] <= release.until_on]
    limits = [
        (word, newest[name]) for word, name in (("upper", "upper_process_limit"), ("lower", "lower_process_limit"))
    ]
    goals = [
        (word, newest[name]) for word, name in (("target", "target"), ("min", "lower_limit"), ("max", "upper_limit"))
    ]
    levels = [("before", release.before), ("since", release.since)]
    named = [(word, value) for word, value in (*limits, *goals, *levels) if value is not None]
    bounds = ("value", "lower_process_limit", "upper_process_limit")
    values = [row[name] for row in points for name in bounds if row[name] is not None] + [value for _, value in named]
    low, high = _range(values)
    # Room above the highest value, for the name of the release.
    first, last = points[0]["period_start_on"], max(newest["period_start_on"], release.on)
    scale = _Scale(min(first, release.on), last, low, high + (high - low) * 0.14)
    x = scale.x(release.on)
    shapes = [
        *(_steps(points, name, "limit", scale) for name in ("upper_process_limit", "lower_process_limit")),
        *(Shape("goal", f"M{_LEFT} {scale.y(goal):.1f}H{WIDTH - _RIGHT}") for _, goal in goals if goal is not None),
        Shape("line", _line(points, "value", scale)),
        Shape("dot", "".join(
            _SHAPES["point"](scale.x(row["period_start_on"]), scale.y(row["value"]))
            for row in points if row["value"] is not None
        )),
        Shape("level", _level(before, release.before, scale) + _level(since, release.since, scale)),
        Shape("event", f"M{x:.1f} {_TOP}V{scale.height - _BOTTOM}"),
    ]  # fmt: skip
    is_late = x > (WIDTH - _RIGHT) / 2
    mark = Label(x - 6 if is_late else x + 6, _TOP + 10, f"release {moment(release.on)}", "end" if is_late else "start")
    legend = [
        Key(Shape("event", "M12 0V16"), "release"),
        Key(Shape("level", "M0 8H24"), "level before, and since"),
        Key(Shape("limit", "M0 8H24"), "process limits"),
    ]
    if any(goal is not None for _, goal in goals):
        legend.append(Key(Shape("goal", "M0 8H24"), "target or limit"))
    told = (
        f"{counted(len(points), 'period')} from {points[0]['period_start_on']} to {newest['period_start_on']}. "
        f"In the {counted(len(before), 'period')} before the release of {release.on} the level was "
        f"{figure(release.before, unit)}; from {release.since_on} to {release.until_on} it is "
        f"{figure(release.since, unit)}."
    )
    return Chart(
        "release-chart",
        f"{newest['kpi_name']} around the release",
        told,
        [shape for shape in shapes if shape.path],
        [*_line_labels(named, unit, scale), mark, *_dates(scale)],
        legend,
    )


def histogram(bars: Sequence[Row], observed: float) -> Chart:
    """Draw how far the KPI moved after earlier dates, and how far after the release.

    Args:
        bars: Columns as in `rpt_silo_conflict_placebo`, by `bin`, at least one.
        observed: Movement after the release, in the KPI's unit and in the same direction as the bars.
    """
    height, unit = 200, bars[0]["unit"]
    lowest, highest = bars[0]["from_movement"], bars[-1]["to_movement"]
    right = WIDTH - _LEFT
    most = max(row["placebo_count"] for row in bars) or 1
    floor, top = height - _BOTTOM, _TOP + 22

    def x(movement: float) -> float:
        return float(_LEFT + (movement - lowest) / ((highest - lowest) or 1.0) * (right - _LEFT))

    columns = "".join(
        f"M{x(row['from_movement']) + 1:.1f} {floor}V{floor - row['placebo_count'] / most * (floor - top):.1f}"
        f"H{max(x(row['to_movement']) - 1, x(row['from_movement']) + 2):.1f}V{floor}z"
        for row in bars
        if row["placebo_count"]
    )
    place = x(observed)
    shapes = [
        Shape("grid", f"M{_LEFT} {floor}H{right}"),
        Shape("column", columns),
        Shape("event", f"M{min(place, right - 1):.1f} {_TOP}V{floor}"),
    ]
    is_late = place > WIDTH / 2
    labels = [
        Label(place - 8 if is_late else place + 8, _TOP + 12, f"this release: {figure(observed, unit)}",
              "end" if is_late else "start"),
        Label(_LEFT, height - 8, figure(lowest, unit)),
        Label(right, height - 8, figure(highest, unit), "end"),
    ]  # fmt: skip
    if lowest < 0 < highest and 0.25 < (x(0.0) - _LEFT) / (right - _LEFT) < 0.75:
        labels.append(Label(x(0.0), height - 8, "0", "middle"))
    total = sum(row["placebo_count"] for row in bars)
    as_far = reached(bars)
    told = (
        f"Movement of the KPI after {counted(total, 'earlier date')} without this release, from {figure(lowest, unit)} "
        f"to {figure(highest, unit)}; above 0 is worse. After the release it moved by {figure(observed, unit)}. "
        f"{counted(as_far, 'earlier date') if as_far else 'No earlier date'} {'shows' if as_far < 2 else 'show'} "
        f"{'about as much or more' if as_far else 'as much'}."
    )
    return Chart(
        "placebo-chart", "Movements without the release, and with it", told, [shape for shape in shapes if shape.path],
        labels,
        [Key(Shape("column", "M4 2H20V14H4z"), "earlier dates"), Key(Shape("event", "M12 0V16"), "this release")],
        height,
    )  # fmt: skip


def reached(bars: Sequence[Row]) -> int:
    """Return how many placebo dates stand in the bar of the release or beyond: at most so many moved as far."""
    own = next((row["bin"] for row in bars if row["holds_release"]), 0)
    return sum(row["placebo_count"] for row in bars if row["bin"] >= own)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis that leaves a little room; a flat line gets room as well."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _line(points: Sequence[Row], name: str, scale: _Scale, *, day: str = "period_start_on") -> str:
    """Return a path through the values; it breaks where one is missing."""
    parts = []
    for is_known, stretch in groupby(points, key=lambda row: row[name] is not None):
        if is_known:
            places = " ".join(f"{scale.x(row[day]):.1f} {scale.y(row[name]):.1f}" for row in stretch)
            parts.append(f"M{places}")
    return "".join(parts)


def _steps(points: Sequence[Row], name: str, look: str, scale: _Scale) -> Shape:
    """Return a level for each segment of the process, from its first point to its last."""
    parts = []
    for _, stretch in groupby(points, key=lambda row: row["segment_number"]):
        rows = list(stretch)
        level = rows[-1][name]
        if level is not None:
            y, start = scale.y(level), scale.x(rows[0]["period_start_on"])
            end = WIDTH - _RIGHT if rows[-1] is points[-1] else scale.x(rows[-1]["period_start_on"])
            parts.append(f"M{start:.1f} {y:.1f}H{end:.1f}")
    return Shape(look, "".join(parts))


def _level(rows: Sequence[Row], level: float | None, scale: _Scale) -> str:
    """Return a level over some periods; a single one gets a dash that can be seen."""
    if not rows or level is None:
        return ""
    start, end = scale.x(rows[0]["period_start_on"]), scale.x(rows[-1]["period_start_on"])
    return f"M{start:.1f} {scale.y(level):.1f}H{max(end, start + 8):.1f}"


def _look(row: Row) -> str:
    return f"mark {row['variation']}" if row["variation"] in {"concern", "improvement"} else "mark"


def _marks(points: Sequence[Row], scale: _Scale) -> list[Shape]:
    """Return one path per look: the special causes by their rule's shape, all other points as dots."""
    paths: dict[str, list[str]] = {}
    for row in points:
        if row["value"] is None:
            continue
        shape = CAUSES[row["special_cause"]][0] if row["special_cause"] in CAUSES else "point"
        look = _look(row) if shape != "point" else "dot"
        path = _SHAPES[shape](scale.x(row["period_start_on"]), scale.y(row["value"]))
        paths.setdefault(look, []).append(path)
    return [Shape(look, "".join(parts)) for look, parts in sorted(paths.items())]


def _legend(points: Sequence[Row], *, has_goal: bool) -> list[Key]:
    shown = {(row["special_cause"], row["variation"]) for row in points if row["special_cause"] in CAUSES}
    keys = [Key(Shape("centre", "M0 8H24"), "centre"), Key(Shape("limit", "M0 8H24"), "process limits")]
    if has_goal:
        keys.append(Key(Shape("goal", "M0 8H24"), "target or limit"))
    for cause, (shape, meaning) in CAUSES.items():
        for variation in ("concern", "improvement", "common_cause", None):
            if (cause, variation) in shown:
                look = f"mark {variation}" if variation in {"concern", "improvement"} else "mark"
                word = f": {TONES[variation].word}" if variation in {"concern", "improvement"} else ""
                keys.append(Key(Shape(look, _SHAPES[shape](12, 8)), f"{meaning}{word}"))
    return keys


def _told(points: Sequence[Row]) -> str:
    """Say what the chart shows."""
    newest, unit = points[-1], points[-1]["unit"]
    parts = [
        f"{counted(len(points), 'period')} from {points[0]['period_start_on']} to {newest['period_start_on']}. "
        f"The newest value is {figure(newest['value'], unit) or 'missing'}"
    ]
    if newest["centre"] is not None:
        parts.append(f"the centre {figure(newest['centre'], unit)}")
    if newest["lower_process_limit"] is not None:
        parts.append(
            f"the process limits {figure(newest['lower_process_limit'], unit)} and "
            f"{figure(newest['upper_process_limit'], unit)}"
        )
    causes = Counter(row["special_cause"] for row in points if row["special_cause"] in CAUSES)
    if not causes:
        return f"{', '.join(parts)}. No point shows a special cause."
    listed = ", ".join(f"{meaning} ({causes[cause]:,})" for cause, (_, meaning) in CAUSES.items() if causes[cause])
    return f"{', '.join(parts)}. Special causes: {listed}."


def _line_labels(
    lines: Iterable[tuple[str, float]], unit: str | None, scale: _Scale, digits: int | None = None
) -> list[Label]:
    """Name the lines at their right end, apart from each other; the unit is told beside the chart, not here."""
    is_share = unit in {"share", "ratio"}
    placed: list[Label] = []
    for word, value in sorted(lines, key=lambda line: -line[1]):
        text = percent(value, digits=1 if digits is None else digits) if is_share else figure(value)
        y = scale.y(value) + 4
        if placed:
            y = max(y, placed[-1].y + _LABEL_GAP)
        placed.append(Label(WIDTH - _RIGHT + 8, y, f"{word} {text}"))
    overflow = placed[-1].y - (scale.height - _BOTTOM + 6) if placed else 0.0
    if overflow > 0:
        placed = [Label(label.x, max(label.y - overflow, 12.0), label.text) for label in placed]
    return placed


def _dates(scale: _Scale) -> list[Label]:
    y = scale.height - 8
    return [Label(_LEFT, y, moment(scale.first)), Label(WIDTH - _RIGHT, y, moment(scale.last), "end")]
