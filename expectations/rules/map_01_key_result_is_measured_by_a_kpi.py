"""MAP-01: a committed key result has at least one `measures` link, a milestone one at least one other link."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from marts.dim_key_result where is_current and state = 'committed'"

VIOLATIONS = """
with links as (
    select
        key_result_id,
        count(*) filter (where link_type = 'measures') as measuring,
        count(*) filter (where link_type in ('impacts', 'drives', 'guardrail')) as touching
    from marts.bridge_key_result_kpi
    where is_current
    group by key_result_id
)
select
    'key_result' as subject_type,
    key_result.key_result_id as subject_id,
    case
        when key_result.type = 'milestone' then 'no KPI is linked that its work drives, impacts or guards'
        else 'no KPI measures it'
    end as detail,
    key_result.source_file,
    key_result.source_row,
    key_result.load_id
from marts.dim_key_result as key_result
left join links on links.key_result_id = key_result.key_result_id
where key_result.is_current and key_result.state = 'committed'
    and case
        when key_result.type = 'milestone' then coalesce(links.touching, 0)
        else coalesce(links.measuring, 0)
    end = 0
"""

RULE = Rule(
    id="MAP-01",
    slug="key_result_is_measured_by_a_kpi",
    title=(
        "A committed key result has at least one `measures` link "
        "(a milestone one at least one `impacts`, `drives` or `guardrail`)"
    ),
    why="A key result that no KPI proves is an opinion, and its cost to others stays invisible.",
    subject_type="key_result",
    severity="withhold",
    owner_role="champion",
    remedy="Add to the key result's `links` the KPI that measures it; for a milestone, the KPIs that the work touches.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED)},
)
