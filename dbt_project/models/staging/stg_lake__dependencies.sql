select
    record_key,
    effective_from,
    is_deleted,
    dependency_id,
    key_result_id,
    provider_unit_id,
    description,
    needed_by,
    confirmed_by_id,
    confirmed_on,
    delivered_on,
    risk_owner_id,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_dependencies") }}
where {{ is_committed() }}
