"""DAT-09: a release or milestone is done on the same day in the company files and in the feed that tells of it.

The day in the files counts. The other one is no secret: whoever moved either day says so by mending it. Judged are the
key results of cycles that are not closed.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

STATED_TWICE = """
with stated_twice as (
    select events.*
    from marts.fct_key_result_event as events
    inner join marts.dim_cycle as cycles on cycles.cycle_id = events.cycle_id
    cross join audit.run as run
    where events.stated_by = 'file_and_feed' and coalesce(cycles.closes_on, cycles.ends_on) >= run.as_of
)
"""

JUDGED = STATED_TWICE + "select count(*) from stated_twice"

VIOLATIONS = (
    STATED_TWICE
    + """
select
    'key_result' as subject_type,
    key_result_id as subject_id,
    event_type || ' ' || event_id || ' on ' || event_on || ' in the company files, on ' || delivered_on
    || ' in the feed ' || source_feed as detail,
    source_file,
    source_row,
    load_id
from stated_twice
where is_disputed
"""
)

RULE = Rule(
    id="DAT-09",
    slug="release_days_agree",
    title="A release is on the same day in the company files and in the feed that tells of it",
    why="Whether a KPI moved after a release hangs on its day: a day that was moved by hand looks in the wrong weeks.",
    subject_type="key_result",
    severity="warn",
    owner_role="champion",
    remedy="Correct `completed_on` of the milestone, or the entry of the release log.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
