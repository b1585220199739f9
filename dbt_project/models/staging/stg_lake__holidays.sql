select
    record_key,
    position,
    company_id,
    holiday_on,
    name as holiday_name,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_holidays") }}
where {{ is_committed() }}
