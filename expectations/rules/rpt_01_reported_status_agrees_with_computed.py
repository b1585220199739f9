"""RPT-01: reported and computed status differ by at most one level.

Judged is the check-in in force, the newest of a key result, against the status that the scorecard shows on the same
business date, while the cycle is not closed. What nobody can assess, or may see, is not compared.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

# The levels stand here again, and not in a macro of the models: an audit that reads what it audits finds nothing.
COMPARED = """
with levels (status, level) as (values ('off_track', 0), ('at_risk', 1), ('on_track', 2), ('achieved', 3)),
compared as (
    select
        check_in.*,
        line.status as shown_status,
        reported.level - computed.level as difference
    from reports.rpt_okr_scorecard as line
    inner join marts.fct_status_override as check_in
        on check_in.key_result_id = line.key_result_id and check_in.is_latest
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = line.cycle_id
    inner join levels as computed on computed.status = line.status
    left join levels as reported on reported.status = check_in.reported_status
    where dim_cycle.state in ('active', 'closing')
)
"""

JUDGED = COMPARED + "select count(*) from compared"

VIOLATIONS = (
    COMPARED
    + """
select
    'key_result' as subject_type,
    key_result_id as subject_id,
    'reported as ' || coalesce(reported_status, '(nothing)') || ' on ' || reported_on
    || coalesce(' by ' || reported_by_id, '') || ' (check-in ' || check_in_id || '), computed as ' || shown_status
    as detail,
    source_file,
    source_row,
    load_id
from compared
where abs(difference) > 1 or difference is null
"""
)

RULE = Rule(
    id="RPT-01",
    slug="reported_status_agrees_with_computed",
    title="Reported and computed status differ by at most one level",
    why="A champion's green over a computed red is where surprises come from.",
    subject_type="key_result",
    severity="warn",
    owner_role="champion",
    remedy="Discuss the difference with the reviewer, and correct the check-in or the measure.",
    stages=("reports",),
    checks={"reports": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
