select
    record_key,
    effective_from,
    is_deleted,
    unit_id as org_unit_id,
    name as org_unit_name,
    parent_unit_id as parent_org_unit_id,
    head_person_id,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_units") }}
where {{ is_committed() }}
