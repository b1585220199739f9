"""RPT-02: counts by status reconcile to the number of key results."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from reports.rpt_okr_scorecard"

# The expected set is derived from the definitions, not from the facts that the report itself is made of.
VIOLATIONS = """
with expected as (
    select key_result.key_result_id, key_result.source_file, key_result.source_row, key_result.load_id
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
