"""One page per silo conflict: whose work moved whose number, how sure that is, what it costs, and who is asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from orchestration.publication.pages.cells import words
from orchestration.publication.pages.chart import Release, histogram, reached, release_chart
from orchestration.publication.pages.escalations import escalations_table
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Fact, Page, Section, fact
from orchestration.publication.pages.subject import subject_page
from orchestration.publication.review import Review
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import days, figure, moment
from orchestration.wording import counted

_PERIODS_SHOWN = 15
_BARS_SHOWN = 8


def conflict_pages(review: Review, links: Links) -> Iterator[Page]:
    """Return the pages, one after the other."""
    signals = review.signals
    for row in review.conflicts:
        key = row["silo_conflict_key"]
        if key not in signals.pages:
            continue
        sections = [_parties(row, links)]
        if not row["is_withheld"]:
            points, bars = signals.points.get(key, []), signals.placebos.get(key, [])
            sections += [*_chart(row, points), _evidence(row, bars), _bill(row)]
        sections += [_disproof(row), _asked(row, review, links)]
        yield subject_page(
            "conflict",
            key,
            called="Silo conflict",
            title=f"{row['key_result_org_unit_name']} against {row['kpi_org_unit_name']}: {row['kpi_name']}",
            parent="signals.html",
            badges=[
                "open_conflict" if row["is_open"] else "ended_conflict", *(["withheld"] if row["is_withheld"] else []),
            ],
            lead=_lead(row),
            facts=_facts(row),
            sections=sections,
        )  # fmt: skip


def money(amount: float | None, currency: str | None) -> str:
    """Write an amount without cents; what is below one unit keeps its digits."""
    if amount is None:
        return ""
    written = f"{amount:,.0f}" if abs(amount) >= 1 or not amount else figure(amount)
    return f"{written} {currency}" if currency else written


def difference(row: Row) -> str:
    """Write the effect with its direction; of shares in points, which nobody takes for a percentage of the share."""
    effect, unit = row["effect"], row["unit"]
    if effect is None:
        return ""
    return f"{_amount(abs(effect), unit)} {'more' if effect >= 0 else 'less'}"


def cost_note(row: Row) -> str:
    """Say why there is no amount."""
    if row["is_withheld"]:
        return "withheld"
    return {"uncosted": "nobody declared a cost", "volume_unknown": "its volume is unknown"}.get(
        row["cost_basis"] or "", ""
    )


def _amount(value: float | None, unit: str | None) -> str:
    """Write a difference; of a share in percentage points."""
    if value is None:
        return ""
    return f"{figure(value * 100)} points" if unit in {"share", "ratio"} else figure(value, unit)


def _lead(row: Row) -> list[str]:
    whose = (
        f"{row['key_result_org_unit_name']} released “{row['event_title']}” on {moment(row['event_on'])}, and "
        f"{row['kpi_name']} of {row['kpi_org_unit_name']}"
    )
    if row["is_withheld"]:
        return [f"{whose} got worse.", f"Its figures are withheld. {row['withheld_reason']}"]
    margin = f" (± {_amount(row['effect_margin'], row['unit'])})" if row["effect_margin"] is not None else ""
    verb = "is" if row["is_open"] else "was"
    moved = (
        f"{whose} {verb} at {figure(row['level_after'], row['unit'])} instead of "
        f"{figure(row['baseline_level'], row['unit'])}: {difference(row)}{margin}, which is worse."
    )
    lead = [f"{moved} {_cost_sentence(row)}"]
    if row["attribution"] == "shared":
        lead.append(
            f"Other key results had a release in the same time ({row['shared_with']}). Nobody can tell them apart; "
            "each of them shows the whole bill, which is due once."
        )
    if not row["is_open"]:
        stated = f": {row['resolution']}" if row["resolution"] else ""
        lead.append(f"It ended on {moment(row['resolved_on'])}{stated}.")
    return lead


def _cost_sentence(row: Row) -> str:
    to_date, currency = row["cost_to_date_amount"], row["currency"]
    if to_date is None:
        return f"What that costs is not known: {cost_note(row)}."
    if not row["is_open"]:
        return f"That cost {money(to_date, currency)}."
    if not row["remaining_cost_amount"]:
        return f"That cost {money(to_date, currency)} so far; nothing more is expected in this cycle."
    return (
        f"That cost {money(to_date, currency)} so far, and comes to {money(row['projected_cost_amount'], currency)} by "
        "the end of the cycle if nothing is done."
    )


def _facts(row: Row) -> list[Fact]:
    facts = [
        Fact("Released", moment(row["event_on"])),
        Fact("Detected", moment(row["detected_on"]), f"{days(row['delay_days'])} later" if row["delay_days"] else ""),
        Fact("Conflict since", moment(row["opened_on"]), "when the key result was green as well"),
        Fact("Ended", moment(row["resolved_on"])),
    ]
    if row["is_withheld"]:
        return facts
    projected = row["projected_cost_amount"] if row["is_open"] else None
    return [
        Fact("Effect", difference(row), f"from {moment(row['effect_from_on'])} to {moment(row['effect_until_on'])}"),
        Fact("Cost to date", money(row["cost_to_date_amount"], row["currency"]) or "not known", cost_note(row)),
        Fact("Projected", money(projected, row["currency"]), "to the end of the cycle, if nothing is done"),
        *facts,
    ]


def _parties(row: Row, links: Links) -> Section:
    status = "" if row["is_withheld"] else f"computed status: {words(row['key_result_status'])}"
    work = links.cell("key_result", row["key_result_id"], row["key_result_title"], status)
    number = links.cell("kpi", row["kpi_id"], row["kpi_name"], f"linked as {words(row['link_type'])}")
    return Section(
        "parties",
        "Whose work, whose number",
        facts=[
            fact("Key result that released", work),
            fact(
                "Unit of the key result",
                links.cell("unit", row["key_result_org_unit_id"], row["key_result_org_unit_name"],
                           row["objective_title"] or ""),
            ),
            fact("Champion", links.cell("person", row["champion_id"], row["champion_name"])),
            fact("KPI that got worse", number),
            fact("Unit of the KPI", links.cell("unit", row["kpi_org_unit_id"], row["kpi_org_unit_name"])),
            fact("Owner of the KPI", links.cell("person", row["kpi_owner_id"], row["kpi_owner_name"])),
        ],
    )  # fmt: skip


def _chart(row: Row, points: Sequence[Row]) -> list[Section]:
    if not points:
        return [Section("chart", "The KPI around the release", ["Its values are not published, so there is no chart."])]
    release = Release(
        row["event_on"], row["baseline_level"], row["level_after"], row["effect_from_on"], row["effect_until_on"]
    )
    after = [point for point in reversed(points) if point["is_after"]]
    table = Table(
        "periods-since",
        "Periods since the release, newest first",
        [
            Column("Period", lambda point: Cell(moment(point["period_start_on"]))),
            Column("Value", lambda point: Cell(figure(point["value"], point["unit"]) or "missing"), is_number=True),
            Column("Against the level before", lambda point: Cell(_against(point, row)), is_number=True),
        ],
        after,
        download="conflict-periods.csv",
        empty="No period since the release has a value yet.",
        limit=_PERIODS_SHOWN,
        is_part=True,
    )
    habit = (
        ["Level and effect are free of weekdays' habits, so they are not quite the means of the values shown."]
        if row["grain"] == "day"
        else []
    )
    title = "The KPI around the release"
    return [Section("chart", title, habit, chart=release_chart(points, release), table=table)]


def _against(point: Row, row: Row) -> str:
    if point["value"] is None or row["baseline_level"] is None:
        return ""
    moved = point["value"] - row["baseline_level"]
    return f"{_amount(abs(moved), point['unit'])} {'more' if moved >= 0 else 'less'}"


_METHODS = {
    "placebo": "against earlier dates without this release",
    "xmr_mean_of_3": "against process limits",
}


def _evidence(row: Row, bars: Sequence[Row]) -> Section:
    statistic, unit = abs(row["statistic"]), row["unit"]
    facts = [
        Fact("Tested", _METHODS.get(row["method"], words(row["method"]))),
        Fact("Chance of as much without a cause", _p_value(row["p_value"]), _odds(row["p_value"])),
        Fact("History", f"{row['history_count']:,} earlier dates" if bars else f"{row['history_count']:,} periods"),
        Fact("Least that matters", _amount(row["minimum_effect"], unit), "declared with the link"),
        Fact("Effect rests on", counted(row["effect_period_count"], "period")),
    ]
    title = "Could it be chance?"
    if not bars:
        return Section(
            "evidence",
            title,
            [
                "History is too short to compare with earlier dates, so process limits were used. They take "
                "chance for a shift about once in three times on daily series: this is a hint, not a proof."
                if row["method"] == "xmr_mean_of_3"
                else "The comparison with earlier dates is not published."
            ],
            facts=facts,
        )
    total, as_far = sum(bar["placebo_count"] for bar in bars), reached(bars)
    compared = "none" if not as_far else f"at most {as_far:,}"
    table = Table(
        "placebo-bars",
        "Bars of the histogram, the farthest first",
        [
            Column("Moved from", lambda bar: Cell(_signed(bar["from_movement"], unit)), is_number=True),
            Column("To", lambda bar: Cell(_signed(bar["to_movement"], unit)), is_number=True),
            Column("Earlier dates", lambda bar: Cell(f"{bar['placebo_count']:,}"), is_number=True),
            Column("This release", lambda bar: Cell("here" if bar["holds_release"] else "")),
        ],
        list(reversed(bars)),
        download="conflict-placebos.csv",
        limit=_BARS_SHOWN,
        is_part=True,
    )
    return Section(
        "evidence",
        title,
        [
            f"After the release, every period of a run kept at least {_amount(statistic, unit)} worse than before. "
            f"The same was looked for after {total:,} earlier dates on which this release cannot have done anything: "
            f"{compared} moved as far. (The effect above is the mean of all periods since; this is the "
            "least of a run.)",
        ],
        facts=facts,
        chart=histogram(bars, statistic),
        table=table,
    )


def _signed(value: float, unit: str | None) -> str:
    return f"{'-' if value < 0 else ''}{_amount(abs(value), unit)}"


def _p_value(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}" if p_value >= 0.001 else f"p = {p_value:.4f}"


def _odds(p_value: float | None) -> str:
    """Write how seldom chance brings as much, to two digits."""
    if p_value is None or p_value <= 0:
        return ""
    if p_value < 0.0001:
        return "less than once in 10,000 times"
    times = 1 / p_value
    size = 10 ** max(math.floor(math.log10(times)) - 1, 0)
    return f"about once in {round(times / size) * size:,.0f} times"


_BASES = {"effect_x_volume": "effect × volume × declared cost", "effect_x_periods": "effect × periods × declared cost"}


def _bill(row: Row) -> Section:
    title, currency = "The bill", row["currency"]
    if row["cost_to_date_amount"] is None:
        return Section("bill", title, [f"There is none: {cost_note(row) or words(row['cost_basis'])}."])
    volume = row["cost_volume_kpi_name"] or row["cost_volume_kpi_id"]
    counted_as = f"{volume}" if volume else "periods"
    sentence = (
        f"{_exact(abs(row['effect']))} {row['unit']} × {_exact(row['volume_to_date'])} ({counted_as}) × "
        f"{_exact(row['cost_per_unit_amount'])} {currency} = {money(row['cost_to_date_amount'], currency)} to date."
    )
    return Section(
        "bill",
        title,
        [
            sentence,
            "Figures are rounded to four decimals here. What is still to come takes the same effect over the volume "
            "that passes in each period that is left of the cycle.",
        ],
        facts=[
            Fact("Basis", _BASES.get(row["cost_basis"], words(row["cost_basis"]))),
            Fact("To date", money(row["cost_to_date_amount"], currency), f"until {moment(row['effect_until_on'])}"),
            Fact("Still to come", money(row["remaining_cost_amount"], currency) if row["is_open"] else ""),
            Fact("In all", money(row["projected_cost_amount"], currency) if row["is_open"] else ""),
        ],
    )


def _exact(value: float | None) -> str:
    if value is None:
        return "?"
    written = f"{value:,.4f}".rstrip("0").rstrip(".")
    return written if float(written.replace(",", "")) or not value else f"{value:.3g}"


def _disproof(row: Row) -> Section:
    return Section("disproof", "What would disprove it", [row["disproof"]])


def _asked(row: Row, review: Review, links: Links) -> Section:
    ids = {f"silo_conflict:{side}:{row['silo_conflict_key']}" for side in ("champion", "owner")}
    rows = [one for one in review.escalations if one["escalation_id"] in ids]
    facts = [
        Fact("Decision", row["decision"] or "none yet"),
        Fact("Decided by", row["decided_by_name"] or "", moment(row["decided_on"])),
        Fact("Recorded as", row["decision_id"] or "", is_code=True),
    ]
    table = escalations_table(
        rows, links, id="both-sides", caption="One row for each side: who released, and whose KPI it is"
    )
    return Section("asked", "Who is asked, and what was decided", facts=[one for one in facts if one.text], table=table)
