-- Everything but observations, with the days that it is for. A build compares it with what the last one was made from,
-- so that a thing may be listed too often and never too seldom: of what the facts read it takes every column. What
-- hangs on a record of a definition never changes, and the record is one of the columns.
with intervals as (
    select * from {{ ref("int_key_result__intervals") }}
),

links as (
    select * from {{ ref("int_key_result_kpi__intervals") }}
),

-- Those alone may be completed by an event, with no change of the record.
milestones as (
    select
        record_key,
        {{ joined_texts(as_text(fingerprint(["position", "weight", "completed_on"]))) }} as said
    from {{ ref("int_key_result__milestones") }}
    group by record_key
),

calendars as (
    select
        calendar_year,
        min(date_on) as first_day,
        max(date_on) as last_day,
        {{ joined_texts(as_text(fingerprint(
            ["date_on", "is_working_day", "working_day_number", "next_working_day_on"]
        ))) }} as said
    from {{ ref("dim_date") }}
    group by calendar_year
)

select
    intervals.key_result_id,
    'interval' as input,
    intervals.key_result_interval_key as input_id,
    {{ fingerprint(
        columns_of("int_key_result__intervals", "intervals", but=["first_day", "end_day", "latest_day"]),
        also=["milestones.said"]
    ) }} as fingerprint,
    intervals.first_day,
    intervals.end_day
from intervals
left join milestones on intervals.record_key = milestones.record_key
union all
select
    key_result_id,
    'link' as input,
    key_result_kpi_interval_key as input_id,
    {{ fingerprint(
        columns_of("int_key_result_kpi__intervals", "links", but=["first_day", "end_day"])
    ) }} as fingerprint,
    first_day,
    end_day
from links
union all
select
    key_result_id,
    'check_in' as input,
    check_in_id as input_id,
    {{ fingerprint(["reported_status", "reported_by_id", "confidence", "reported_progress"]) }} as fingerprint,
    reported_on as first_day,
    next_reported_on as end_day
from {{ ref("int_check_in__statements") }}
union all
select distinct
    key_result_id,
    'latest_day' as input,
    {{ as_text("latest_day") }} as input_id,
    {{ fingerprint(["latest_day"]) }} as fingerprint,
    latest_day as first_day,
    {{ add_days("latest_day", 1) }} as end_day
from intervals
where latest_day is not null
union all
select
    '(calendar)' as key_result_id,
    'calendar' as input,
    {{ as_text("calendar_year") }} as input_id,
    {{ fingerprint(["said"]) }} as fingerprint,
    first_day,
    {{ add_days("last_day", 1) }} as end_day
from calendars
