with audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
)

select
    shared.shared_kpi_key,
    run.as_of,
    shared.cycle_id,
    coalesce(cycles.cycle_name, shared.cycle_id) as cycle_name,
    shared.kpi_id,
    shared.kpi_name,
    shared.org_unit_id,
    coalesce(units.org_unit_name, shared.org_unit_id) as org_unit_name,
    shared.org_unit_ids,
    shared.key_result_ids,
    shared.accountable_owner_id,
    coalesce(owners.person_name, shared.accountable_owner_id) as accountable_owner_name,
    shared.data_steward_id,
    coalesce(stewards.person_name, shared.data_steward_id) as data_steward_name,
    shared.acknowledged_null_reason,
    case
        when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
        else withheld.withheld_reason
    end as withheld_reason,
    shared.org_unit_count,
    shared.key_result_count,
    shared.is_acknowledged_in_time,
    shared.is_steward_independent,
    shared.acknowledged_on,
    shared.readiness_due_on,
    shared.cycle_starts_on
from {{ ref("fct_shared_kpi") }} as shared
cross join {{ ref("int_run__context") }} as run
cross join audits
left join {{ ref("int_kpi__withheld") }} as withheld on shared.kpi_id = withheld.kpi_id
left join {{ ref("dim_cycle") }} as cycles on shared.cycle_id = cycles.cycle_id
left join {{ ref("dim_org_unit") }} as units on shared.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as owners on shared.accountable_owner_id = owners.person_id and owners.is_current
left join {{ ref("dim_person") }} as stewards on shared.data_steward_id = stewards.person_id and stewards.is_current
