{{ config(materialized=kept_as("ephemeral")) }}

-- A report without an audit of its own business date has none: then there is no row, and the reports withhold all.
-- Nor does an audit count that knew more than the report does: an old report built again stands on its old audit.
with audits as (
    select
        outcomes.audit_id,
        outcomes.as_of,
        max(outcomes.audited_at) as audited_at
    from {{ ref("stg_lake__rule_outcomes") }} as outcomes
    inner join {{ ref("int_run__context") }} as run
        on outcomes.as_of = run.as_of and outcomes.known_at <= run.known_at
    where
        outcomes.stage = 'marts'
        and '{{ env_var("LOS_AUDIT_ID", "") }}' in (outcomes.audit_id, '')
    group by outcomes.audit_id, outcomes.as_of
),

ranked as (
    select
        *,
        row_number() over (order by audited_at desc, audit_id desc) as newness
    from audits
)

select
    audit_id,
    as_of,
    audited_at
from ranked
where newness = 1
