{{ version_intervals(ref("stg_lake__cycles"), "cycle_id") }}

select
    record_key,
    cycle_id,
    cycle_name,
    starts_on,
    ends_on,
    readiness_due_on,
    locks_on,
    closes_on,
    status_rule,
    valid_from,
    valid_to,
    load_id,
    source_file,
    source_row
from intervals
