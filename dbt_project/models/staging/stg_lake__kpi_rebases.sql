select
    record_key,
    position,
    kpi_id,
    rebased_on,
    reason,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_kpi_rebases") }}
where {{ is_committed() }}
