select
    record_key,
    effective_from,
    is_deleted,
    escalation_id,
    state,
    by_id,
    {{ adapter.quote("on") }} as acted_on,
    next_action,
    due_on,
    comment,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_escalations") }}
where {{ is_committed() }}
