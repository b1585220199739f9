-- Each unit answers for what it promised to others, beside what it wants of them.
with promised as (
    select
        provider_org_unit_id as org_unit_id,
        cycle_id,
        count(*) as provided_count,
        count(case when confirmed_on is not null then 1 end) as provided_confirmed_count,
        count(case when delivered_on is not null then 1 end) as provided_delivered_count,
        count(case when is_delivered_in_time then 1 end) as provided_in_time_count,
        count(case when is_delivered_in_time is not null then 1 end) as provided_due_count,
        count(case when state = 'overdue' then 1 end) as provided_overdue_count
    from {{ ref("fct_dependency") }}
    group by provider_org_unit_id, cycle_id
),

needed as (
    select
        dependent_org_unit_id as org_unit_id,
        cycle_id,
        count(*) as needed_count,
        count(case when confirmed_on is not null then 1 end) as needed_confirmed_count,
        count(case when state = 'overdue' then 1 end) as needed_overdue_count
    from {{ ref("fct_dependency") }}
    group by dependent_org_unit_id, cycle_id
),

audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

withheld as (
    select
        verdicts.org_unit_id,
        verdicts.cycle_id,
        count(case when audits.audit_count = 0 or withheld.key_result_id is not null then 1 end) as withheld_count
    from {{ ref("fct_plan_verdict") }} as verdicts
    cross join audits
    left join {{ ref("int_key_result__withheld") }} as withheld on verdicts.subject_id = withheld.key_result_id
    where verdicts.subject_type = 'key_result'
    group by verdicts.org_unit_id, verdicts.cycle_id
),

pairs as (
    select
        org_unit_id,
        cycle_id
    from {{ ref("fct_plan_verdict") }}
    where subject_type = 'unit'
    union
    select
        org_unit_id,
        cycle_id
    from promised
    union
    select
        org_unit_id,
        cycle_id
    from needed
)

select
    {{ row_key(["pairs.org_unit_id", "pairs.cycle_id"]) }} as capacity_key,
    run.as_of,
    pairs.cycle_id,
    coalesce(cycles.cycle_name, pairs.cycle_id) as cycle_name,
    pairs.org_unit_id,
    coalesce(units.org_unit_name, pairs.org_unit_id) as org_unit_name,
    coalesce(units.head_person_id, '(unowned)') as head_id,
    coalesce(heads.person_name, units.head_person_id, '(unowned)') as head_name,
    verdicts.verdict as plan_verdict,
    capacity.verdict as capacity_verdict,
    case when capacity.capacity_key is null then 'not_declared' else capacity.null_reason end as capacity_null_reason,
    capacity.measure,
    capacity.cut_first,
    capacity.capacity,
    capacity.business_as_usual,
    capacity.demand,
    capacity.load_share,
    cast(coalesce(verdicts.key_result_count, 0) as int) as key_result_count,
    cast(coalesce(verdicts.ready_count, 0) as int) as ready_count,
    cast(coalesce(verdicts.baseline_only_count, 0) as int) as baseline_only_count,
    cast(coalesce(verdicts.not_a_plan_count, 0) as int) as not_a_plan_count,
    cast(coalesce(withheld.withheld_count, 0) as int) as withheld_count,
    {% for count in [
        "provided_count", "provided_confirmed_count", "provided_delivered_count", "provided_overdue_count",
    ] -%}
    cast(coalesce(promised.{{ count }}, 0) as int) as {{ count }},
    {% endfor -%}
    {% for count in ["needed_count", "needed_confirmed_count", "needed_overdue_count"] -%}
    cast(coalesce(needed.{{ count }}, 0) as int) as {{ count }},
    {% endfor -%}
    case when coalesce(promised.provided_due_count, 0) = 0 then 'nothing_due' end as in_time_null_reason,
    promised.provided_in_time_count / nullif(cast(promised.provided_due_count as double), 0) as provided_in_time_share,
    verdicts.judged_on,
    verdicts.due_on
from pairs
cross join {{ ref("int_run__context") }} as run
left join {{ ref("fct_plan_verdict") }} as verdicts
    on
        pairs.org_unit_id = verdicts.subject_id
        and pairs.cycle_id = verdicts.cycle_id
        and verdicts.subject_type = 'unit'
left join {{ ref("fct_capacity") }} as capacity
    on pairs.org_unit_id = capacity.org_unit_id and pairs.cycle_id = capacity.cycle_id
left join withheld on pairs.org_unit_id = withheld.org_unit_id and pairs.cycle_id = withheld.cycle_id
left join promised on pairs.org_unit_id = promised.org_unit_id and pairs.cycle_id = promised.cycle_id
left join needed on pairs.org_unit_id = needed.org_unit_id and pairs.cycle_id = needed.cycle_id
left join {{ ref("dim_cycle") }} as cycles on pairs.cycle_id = cycles.cycle_id
left join {{ ref("dim_org_unit") }} as units on pairs.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as heads on units.head_person_id = heads.person_id and heads.is_current
