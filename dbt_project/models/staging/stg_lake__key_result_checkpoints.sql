select
    record_key,
    position,
    key_result_id,
    checkpoint_on,
    expected_progress,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_key_result_checkpoints") }}
where {{ is_committed() }}
