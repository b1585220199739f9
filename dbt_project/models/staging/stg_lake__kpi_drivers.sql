select
    record_key,
    position,
    kpi_id,
    driver_kpi_id,
    sign,
    lag_periods,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_kpi_drivers") }}
where {{ is_committed() }}
