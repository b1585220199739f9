{{ version_intervals(ref("stg_lake__feeds"), "feed_id") }}

select
    record_key,
    feed_id,
    feed_name,
    owner_id,
    steward_id,
    source_type,
    agreed_offset_days,
    max_quarantine_share,
    valid_from,
    valid_to,
    load_id,
    source_file,
    source_row
from intervals
