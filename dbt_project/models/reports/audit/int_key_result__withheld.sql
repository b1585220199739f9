{{ config(materialized=kept_as("ephemeral")) }}

-- A key result is withheld for itself, its objective, its cycle, or a KPI that measures it.
with failures as (
    select results.*
    from {{ ref("stg_lake__integrity_results") }} as results
    inner join {{ ref("int_audit__context") }} as audits on results.audit_id = audits.audit_id
    where results.severity = 'withhold' and results.outcome = 'failed'
),

key_results as (
    select
        key_result_id,
        objective_id,
        cycle_id
    from {{ ref("fct_key_result_daily") }}
    where is_latest
),

reasons as (
    select
        subject_id as key_result_id,
        rule_id || ': ' || coalesce(detail, 'failed') as reason,
        1 as is_own
    from failures
    where subject_type = 'key_result'
    {% for subject_type in ["objective", "cycle"] -%}
    union
    select
        key_results.key_result_id,
        failures.rule_id || ' ({{ subject_type }} ' || failures.subject_id || '): '
        || coalesce(failures.detail, 'failed') as reason,
        1 as is_own
    from failures
    inner join key_results on failures.subject_id = key_results.{{ subject_type }}_id
    where failures.subject_type = '{{ subject_type }}'
    {% endfor -%}
    union
    select
        links.key_result_id,
        'KPI ' || kpis.kpi_id || ': ' || kpis.withheld_reason as reason,
        0 as is_own
    from {{ ref("int_kpi__withheld") }} as kpis
    inner join {{ ref("fct_key_result_kpi") }} as links on kpis.kpi_id = links.kpi_id
    where links.is_latest and links.link_type = 'measures'
)

select
    key_result_id,
    {{ joined_texts("reason") }} as withheld_reason,
    {{ joined_texts("case when is_own = 1 then reason end") }} as own_reason
from reasons
group by key_result_id
