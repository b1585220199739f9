-- A milestone is done on one day, whoever says so. The day in the company files counts: people review them, and every
-- version is kept. A feed's day fills it where the files say none, and stays in sight beside it where they do.
with milestones as (
    select
        milestones.*,
        coalesce(milestones.kind, 'milestone') as milestone_kind
    from {{ ref("stg_lake__key_result_milestones") }} as milestones
),

events as (
    select events.*
    from {{ ref("int_key_result_event__current") }} as events
    inner join {{ ref("int_run__context") }} as run on events.event_on <= run.as_of
),

-- What went live again later is an event of its own: the first one completes the milestone, but for one on the very day
-- that the files state.
named as (
    select
        milestones.record_key,
        milestones.position,
        events.event_id,
        row_number() over (
            partition by milestones.record_key, milestones.position
            order by
                case when events.event_on = milestones.completed_on then 0 else 1 end,
                events.event_on,
                events.event_id
        ) as place
    from milestones
    inner join events
        on milestones.key_result_id = events.key_result_id and milestones.milestone_id = events.milestone_id
),

-- An event that names no milestone is the one of its kind that was completed on its day; of several in a row each.
open_milestones as (
    select
        milestones.record_key,
        milestones.position,
        milestones.key_result_id,
        milestones.milestone_kind,
        milestones.completed_on,
        row_number() over (
            partition by milestones.record_key, milestones.milestone_kind, milestones.completed_on
            order by milestones.position
        ) as place
    from milestones
    left join named
        on milestones.record_key = named.record_key and milestones.position = named.position and named.place = 1
    where milestones.completed_on is not null and named.event_id is null
),

unnamed_events as (
    select
        key_result_id,
        event_id,
        event_type,
        event_on,
        row_number() over (partition by key_result_id, event_type, event_on order by event_id) as place
    from events
    where milestone_id is null
),

matched as (
    select
        record_key,
        position,
        event_id
    from named
    where place = 1
    union all
    select
        open_milestones.record_key,
        open_milestones.position,
        unnamed_events.event_id
    from open_milestones
    inner join unnamed_events
        on
            open_milestones.key_result_id = unnamed_events.key_result_id
            and open_milestones.milestone_kind = unnamed_events.event_type
            and open_milestones.completed_on = unnamed_events.event_on
            and open_milestones.place = unnamed_events.place
)

select
    milestones.record_key,
    milestones.position,
    milestones.key_result_id,
    milestones.milestone_id,
    milestones.milestone_kind,
    milestones.title,
    milestones.weight,
    events.event_id as delivered_event_id,
    events.event_reference,
    events.source_feed,
    milestones.completed_on as stated_on,
    events.event_on as delivered_on,
    coalesce(milestones.completed_on, events.event_on) as completed_on,
    case when milestones.completed_on is not null then milestones.load_id else events.load_id end as load_id,
    case when milestones.completed_on is not null then milestones.source_file else events.source_file end
        as source_file,
    case when milestones.completed_on is not null then milestones.source_row else events.source_row end as source_row
from milestones
left join matched
    on milestones.record_key = matched.record_key and milestones.position = matched.position
left join events
    on milestones.key_result_id = events.key_result_id and matched.event_id = events.event_id
