"""DAT-03: fresh within the agreed offset.

Judged are the KPIs of committed key results whose cycle is open: it has started and is not closed. A period is owed
once its end plus the agreed offset (whole days) is not after as_of, and only up to the day on which the last of those
key results is due: what comes later proves nothing about them. After the close nothing is owed; the figures of a key
result that never got its data say so themselves. Counted from the newest period that arrived, the one after it must
not be owed yet; a KPI that never sent anything owes the period in which its first key result starts. A KPI of working
days owes nothing on others.
"""

from __future__ import annotations

from expectations.kpis_in_use import COUNT_KPIS_IN_USE, KPIS_IN_USE
from expectations.rule import Check, Rule

VIOLATIONS = (
    KPIS_IN_USE
    + """,
newest as (
    select observation.kpi_id, max(observation.period_end_on) as newest_on
    from marts.fct_kpi_observation as observation
    inner join audit.run as run on observation.period_end_on <= run.as_of
    where observation.is_current and observation.value is not null
    group by observation.kpi_id
),
next_periods as (
    select
        used.kpi_id,
        used.due_on,
        newest.newest_on,
        kpi.feed_id,
        kpi.source_file,
        kpi.source_row,
        kpi.load_id,
        cast(ceil(coalesce(kpi.agreed_offset_days, 0)) as integer) as agreed_offset_days,
        cast(case kpi.grain
            when 'week' then coalesce(newest.newest_on + interval 7 day, used.starts_on + interval 6 day)
            when 'month' then last_day(coalesce(newest.newest_on + interval 1 day, used.starts_on))
            when 'quarter' then last_day(coalesce(newest.newest_on + interval 1 day, used.starts_on) + interval 2 month)
            else case
                when kpi.calendar = 'working_days' then coalesce(calendar.next_working_day_on, newest.newest_on + 1)
                else coalesce(newest.newest_on + interval 1 day, used.starts_on)
            end
        end as date) as next_on
    from used
    inner join marts.dim_kpi as kpi on kpi.kpi_id = used.kpi_id and kpi.is_current
    left join newest on newest.kpi_id = used.kpi_id
    -- Without a value yet, the first working day is looked for from the day before the start.
    left join marts.dim_date as calendar
        on kpi.calendar = 'working_days'
        and calendar.date_on = coalesce(newest.newest_on, cast(used.starts_on - interval 1 day as date))
)
select
    'kpi' as subject_type,
    next_periods.kpi_id as subject_id,
    case
        when newest_on is null then 'no value ever arrived'
        else 'the newest period ended on ' || newest_on
    end || '; the one that ended on ' || next_on || ' was due on '
    || cast(next_on + agreed_offset_days as date) || coalesce(' (feed ' || feed_id || ')', '') as detail,
    source_file,
    source_row,
    load_id
from next_periods
inner join audit.run as run on next_periods.next_on + next_periods.agreed_offset_days <= run.as_of
where next_periods.next_on <= next_periods.due_on
"""
)

RULE = Rule(
    id="DAT-03",
    slug="kpi_is_fresh",
    title="Every KPI in use is fresh within the agreed offset",
    why="Last week's number under today's date is the most convincing kind of wrong.",
    subject_type="kpi",
    severity="withhold",
    owner_role="accountable_owner",
    remedy="Ask the feed's owner for the missing file; when the offset is unrealistic, agree on another one.",
    checks={"marts": Check(violations=VIOLATIONS, judged=COUNT_KPIS_IN_USE, may_judge_nothing=True)},
)
