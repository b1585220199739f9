select
    record_key,
    effective_from,
    is_deleted,
    check_in_id,
    key_result_id,
    {{ adapter.quote("on") }} as reported_on,
    by_id as reported_by_id,
    status as reported_status,
    confidence,
    progress as reported_progress,
    comment,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_check_ins") }}
where {{ is_committed() }}
