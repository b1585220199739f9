"""DAT-04: at least 95 % of the periods due so far are present.

Judged are the KPIs in use, as DAT-03 takes them. Due is every period that starts with or after their first key result,
ends with or before the day on which the last one is due, and whose end plus the agreed offset (whole days) is not after
as_of; of a KPI of working days, the working days only.
"""

from __future__ import annotations

from expectations.kpis_in_use import COUNT_KPIS_IN_USE, KPIS_IN_USE
from expectations.rule import Check, Rule

LEAST_SHARE = 0.95
"""Below it a mean or a share of periods says more about what was sent than about what happened."""

VIOLATIONS = (
    KPIS_IN_USE
    + f""",
in_use as (
    select
        used.kpi_id,
        used.starts_on,
        used.due_on,
        kpi.grain,
        kpi.calendar,
        kpi.feed_id,
        kpi.source_file,
        kpi.source_row,
        kpi.load_id,
        cast(run.as_of - to_days(cast(ceil(coalesce(kpi.agreed_offset_days, 0)) as integer)) as date) as owed_until
    from used
    inner join marts.dim_kpi as kpi on kpi.kpi_id = used.kpi_id and kpi.is_current
    cross join audit.run as run
),
days as (
    select
        in_use.kpi_id,
        in_use.starts_on,
        least(in_use.due_on, in_use.owed_until) as last_on,
        case in_use.grain
            when 'week' then calendar.week_starts_on
            when 'month' then calendar.month_starts_on
            when 'quarter' then calendar.quarter_starts_on
            else calendar.date_on
        end as period_start_on,
        cast(case in_use.grain
            when 'week' then calendar.week_starts_on + interval 6 day
            when 'month' then last_day(calendar.date_on)
            when 'quarter' then last_day(calendar.quarter_starts_on + interval 2 month)
            else calendar.date_on
        end as date) as period_end_on
    from in_use
    inner join marts.dim_date as calendar
        on calendar.date_on >= in_use.starts_on
        and calendar.date_on <= least(in_use.due_on, in_use.owed_until)
        and (coalesce(in_use.calendar, 'every_day') <> 'working_days' or calendar.is_working_day)
),
due as (
    select distinct kpi_id, period_start_on
    from days
    where period_start_on >= starts_on and period_end_on <= last_on
),
counted as (
    select
        due.kpi_id,
        count(*) as due_count,
        count(observation.kpi_id) as present_count,
        min(case when observation.kpi_id is null then due.period_start_on end) as first_missing_on
    from due
    left join marts.fct_kpi_observation as observation
        on observation.kpi_id = due.kpi_id
        and observation.period_start_on = due.period_start_on
        and observation.is_current
        and observation.value is not null
    group by due.kpi_id
)
select
    'kpi' as subject_type,
    counted.kpi_id as subject_id,
    counted.present_count || ' of ' || counted.due_count || ' periods due are present, expected '
    || '{LEAST_SHARE:.0%}; the first missing one starts on ' || counted.first_missing_on
    || coalesce(' (feed ' || in_use.feed_id || ')', '') as detail,
    in_use.source_file,
    in_use.source_row,
    in_use.load_id
from counted
inner join in_use on in_use.kpi_id = counted.kpi_id
where counted.present_count < {LEAST_SHARE} * counted.due_count
"""
)

RULE = Rule(
    id="DAT-04",
    slug="due_periods_are_present",
    title="At least 95 % of the periods due so far are present",
    why="A KPI that is only sent on good days looks good.",
    subject_type="kpi",
    severity="withhold",
    owner_role="data_steward",
    remedy="Ask the feed's owner for the missing periods and load them; when weekends owe nothing, say `calendar: "
    "working_days`.",
    checks={"marts": Check(violations=VIOLATIONS, judged=COUNT_KPIS_IN_USE, may_judge_nothing=True)},
)
