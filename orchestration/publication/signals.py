"""The evidence of silo conflicts, where units rub, and who is green below a red enterprise.

Read from the reports alone, and only while the gate is open; what is withheld there comes without figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb

from orchestration.publication.subjects import SUBJECT_PAGES, grouped_by
from orchestration.publication.tables import Row, rows_of

DAYS_LISTED = 90
"""Days after its end for which a conflict keeps its page: as long as its escalations stay listed."""
PERIODS_BEFORE = 60
"""Periods on the chart before the release: three times those that it is compared with, so that habit shows."""
PERIODS_AFTER = 130
"""Periods on the chart from the release on: the working days of two quarters, and what a phone can still show."""

_PAGED = f"""
create temp table paged_conflicts as
select silo_conflict_key, kpi_id, event_on, is_withheld
from reports.rpt_silo_conflict
where coalesce(resolved_on, $as_of::date) >= $as_of::date - {DAYS_LISTED}
order by not is_open, projected_cost_amount desc nulls last, silo_conflict_key
limit {SUBJECT_PAGES}
"""
_POINTS = f"""
select
    conflicts.silo_conflict_key, charts.kpi_id, charts.kpi_name, charts.unit, charts.period_start_on,
    charts.period_end_on, charts.value, charts.lower_process_limit, charts.upper_process_limit, charts.segment_number,
    charts.target, charts.lower_limit, charts.upper_limit,
    charts.period_end_on >= conflicts.event_on as is_after
from paged_conflicts as conflicts
inner join reports.rpt_kpi_control_chart as charts on charts.kpi_id = conflicts.kpi_id
where not conflicts.is_withheld and not charts.is_withheld
qualify case
    when charts.period_end_on >= conflicts.event_on
        then row_number() over (
            partition by conflicts.silo_conflict_key, charts.period_end_on >= conflicts.event_on
            order by charts.period_start_on
        ) <= {PERIODS_AFTER}
    else row_number() over (
        partition by conflicts.silo_conflict_key, charts.period_end_on >= conflicts.event_on
        order by charts.period_start_on desc
    ) <= {PERIODS_BEFORE}
end
order by conflicts.silo_conflict_key, charts.period_start_on
"""
_PLACEBOS = """
select bars.*
from reports.rpt_silo_conflict_placebo as bars
inner join paged_conflicts as conflicts using (silo_conflict_key)
where not conflicts.is_withheld
order by bars.silo_conflict_key, bars.bin
"""
# Several key results share a movement: its bill is in each of their rows, and due once.
_BILLS = """
with movements as (
    select
        currency, attribution = 'shared' as is_shared, kpi_id,
        case when attribution = 'shared' then max(cost_to_date_amount) else sum(cost_to_date_amount) end as to_date,
        case
            when attribution = 'shared' then max(projected_cost_amount) else sum(projected_cost_amount)
        end as projected
    from reports.rpt_silo_conflict
    where is_open and not is_withheld and cost_to_date_amount is not null
    group by currency, attribution, kpi_id
)
select
    currency, sum(to_date) as cost_to_date_amount, sum(projected) as projected_cost_amount,
    bool_or(is_shared) as has_shared
from movements
group by currency
order by currency
"""
# The newest cycle that has begun comes first: what rubs in it can still be mended.
_FRICTION = """
select
    friction.*, coalesce(cycles.cycle_name, friction.cycle_id) as cycle_name,
    coalesce(cycles.starts_on <= $as_of::date, false) as has_begun, cycles.starts_on
from reports.rpt_silo_friction as friction
left join marts.dim_cycle as cycles on cycles.cycle_id = friction.cycle_id
order by
    not coalesce(cycles.starts_on <= $as_of::date, false), cycles.starts_on desc nulls last, friction.cycle_id,
    friction.friction_count desc, friction.projected_cost_amount desc nulls last, friction.conflict_count desc,
    friction.link_count desc, friction.org_unit_name, friction.other_org_unit_name, friction.silo_friction_key
"""
_WATERMELONS = """
select * from reports.rpt_watermelon
order by
    as_of desc, is_watermelon desc nulls last, watermelon_day_count desc nulls last, org_unit_name, org_unit_cycle_key
"""


@dataclass(frozen=True)
class Signals:
    """What the pages of the signals tell besides the conflicts; all of it empty while the gate is closed.

    Attributes:
        pages: Keys of the conflicts that get a page: open, or ended of late.
        points: The KPI around the release, oldest first, by conflict; none when it is withheld.
        placebos: Bars of the histogram, by conflict; none when it is withheld or was not tested that way.
        bills: What open conflicts cost, a row for each currency; `has_shared` when it is at least that.
        friction: Pairs of units, of the newest cycle that has begun first, what rubs most first.
        watermelons: Units by cycle, those that are green below a red enterprise first.
    """

    pages: frozenset[str] = frozenset()
    points: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    placebos: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    bills: Sequence[Row] = ()
    friction: Sequence[Row] = ()
    watermelons: Sequence[Row] = ()


def read_signals(connection: duckdb.DuckDBPyConnection, *, as_of: date) -> Signals:
    """Read the signals of reports that the gate let through.

    Args:
        connection: Sees `marts` and `reports`.
        as_of: Business date.
    """
    asked = {"as_of": as_of}
    connection.execute(_PAGED, asked)
    pages = frozenset(key for (key,) in connection.execute("select silo_conflict_key from paged_conflicts").fetchall())
    return Signals(
        pages=pages,
        # Two years of the KPIs are looked through only for a conflict.
        points=grouped_by(rows_of(connection, _POINTS), "silo_conflict_key") if pages else {},
        placebos=grouped_by(rows_of(connection, _PLACEBOS), "silo_conflict_key") if pages else {},
        bills=rows_of(connection, _BILLS),
        friction=rows_of(connection, _FRICTION, asked),
        watermelons=rows_of(connection, _WATERMELONS),
    )
