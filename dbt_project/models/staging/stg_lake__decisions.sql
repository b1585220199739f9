select
    record_key,
    effective_from,
    is_deleted,
    decision_id,
    decided_on,
    forum,
    text,
    kpi_id,
    key_result_id,
    decided_by_id,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_decisions") }}
where {{ is_committed() }}
