select
    record_key,
    effective_from,
    is_deleted,
    person_id,
    name as person_name,
    unit_id as org_unit_id,
    active_from,
    active_to,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_people") }}
where {{ is_committed() }}
