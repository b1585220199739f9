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
    judged_count,
    failed_count,
    waived_count,
    duration_ms,
    error_message
from {{ source("raw", "rule_outcomes") }}
where
    audit_id in (
        select loads.load_id
        from {{ source("raw", "loads") }} as loads
        where loads.kind = 'audit'
    )
