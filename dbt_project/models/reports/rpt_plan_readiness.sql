{%- set of_kpi_values = "('baseline_in_range', 'done_before')" -%}

with audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

criteria as (
    select
        criteria.*,
        verdicts.verdict,
        -- What the KPI's values say is withheld with the key result; what is said of its owners and its feed is not.
        case
            when criteria.criterion in {{ of_kpi_values }} and audits.audit_count = 0
                then 'not audited: there is no audit of this business date'
            when criteria.criterion in {{ of_kpi_values }} then withheld.withheld_reason
        end as withheld_reason
    from {{ ref("fct_plan_readiness") }} as criteria
    inner join {{ ref("fct_plan_verdict") }} as verdicts
        on criteria.key_result_id = verdicts.subject_id and verdicts.subject_type = 'key_result'
    cross join audits
    left join {{ ref("int_key_result__withheld") }} as withheld on criteria.key_result_id = withheld.key_result_id
)

select
    criteria.plan_readiness_key,
    run.as_of,
    criteria.cycle_id,
    coalesce(cycles.cycle_name, criteria.cycle_id) as cycle_name,
    criteria.key_result_id,
    coalesce(key_results.title, criteria.key_result_id) as key_result_title,
    criteria.org_unit_id,
    coalesce(units.org_unit_name, criteria.org_unit_id) as org_unit_name,
    criteria.criterion,
    criteria.needed_for,
    criteria.verdict,
    criteria.withheld_reason,
    case when criteria.withheld_reason is null then criteria.evidence end as evidence,
    criteria.expected,
    case
        when criteria.withheld_reason is not null then 'withheld' else criteria.evidence_number_null_reason
    end as evidence_number_null_reason,
    case when criteria.withheld_reason is null then criteria.evidence_number end as evidence_number,
    criteria.evidence_unit,
    criteria.action,
    criteria.owner_role,
    criteria.owner_id,
    coalesce(owners.person_name, criteria.owner_id) as owner_name,
    criteria.is_met,
    criteria.is_locked,
    criteria.is_overdue,
    criteria.due_on,
    criteria.judged_on
from criteria
cross join {{ ref("int_run__context") }} as run
left join {{ ref("dim_cycle") }} as cycles on criteria.cycle_id = cycles.cycle_id
left join {{ ref("dim_key_result") }} as key_results
    on criteria.key_result_id = key_results.key_result_id and key_results.is_current
left join {{ ref("dim_org_unit") }} as units on criteria.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as owners on criteria.owner_id = owners.person_id and owners.is_current
