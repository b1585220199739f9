"""The tremor test once more, by plain loops over one daily series, from what docs/signals.md says."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WINDOW, RUN, BASELINE = 15, 5, 20


@dataclass(frozen=True)
class ByHand:
    """What the test finds in one direction."""

    statistic: float
    p_value: float
    placebo_count: int
    baseline: float


def adjusted(series: Mapping[date, float]) -> list[float]:
    """Return the values less their weekday's effect; the series has every day."""
    days = sorted(series)
    weeks: dict[date, list[date]] = {}
    for day in days:
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(day)
    deviations: dict[int, list[float]] = {weekday: [] for weekday in range(7)}
    for members in weeks.values():
        if len(members) == 7:
            mean = statistics.fmean(series[day] for day in members)
            for day in members:
                deviations[day.weekday()].append(series[day] - mean)
    effects = {weekday: sum(found) / (len(found) + 8) for weekday, found in deviations.items()}
    return [series[day] - effects[day.weekday()] for day in days]


def movement(values: Sequence[float], at: int, sign: int, lag: int = 0) -> float:
    """How far five values in a row kept away from the mean of the twenty before `at`, in the direction of the sign."""
    before = statistics.fmean(values[at - BASELINE : at])
    starts = range(at + lag, at + lag + WINDOW - RUN + 1)
    return max(min(sign * (value - before) for value in values[start : start + RUN]) for start in starts)


def student_tail(t: float, degrees: float) -> float:
    """Tail of Student's t as Wallace (1959) comes near to it; the normal tail is the standard library's."""
    z = (8 * degrees + 1) / (8 * degrees + 3) * math.sqrt(degrees * math.log(1 + t * t / degrees))
    return 0.5 * math.erfc(z / math.sqrt(2))


def tremor(series: Mapping[date, float], on: date, sign: int, lag: int = 0) -> ByHand:
    """Test one release."""
    values, at = adjusted(series), (on - min(series)).days
    seen = movement(values, at, sign, lag)
    dates = range(BASELINE, at - WINDOW - lag + 1)
    placebos = [movement(values, date_, sign, lag) for date_ in dates]
    share = sum(one >= seen for one in placebos) / len(placebos)
    mean, deviation = statistics.fmean(placebos), statistics.stdev(placebos)
    independent = (len(placebos) + 34) / 35 + 1
    t = (seen - mean) / (deviation * math.sqrt(1 + 1 / independent))
    tail = student_tail(t, independent - 1) if t > 0 else 1.0
    return ByHand(seen, max(share, tail), len(placebos), statistics.fmean(values[at - BASELINE : at]))
