"""XmR charts by hand: plain loops over exact fractions, written from the published definition and used only by tests.

NHS England, Making Data Count; NHSRplotthedots 0.2.2 where the guides are silent. Values are taken for the decimals
that they print as, so a tie here is a tie on paper, and no rounding can hide or make one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

MINIMUM = 5  # docs/process_control.md: fewer points cannot show anything


@dataclass(frozen=True)
class Charted:
    """One point with what the chart says of it; limits and rules are None while there are too few points."""

    segment: int
    centre: Fraction
    lower: Fraction | None
    upper: Fraction | None
    outside: bool | None
    trend: bool | None
    two_of_three: bool | None
    shift: bool | None
    cause: str | None

    @property
    def size(self) -> float:
        """Size of the figures, for comparing some that may be 0."""
        return float(abs(self.centre) + (self.upper - self.centre if self.upper is not None else 0))


def chart(ends: Sequence[date], values: Sequence[float], rebases: Sequence[date] = ()) -> list[Charted]:
    """Chart a series that is in order of time.

    Args:
        ends: Last day of each observed period.
        values: One for each.
        rebases: Days from which the process counts as new.
    """
    exact = [Fraction(str(value)) for value in values]
    cuts = [0]
    for day in sorted(rebases):
        first = next((number for number, end in enumerate(ends) if end >= day), len(ends))
        if first not in cuts and first < len(ends):
            cuts.append(first)
    charted: list[Charted] = []
    for number, (start, stop) in enumerate(zip(cuts, [*cuts[1:], len(exact)], strict=True), start=1):
        charted += _segment(number, exact[start:stop])
    return charted


def _segment(number: int, values: list[Fraction]) -> list[Charted]:
    size = len(values)
    if not size:
        return []
    mean = sum(values, Fraction(0)) / size
    if size < MINIMUM:
        return [Charted(number, mean, None, None, None, None, None, None, None)] * size
    ranges = [abs(values[i + 1] - values[i]) for i in range(size - 1)]
    average = sum(ranges, Fraction(0)) / len(ranges)
    kept = [moved for moved in ranges if average == 0 or moved < Fraction("3.267") * average]
    reach = Fraction("2.66") * sum(kept, Fraction(0)) / len(kept)

    outside, near = set(), set()
    for i in range(size):
        distance = abs(values[i] - mean)
        if distance > reach:
            outside.add(i)
        elif distance > reach * 2 / 3:
            near.add(i)
    trend, shift, two = set(), set(), set()
    for i in range(size - 6):
        seven = values[i : i + 7]
        pairs = [(seven[j], seven[j + 1]) for j in range(6)]
        if all(a < b for a, b in pairs) or all(a > b for a, b in pairs):
            trend.update(range(i, i + 7))
        if all(value > mean for value in seven) or all(value < mean for value in seven):
            shift.update(range(i, i + 7))
    for i in range(size - 2):
        three = values[i : i + 3]
        together = all(value > mean for value in three) or all(value < mean for value in three)
        close = near & {i, i + 1, i + 2}
        if together and len(close) >= 2:
            two |= close

    found = []
    for i in range(size):
        cause = None
        for name, members in (("shift", shift), ("two_of_three", two), ("trend", trend), ("outside_limits", outside)):
            if i in members:
                cause = name  # the last one that applies takes precedence
        found.append(
            Charted(number, mean, mean - reach, mean + reach, i in outside, i in trend, i in two, i in shift, cause)
        )
    return found
