select
    load_id,
    kind,
    source_feed,
    source_file,
    file_sha256,
    status,
    reason_code,
    message,
    rows_read,
    rows_accepted,
    rows_quarantined,
    rows_collapsed,
    cast(rows_quarantined as double) / nullif(rows_read, 0) as quarantined_share,
    duration_seconds,
    oldest_period_on,
    newest_period_on,
    loaded_at
from {{ ref("stg_lake__loads") }}
where kind in ('feed', 'definitions')
