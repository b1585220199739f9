{{ config(materialized="table") }}

select
    load_id,
    kind,
    source_feed,
    source_file,
    file_bytes,
    file_sha256,
    contract_hash,
    registry_hash,
    status,
    reason_code,
    message,
    rows_read,
    rows_accepted,
    rows_quarantined,
    rows_collapsed,
    cells_absent,
    rows_deleted,
    oldest_period_on,
    newest_period_on,
    started_at,
    loaded_at,
    duration_seconds
from {{ source("raw", "loads") }}
where loaded_at <= (select run.known_at from {{ ref("int_run__context") }} as run)
