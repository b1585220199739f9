select
    kpi_id,
    period_start_on,
    value,
    unit,
    obs_status,
    source_type,
    recorded_by,
    available_at,
    vintage_at,
    load_id,
    loaded_at,
    source_feed,
    source_file,
    source_row,
    {{ row_hash(["kpi_id", "period_start_on", "value", "obs_status", "available_at", "recorded_by"]) }} as row_hash
from {{ source("raw", "observations") }}
where {{ is_committed() }}
