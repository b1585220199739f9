"""RPT-02: counts by status reconcile to the number of key results, in all and per objective."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = """
select (select count(*) from reports.rpt_okr_scorecard) + (select count(*) from reports.rpt_objective_scorecard)
"""

# The expected set is derived from the definitions, not from the facts that the report itself is made of.
VIOLATIONS = """
with expected as (
    select
        key_result.key_result_id,
        key_result.objective_id,
        key_result.source_file,
        key_result.source_row,
        key_result.load_id
    from marts.dim_key_result as key_result
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = key_result.cycle_id
    inner join audit.run as run on dim_cycle.starts_on <= run.as_of and key_result.starts_on <= run.as_of
    where key_result.is_current and key_result.state = 'committed'
),
reported as (
    select
        key_result_id,
        count(*) as lines,
        count(*) filter (
            where status in ('achieved', 'on_track', 'at_risk', 'off_track', 'not_assessable', 'withheld')
        ) as lines_with_status
    from reports.rpt_okr_scorecard
    group by key_result_id
),
objectives as (
    select
        objective.objective_id,
        objective.source_file,
        objective.source_row,
        objective.load_id,
        (select count(*) from expected where expected.objective_id = objective.objective_id) as expected_count,
        line.objective_id is not null as is_reported,
        line.key_result_count,
        line.achieved_count + line.on_track_count + line.at_risk_count + line.off_track_count
        + line.not_assessable_count + line.withheld_count as counted
    from marts.dim_objective as objective
    left join reports.rpt_objective_scorecard as line on line.objective_id = objective.objective_id
    where objective.is_current and objective.state = 'committed'
)
select
    'key_result' as subject_type,
    coalesce(expected.key_result_id, reported.key_result_id, '(no id)') as subject_id,
    case
        when reported.lines is null then 'it is committed and has started, and the scorecard lacks it'
        when expected.key_result_id is null then 'the scorecard counts it, though it is not committed or not started'
        when reported.lines <> 1 then 'the scorecard counts it ' || reported.lines || ' times'
        else 'its status is none of those that are counted'
    end as detail,
    expected.source_file,
    expected.source_row,
    expected.load_id
from expected
full outer join reported on reported.key_result_id = expected.key_result_id
where expected.key_result_id is null
    or reported.lines is distinct from 1
    or reported.lines_with_status is distinct from reported.lines
union all
select
    'objective',
    objective_id,
    case
        when not is_reported then 'it has ' || expected_count || ' key results, and the objective scorecard lacks it'
        when key_result_count is distinct from expected_count
            then 'the objective scorecard counts ' || coalesce(key_result_count::varchar, 'no')
                || ' key results, expected ' || expected_count
        else 'its counts by status add up to ' || coalesce(counted::varchar, 'nothing') || ', expected '
            || key_result_count
    end,
    source_file,
    source_row,
    load_id
from objectives
where (is_reported or expected_count > 0)
    and (key_result_count is distinct from expected_count or counted is distinct from key_result_count)
"""

RULE = Rule(
    id="RPT-02",
    slug="status_counts_reconcile",
    title="Counts by status reconcile to the number of key results",
    why="A key result that falls out of the count turns every share of green into a wrong one.",
    subject_type="key_result",
    severity="block",
    owner_role="objective_owner",
    remedy="Build the reports again; when a key result is still missing, correct the model that loses it.",
    stages=("reports",),
    checks={"reports": Check(violations=VIOLATIONS, judged=JUDGED)},
)
