"""POL-02: every active KPI has a decision rule."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from marts.dim_kpi where is_current and lifecycle = 'active'"

VIOLATIONS = """
select
    'kpi' as subject_type,
    kpi_id as subject_id,
    case
        when nullif(trim(decision_threshold), '') is null and nullif(trim(decision), '') is null
            then 'it has no decision rule'
        when nullif(trim(decision), '') is null then 'its decision rule says when, and not what is decided'
        else 'its decision rule says what is decided, and not when'
    end as detail,
    source_file,
    source_row,
    load_id
from marts.dim_kpi
where is_current and lifecycle = 'active'
    and (nullif(trim(decision_threshold), '') is null or nullif(trim(decision), '') is null)
"""

RULE = Rule(
    id="POL-02",
    slug="active_kpi_has_a_decision_rule",
    title="Every active KPI has a decision rule",
    why="A number on which nobody would decide anything is decoration.",
    subject_type="kpi",
    severity="warn",
    owner_role="accountable_owner",
    remedy="State in `decision_rule` at which threshold what is decided in which forum.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED)},
)
