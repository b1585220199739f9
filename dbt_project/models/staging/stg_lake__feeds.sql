select
    record_key,
    effective_from,
    is_deleted,
    feed_id,
    name as feed_name,
    coalesce(kind, 'observations') as feed_kind,
    description,
    owner_id,
    steward_id,
    source_kind,
    source_type,
    format,
    layout,
    schedule,
    agreed_offset_days,
    max_quarantine_share,
    on_schema_change,
    load_id,
    loaded_at,
    source_file,
    source_row
from {{ source("raw", "definitions_feeds") }}
where {{ is_committed() }}
