select
    record_key,
    effective_from,
    is_deleted,
    cycle_id,
    name as cycle_name,
    starts_on,
    ends_on,
    readiness_due_on,
    locks_on,
    closes_on,
    status_rule,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_cycles") }}
where {{ is_committed() }}
