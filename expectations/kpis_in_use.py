"""The KPIs that the figures of open cycles rest on.

They are those of committed key results whose cycle has started and is not closed.
"""

from __future__ import annotations

from typing import Final

KPIS_IN_USE: Final = """
with used as (
    select
        link.kpi_id,
        min(key_result.starts_on) as starts_on,
        max(key_result.due_on) as due_on
    from marts.dim_key_result as key_result
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = key_result.cycle_id
    inner join marts.bridge_key_result_kpi as link
        on link.key_result_id = key_result.key_result_id and link.is_current
    inner join audit.run as run
        on key_result.starts_on <= run.as_of
        and dim_cycle.starts_on <= run.as_of
        and (dim_cycle.ends_on >= run.as_of or dim_cycle.closes_on > run.as_of)
    where key_result.is_current and key_result.state = 'committed'
    group by link.kpi_id
)
"""
"""Begins a query: the table `used` (kpi_id, starts_on, due_on), one row per KPI, from its first key result's start to
the day on which its last one is due."""

COUNT_KPIS_IN_USE: Final = (
    KPIS_IN_USE
    + "select count(*) from used inner join marts.dim_kpi as kpi on kpi.kpi_id = used.kpi_id and kpi.is_current"
)
