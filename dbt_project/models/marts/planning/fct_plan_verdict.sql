with criteria as (
    select * from {{ ref("fct_plan_readiness") }}
),

by_key_result as (
    select
        'key_result' as subject_type,
        criteria.key_result_id as subject_id,
        criteria.cycle_id,
        criteria.org_unit_id,
        count(*) as criterion_count,
        count(case when not criteria.is_met then 1 end) as failed_count,
        count(case when not criteria.is_met and criteria.needed_for = 'any_plan' then 1 end) as failed_any_plan,
        count(case when not criteria.is_met and criteria.needed_for = 'target' then 1 end) as failed_target,
        count(case when not criteria.is_met and criteria.needed_for = 'decision' then 1 end) as decision_count,
        {{ joined_texts("case when not criteria.is_met then criteria.criterion end", "', '") }} as failed_criteria,
        max(case when criteria.is_locked then 1 else 0 end) = 1 as is_locked,
        max(criteria.judged_on) as judged_on,
        max(criteria.due_on) as due_on
    from criteria
    group by criteria.key_result_id, criteria.cycle_id, criteria.org_unit_id
),

judged as (
    select
        *,
        {{ plan_verdict("failed_any_plan", "failed_target") }} as verdict
    from by_key_result
),

pairs as (
    select
        org_unit_id,
        cycle_id
    from judged
    union
    select
        org_unit_id,
        cycle_id
    from {{ ref("fct_capacity") }}
),

-- Of a unit that only gives capacity, the cycle says when it is judged.
cycles as (
    select
        cycle_id,
        min(case when is_locked then 1 else 0 end) = 1 as is_locked,
        max(judged_on) as judged_on,
        max(due_on) as due_on
    from judged
    group by cycle_id
),

counted as (
    select
        org_unit_id,
        cycle_id,
        count(*) as key_result_count,
        count(case when verdict = 'ready' then 1 end) as ready_count,
        count(case when verdict = 'baseline_only' then 1 end) as baseline_only_count,
        count(case when verdict = 'not_a_plan' then 1 end) as not_a_plan_count,
        sum(criterion_count) as criterion_count,
        sum(failed_count) as failed_count,
        sum(decision_count) as decision_count,
        min(case when is_locked then 1 else 0 end) = 1 as is_locked,
        max(judged_on) as judged_on,
        max(due_on) as due_on
    from judged
    group by org_unit_id, cycle_id
),

-- A unit is as far as its weakest key result, and no further than what it can carry.
by_unit as (
    select
        pairs.org_unit_id,
        pairs.cycle_id,
        coalesce(counted.key_result_count, 0) as key_result_count,
        coalesce(counted.ready_count, 0) as ready_count,
        coalesce(counted.baseline_only_count, 0) as baseline_only_count,
        coalesce(counted.not_a_plan_count, 0) as not_a_plan_count,
        coalesce(counted.criterion_count, 0) as criterion_count,
        coalesce(counted.failed_count, 0) + case when capacity.verdict = 'exceeds' then 1 else 0 end as failed_count,
        coalesce(counted.decision_count, 0) + case when capacity.verdict = 'tight' then 1 else 0 end as decision_count,
        case when capacity.verdict in ('tight', 'exceeds') then 'capacity ' || capacity.verdict end as failed_criteria,
        coalesce(counted.is_locked, cycles.is_locked, false) as is_locked,
        coalesce(counted.judged_on, cycles.judged_on) as judged_on,
        coalesce(counted.due_on, cycles.due_on) as due_on,
        {{ plan_verdict(
            "coalesce(counted.not_a_plan_count, 0) + case when capacity.verdict = 'exceeds' then 1 else 0 end",
            "coalesce(counted.baseline_only_count, 0)"
        ) }} as verdict
    from pairs
    left join counted on pairs.org_unit_id = counted.org_unit_id and pairs.cycle_id = counted.cycle_id
    left join cycles on pairs.cycle_id = cycles.cycle_id
    left join {{ ref("fct_capacity") }} as capacity
        on pairs.org_unit_id = capacity.org_unit_id and pairs.cycle_id = capacity.cycle_id
)

select
    {{ row_key(["subject_type", "subject_id", "cycle_id"]) }} as plan_verdict_key,
    subject_type,
    subject_id,
    cycle_id,
    org_unit_id,
    verdict,
    failed_criteria,
    cast(1 as int) as key_result_count,
    cast(case when verdict = 'ready' then 1 else 0 end as int) as ready_count,
    cast(case when verdict = 'baseline_only' then 1 else 0 end as int) as baseline_only_count,
    cast(case when verdict = 'not_a_plan' then 1 else 0 end as int) as not_a_plan_count,
    cast(criterion_count as int) as criterion_count,
    cast(failed_count as int) as failed_count,
    cast(decision_count as int) as decision_count,
    is_locked,
    judged_on,
    due_on
from judged
union all
select
    {{ row_key(["'unit'", "org_unit_id", "cycle_id"]) }} as plan_verdict_key,
    'unit' as subject_type,
    org_unit_id as subject_id,
    cycle_id,
    org_unit_id,
    verdict,
    failed_criteria,
    cast(key_result_count as int) as key_result_count,
    cast(ready_count as int) as ready_count,
    cast(baseline_only_count as int) as baseline_only_count,
    cast(not_a_plan_count as int) as not_a_plan_count,
    cast(criterion_count as int) as criterion_count,
    cast(failed_count as int) as failed_count,
    cast(decision_count as int) as decision_count,
    is_locked,
    judged_on,
    due_on
from by_unit
