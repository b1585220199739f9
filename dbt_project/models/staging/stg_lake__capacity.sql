select
    record_key,
    effective_from,
    is_deleted,
    capacity_id,
    unit_id as org_unit_id,
    cycle_id,
    capacity,
    business_as_usual,
    measure,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_capacity") }}
where {{ is_committed() }}
