select
    load_id,
    loaded_at,
    run_id,
    as_of,
    cycle_id,
    closed_on,
    key_result_id,
    objective_id,
    org_unit_id,
    champion_id,
    unit,
    measured_value,
    score,
    score_null_reason,
    attainment_vs_current,
    status,
    is_achieved,
    reported_status,
    reported_confidence
from {{ source("raw", "cycle_scores") }}
where {{ is_committed() }}
