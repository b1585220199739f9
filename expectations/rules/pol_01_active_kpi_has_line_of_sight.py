"""POL-01: every active KPI has line of sight to a key result or a constraint."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from marts.dim_kpi where is_current and lifecycle = 'active'"

VIOLATIONS = """
select
    'kpi' as subject_type,
    kpi.kpi_id as subject_id,
    case
        when sight.lost_on is not null then 'no path to a key result or a constraint since ' || sight.lost_on
        else 'no path ever led to a key result or a constraint'
    end as detail,
    kpi.source_file,
    kpi.source_row,
    kpi.load_id
from marts.dim_kpi as kpi
left join marts.fct_kpi_line_of_sight as sight on sight.kpi_id = kpi.kpi_id
where kpi.is_current and kpi.lifecycle = 'active' and sight.has_line_of_sight is not true
"""

RULE = Rule(
    id="POL-01",
    slug="active_kpi_has_line_of_sight",
    title="Every active KPI has line of sight to a key result or a constraint",
    why="Numbers that serve no goal crowd out those that do.",
    subject_type="kpi",
    severity="warn",
    owner_role="accountable_owner",
    remedy="Link the KPI to what it serves, or move it to lifecycle `shadow`.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED)},
)
