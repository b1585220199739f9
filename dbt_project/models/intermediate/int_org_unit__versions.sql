{{ version_intervals(ref("stg_lake__units"), "org_unit_id") }}

select
    record_key,
    org_unit_id,
    org_unit_name,
    parent_org_unit_id,
    head_person_id,
    valid_from,
    valid_to,
    load_id,
    source_file,
    source_row
from intervals
