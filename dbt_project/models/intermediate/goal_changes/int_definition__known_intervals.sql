{{ version_intervals(ref("int_definition__known"), "known_key") }}

select
    known_key,
    subject_type,
    subject_id,
    state_number,
    known_at,
    record_key,
    valid_from,
    valid_to,
    load_id,
    source_file,
    source_row
from intervals
