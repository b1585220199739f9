{{ config(materialized=kept_as("ephemeral")) }}

-- The audit's verdict on a feed is one on each of its KPIs.
with failures as (
    select results.*
    from {{ ref("stg_lake__integrity_results") }} as results
    inner join {{ ref("int_audit__context") }} as audits on results.audit_id = audits.audit_id
    where results.severity = 'withhold' and results.outcome = 'failed'
),

reasons as (
    select
        failures.subject_id as kpi_id,
        failures.rule_id || ': ' || coalesce(failures.detail, 'failed') as reason
    from failures
    where failures.subject_type = 'kpi'
    union
    select
        kpis.kpi_id,
        failures.rule_id || ' (feed ' || failures.subject_id || '): ' || coalesce(failures.detail, 'failed') as reason
    from failures
    inner join {{ ref("dim_kpi") }} as kpis on failures.subject_id = kpis.feed_id and kpis.is_current
    where failures.subject_type = 'feed'
)

select
    kpi_id,
    {{ joined_texts("reason") }} as withheld_reason
from reasons
group by kpi_id
