"""DAT-07: nothing is restated after the cycle closed without a change request.

Judged are restatements and deletions, by period, of KPIs that measured a committed key result of the closed cycle. A
change request covers them when it is about that KPI and its `value`, approved, and dated: from the close on.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

RESTATED = """
with measured as (
    select distinct link.kpi_id, dim_cycle.cycle_id, coalesce(dim_cycle.closes_on, dim_cycle.ends_on) as closed_on
    from marts.dim_key_result as key_result
    inner join marts.bridge_key_result_kpi as link
        on link.key_result_id = key_result.key_result_id and link.is_current and link.link_type = 'measures'
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = key_result.cycle_id
    where key_result.is_current and key_result.state = 'committed'
),
restated as (
    select restatement.*, measured.cycle_id
    from marts.fct_restatement as restatement
    inner join measured
        on measured.kpi_id = restatement.kpi_id and measured.closed_on = restatement.cycle_closes_on
    where restatement.is_after_close and restatement.kind in ('restated', 'deleted')
)
"""

JUDGED = RESTATED + "select count(*) from restated"

VIOLATIONS = (
    RESTATED
    + """,
requests as (
    select subject_id, min(approved_on) as approved_on
    from (
        select *, row_number() over (partition by change_request_id order by loaded_at desc, load_id desc) as newest
        from lake.definitions_change_requests
    ) as versions
    cross join audit.run as run
    where newest = 1
        and not coalesce(is_deleted, false)
        and subject_type = 'kpi'
        and field = 'value'
        and approved_by_id is not null
        and approved_on <= run.as_of
    group by subject_id
)
select
    'kpi' as subject_type,
    restated.kpi_id as subject_id,
    'the period of ' || restated.period_start_on || ' was ' || restated.kind || ' ' || restated.days_after_close
    || ' days after ' || restated.cycle_id || ' closed: ' || coalesce(cast(restated.value_before as varchar), 'none')
    || ' became ' || coalesce(cast(restated.value_after as varchar), 'none') as detail,
    restated.source_file,
    restated.source_row,
    restated.load_id
from restated
left join requests
    on requests.subject_id = restated.kpi_id and requests.approved_on > restated.cycle_closes_on
where requests.subject_id is null
"""
)

RULE = Rule(
    id="DAT-07",
    slug="nothing_is_restated_after_the_close",
    title="Nothing is restated after the cycle closed without a change request",
    why="A score that was agreed changes afterwards, and nobody decided that.",
    subject_type="kpi",
    severity="warn",
    owner_role="data_steward",
    remedy="File a change request for the KPI's `value` with its reason and approval, or have the source withdraw it.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
