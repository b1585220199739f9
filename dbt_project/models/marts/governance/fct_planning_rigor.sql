-- Every objective counts the same: weights of key results say something inside their objective only.
with locked as (
    select locked.*
    from {{ ref("int_key_result__locked") }} as locked
    inner join {{ ref("int_run__context") }} as run on locked.locked_on <= run.as_of
),

totalled as (
    select
        *,
        greatest(coalesce(weight, 0), 0) as stated_weight,
        sum(greatest(coalesce(weight, 0), 0)) over (
            partition by objective_id, cycle_id order by key_result_id
            rows between unbounded preceding and unbounded following
        ) as total_weight,
        count(*) over (partition by objective_id, cycle_id) as siblings
    from locked
),

weighed as (
    select
        locked.key_result_id,
        locked.cycle_id,
        coalesce(objectives.org_unit_id, '(unknown)') as org_unit_id,
        case
            when locked.total_weight > 0 then locked.stated_weight / locked.total_weight
            else cast(1 as double) / locked.siblings
        end as weight
    from totalled as locked
    left join {{ ref("int_objective__versions") }} as objectives
        on
            locked.objective_id = objectives.objective_id
            and locked.locked_on >= objectives.valid_from
            and locked.locked_on < objectives.valid_to
),

moved as (
    select distinct touched.key_result_id
    from {{ ref("int_goal_change__key_results") }} as touched
    inner join {{ ref("fct_goal_change") }} as changes on touched.goal_change_key = changes.goal_change_key
    where touched.is_after_lock and not changes.is_permitted and changes.subject_type in ('key_result', 'kpi')
),

counted as (
    select
        weighed.*,
        moved.key_result_id is not null as is_moved
    from weighed
    left join moved on weighed.key_result_id = moved.key_result_id
),

scopes as (
    select
        cycle_id,
        org_unit_id,
        key_result_id,
        weight,
        is_moved
    from counted
    union all
    select
        cycle_id,
        '(all)' as org_unit_id,
        key_result_id,
        weight,
        is_moved
    from counted
),

summed as (
    select
        cycle_id,
        org_unit_id,
        count(*) as key_result_count,
        count(case when is_moved then 1 end) as moved_count,
        {{ sum_in_order("weight", "key_result_id") }} as weight,
        {{ sum_in_order("case when is_moved then weight else 0 end", "key_result_id") }} as moved_weight
    from scopes
    group by cycle_id, org_unit_id
),

cycles as (
    select cycle_id from {{ ref("dim_cycle") }}
    where cycle_id <> '(unknown)'
),

with_empty_cycles as (
    select * from summed
    union all
    select
        cycles.cycle_id,
        '(all)' as org_unit_id,
        0 as key_result_count,
        0 as moved_count,
        cast(0 as double) as weight,
        cast(0 as double) as moved_weight
    from cycles
    left join summed on cycles.cycle_id = summed.cycle_id and summed.org_unit_id = '(all)'
    where summed.cycle_id is null
)

select
    {{ row_key(["cycle_id", "org_unit_id"]) }} as planning_rigor_key,
    cycle_id,
    org_unit_id,
    case when key_result_count = 0 then 'no_locked_key_result' when not weight > 0 then 'no_weight' end as null_reason,
    1 - moved_weight / nullif(weight, 0) as planning_rigor,
    weight,
    moved_weight,
    cast(key_result_count as int) as key_result_count,
    cast(moved_count as int) as moved_count
from with_empty_cycles
