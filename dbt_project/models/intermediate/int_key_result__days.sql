with intervals as (
    select
        intervals.*,
        greatest(intervals.first_day, news.news_from) as from_day
    from {{ ref("int_key_result__intervals") }} as intervals
    inner join {{ ref("int_key_result__news") }} as news
        on intervals.key_result_id = news.key_result_id and intervals.end_day > news.news_from
),

checkpoints as (
    select
        record_key,
        checkpoint_on,
        expected_progress,
        lead(checkpoint_on, 1, cast('9999-12-31' as date)) over (
            partition by record_key order by checkpoint_on
        ) as next_checkpoint_on
    from {{ ref("stg_lake__key_result_checkpoints") }}
),

checkpointed as (
    select distinct record_key from checkpoints
),

expanded as (
    select
        intervals.*,
        days.day
    from intervals
    {{ days_from_until("intervals.from_day", "intervals.end_day") }}
)

select
    expanded.key_result_id,
    expanded.day,
    expanded.key_result_interval_key,
    {{ expected_progress(
        "expanded.direction", "expanded.day", "expanded.starts_on", "expanded.due_on",
        "case when checkpointed.record_key is not null then coalesce(checkpoints.expected_progress, 0) end"
    ) }} as expected_progress,
    coalesce(expanded.day = expanded.latest_day, false) as is_latest
from expanded
left join checkpointed on expanded.record_key = checkpointed.record_key
left join checkpoints
    on
        expanded.record_key = checkpoints.record_key
        and expanded.day >= checkpoints.checkpoint_on
        and expanded.day < checkpoints.next_checkpoint_on
