select
    record_key,
    effective_from,
    is_deleted,
    company_id,
    name as company_name,
    time_zone,
    currency,
    fiscal_year_starts_month,
    working_days,
    status_rule,
    max_manual_share,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_company") }}
where {{ is_committed() }}
