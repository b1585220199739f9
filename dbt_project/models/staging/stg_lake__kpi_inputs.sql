select
    record_key,
    position,
    kpi_id,
    name as input_name,
    controlled_by_unit_id,
    controlled_by_person_id,
    share,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_kpi_inputs") }}
where {{ is_committed() }}
