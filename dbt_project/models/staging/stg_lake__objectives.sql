select
    record_key,
    effective_from,
    is_deleted,
    objective_id,
    cycle_id,
    title,
    org_unit_id,
    owner_id,
    sponsor_id,
    supports_id,
    state,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_objectives") }}
where {{ is_committed() }}
