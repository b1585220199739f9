{{ version_intervals(ref("stg_lake__people"), "person_id") }}

select
    record_key,
    person_id,
    person_name,
    org_unit_id,
    active_from,
    active_to,
    valid_from,
    valid_to,
    load_id,
    source_file,
    source_row
from intervals
