select
    record_key,
    effective_from,
    is_deleted,
    waiver_id,
    rule_id,
    subject_type,
    subject_id,
    reason,
    approved_by_id,
    approved_on,
    expires_on,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_waivers") }}
where {{ is_committed() }}
