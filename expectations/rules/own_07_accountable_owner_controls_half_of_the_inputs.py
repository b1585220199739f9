"""OWN-07: the accountable owner controls at least half of the KPI's inputs.

A KPI that declares no inputs is not judged: what nobody has written down cannot be counted.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

CONTROLLED = """
from marts.dim_ownership as ownership
inner join marts.dim_kpi as kpi
    on kpi.kpi_id = ownership.subject_id and kpi.is_current and kpi.lifecycle = 'active'
where ownership.subject_type = 'kpi' and ownership.role = 'accountable_owner' and ownership.is_current
    and ownership.controlled_input_share is not null
"""

JUDGED = "select count(*)" + CONTROLLED

VIOLATIONS = (
    """
select
    'kpi' as subject_type,
    kpi.kpi_id as subject_id,
    ownership.person_id || ' controls ' || cast(round(100 * ownership.controlled_input_share) as integer)
    || ' % of its inputs, expected at least 50 %; held elsewhere: ' || ownership.levers_elsewhere as detail,
    kpi.source_file,
    kpi.source_row,
    kpi.load_id
"""
    + CONTROLLED
    + "    and round(ownership.controlled_input_share, 9) < 0.5"
)

RULE = Rule(
    id="OWN-07",
    slug="accountable_owner_controls_half_of_the_inputs",
    title="The accountable owner controls at least half of the KPI's inputs",
    why="Accountability without control teaches people to explain numbers, not to move them.",
    subject_type="kpi",
    severity="warn",
    owner_role="accountable_owner",
    remedy="Move the KPI to the unit that holds its levers, or record in `inputs` what the owner controls.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
