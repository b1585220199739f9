select
    reason_code,
    column_name,
    raw_value,
    raw_text,
    message,
    kpi_id,
    key_result_id,
    load_id,
    loaded_at,
    source_feed,
    source_file,
    source_row,
    {{ row_hash(["raw_text"]) }} as row_hash
from {{ source("raw", "quarantine") }}
where {{ is_committed() }}
