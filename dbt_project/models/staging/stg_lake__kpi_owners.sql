select
    record_key,
    position,
    kpi_id,
    role,
    person_id,
    owned_from,
    owned_to,
    acknowledged_on,
    delegated_from_id,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_kpi_owners") }}
where {{ is_committed() }}
