"""DAT-08: the share of manual or spreadsheet observations stays under its limit.

Judged are KPIs with observations in a cycle that is not closed. The limit is the KPI's `max_manual_share`, else the
company's, else a fifth; exactly the limit is borne.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

OPEN = """
from marts.fct_kpi_provenance as provenance
inner join marts.dim_cycle as dim_cycle
    on dim_cycle.cycle_id = provenance.cycle_id and dim_cycle.state in ('active', 'closing')
left join marts.dim_kpi as kpi on kpi.kpi_id = provenance.kpi_id and kpi.is_current
"""

JUDGED = "select count(*)" + OPEN

VIOLATIONS = (
    """
select
    'kpi' as subject_type,
    provenance.kpi_id as subject_id,
    'of ' || provenance.observation_count || ' observations in ' || provenance.cycle_id || ' '
    || coalesce(round(100 * provenance.manual_share, 1) || ' %', '(nobody knows how many)') || ' are made by hand, '
    || coalesce(round(100 * provenance.manual_share_limit, 1) || ' %', '(no limit)') || ' are borne' as detail,
    kpi.source_file,
    kpi.source_row,
    kpi.load_id
"""
    + OPEN
    + "where (provenance.manual_share <= provenance.manual_share_limit + 0.000000001) is not true"
)

RULE = Rule(
    id="DAT-08",
    slug="manual_observations_stay_under_their_limit",
    title="The share of manual or spreadsheet observations stays under its limit",
    why="What is typed by hand can be typed to please, and leaves no trail.",
    subject_type="kpi",
    severity="warn",
    owner_role="data_steward",
    remedy="Replace the sheet by a feed of the system that holds the number.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
