select
    record_key,
    position,
    key_result_id,
    unit_id as org_unit_id,
    demand,
    measure,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_key_result_demand") }}
where {{ is_committed() }}
