"""OWN-06: the steward of a shared KPI champions no key result measured by it."""

from __future__ import annotations

from expectations.rule import Check, Rule
from expectations.shared_kpis import SHARED_KPIS

JUDGED = SHARED_KPIS + "select count(distinct kpi_id) from shared"

VIOLATIONS = (
    SHARED_KPIS
    + """
select distinct
    'kpi' as subject_type,
    shared.kpi_id as subject_id,
    'its data steward ' || stewards.person_id || ' champions ' || key_result.key_result_id || ', which it measures'
    as detail,
    kpi.source_file,
    kpi.source_row,
    kpi.load_id
from shared
inner join stewards on stewards.kpi_id = shared.kpi_id
inner join marts.bridge_key_result_kpi as link
    on link.kpi_id = shared.kpi_id and link.is_current and link.link_type = 'measures'
inner join marts.dim_key_result as key_result
    on key_result.key_result_id = link.key_result_id and key_result.is_current and key_result.state = 'committed'
    and key_result.cycle_id = shared.cycle_id and key_result.champion_id = stewards.person_id
inner join marts.dim_kpi as kpi on kpi.kpi_id = shared.kpi_id and kpi.is_current
"""
)

RULE = Rule(
    id="OWN-06",
    slug="shared_kpi_steward_champions_no_key_result_on_it",
    title="The steward of a shared KPI champions no key result measured by it",
    why="Whoever is judged by a number must not also be the one who vouches for it.",
    subject_type="kpi",
    severity="warn",
    owner_role="unit_head",
    remedy="Give the stewardship or the key result to another person.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
