{{ version_intervals(ref("stg_lake__company"), "company_id") }}

select
    record_key,
    company_id,
    company_name,
    time_zone,
    currency,
    fiscal_year_starts_month,
    working_days,
    status_rule,
    max_manual_share,
    valid_from,
    valid_to,
    load_id,
    source_file,
    source_row
from intervals
