{{ version_intervals(ref("stg_lake__objectives"), "objective_id") }}

select
    record_key,
    objective_id,
    cycle_id,
    title,
    org_unit_id,
    owner_id,
    sponsor_id,
    supports_id,
    state,
    valid_from,
    valid_to,
    load_id,
    source_file,
    source_row
from intervals
