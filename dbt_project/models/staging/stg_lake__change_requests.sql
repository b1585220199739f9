select
    record_key,
    effective_from,
    is_deleted,
    change_request_id,
    subject_type,
    subject_id,
    field,
    reason_code,
    reason,
    requested_by_id,
    requested_on,
    approved_by_id,
    approved_on,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_change_requests") }}
where {{ is_committed() }}
