{{ config(materialized=kept_as("ephemeral")) }}

select
    audit_id,
    run_id,
    stage,
    as_of,
    known_at,
    audited_at,
    rule_id,
    severity,
    outcome,
    subject_type,
    subject_id,
    detail,
    owner_role,
    owner_id,
    owner_source,
    waiver_id,
    source_file,
    source_row,
    source_load_id
from {{ source("raw", "integrity_results") }}
where
    audit_id in (
        select loads.load_id
        from {{ source("raw", "loads") }} as loads
        where loads.kind = 'audit'
    )
