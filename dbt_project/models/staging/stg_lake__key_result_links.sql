select
    record_key,
    position,
    key_result_id,
    kpi_id,
    link_type,
    weight,
    expected_sign,
    lag_periods,
    minimum_effect,
    guardrail_min,
    guardrail_max,
    approver_id,
    approved_on,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_key_result_links") }}
where {{ is_committed() }}
