select
    key_result_id,
    event_id,
    event_type,
    milestone_id,
    title,
    reference,
    is_deleted,
    source_type,
    occurred_on,
    occurred_at,
    available_at,
    vintage_at,
    load_id,
    loaded_at,
    source_feed,
    source_file,
    source_row,
    {{ row_hash([
        "key_result_id", "event_id", "event_type", "milestone_id", "title", "reference", "occurred_on", "occurred_at",
        "available_at", "is_deleted",
    ]) }} as row_hash
from {{ source("raw", "key_result_events") }}
where {{ is_committed() }}
