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
    source_row
from {{ source("raw", "observations") }}
where {{ is_committed() }}
