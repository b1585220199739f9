-- Whichever feed and file it came with, the newest vintage of an event counts, as that of an observation does.
with ranked as (
    select
        events.*,
        row_number() over (
            partition by events.key_result_id, events.event_id
            order by
                events.vintage_at desc,
                events.loaded_at desc,
                events.load_id desc,
                coalesce(events.source_row, 0) desc
        ) as newness
    from {{ ref("stg_lake__key_result_events") }} as events
)

select
    key_result_id,
    event_id,
    event_type,
    milestone_id,
    title as event_title,
    reference as event_reference,
    occurred_on as event_on,
    source_feed,
    load_id,
    source_file,
    source_row
from ranked
where newness = 1 and not is_deleted
