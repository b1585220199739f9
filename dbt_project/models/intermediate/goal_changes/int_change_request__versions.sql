{{ version_intervals(ref("stg_lake__change_requests"), "change_request_id") }},

-- When the register first held this approval: one that is dated back comes too late all the same.
filed as (
    select
        change_request_id,
        approved_by_id,
        approved_on,
        min(loaded_at) as filed_at
    from {{ ref("stg_lake__change_requests") }}
    where approved_on is not null and approved_by_id is not null
    group by change_request_id, approved_by_id, approved_on
)

select
    intervals.record_key,
    intervals.change_request_id,
    intervals.subject_type,
    intervals.subject_id,
    intervals.field,
    intervals.reason_code,
    intervals.reason,
    intervals.approved_by_id,
    intervals.approved_on,
    filed.filed_at,
    intervals.valid_from,
    intervals.valid_to,
    intervals.load_id,
    intervals.source_file,
    intervals.source_row
from intervals
left join filed
    on
        intervals.change_request_id = filed.change_request_id
        and intervals.approved_by_id = filed.approved_by_id
        and intervals.approved_on = filed.approved_on
