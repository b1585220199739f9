select
    record_key,
    position,
    key_result_id,
    milestone_id,
    title,
    kind,
    weight,
    due_on,
    completed_on,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_key_result_milestones") }}
where {{ is_committed() }}
