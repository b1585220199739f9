{{ version_intervals(ref("stg_lake__capacity"), "capacity_id") }},

-- As the plan: as it stands until the lock, and as it stood then ever after.
days as (
    select
        cycles.cycle_id,
        least(run.as_of, coalesce(locks.locks_on, cycles.locks_on, cycles.starts_on)) as judged_on
    from {{ ref("int_cycle__versions") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
    left join {{ ref("int_cycle__locks") }} as locks on cycles.cycle_id = locks.cycle_id
),

offered as (
    select
        intervals.cycle_id,
        intervals.org_unit_id,
        coalesce(intervals.measure, 'hours') as measure,
        intervals.capacity,
        coalesce(intervals.business_as_usual, 0) as business_as_usual,
        intervals.source_file,
        intervals.source_row
    from intervals
    inner join days
        on
            intervals.cycle_id = days.cycle_id
            and intervals.valid_from <= days.judged_on
            and intervals.valid_to > days.judged_on
),

stated as (
    select
        cycle_id,
        org_unit_id,
        min(measure) as measure,
        case when count(distinct measure) = 1 then {{ sum_in_order("capacity", "source_row") }} end as capacity,
        case when count(distinct measure) = 1 then {{ sum_in_order("business_as_usual", "source_row") }} end
            as business_as_usual,
        min(source_file) as source_file,
        min(source_row) as source_row
    from offered
    group by cycle_id, org_unit_id
),

demanded as (
    select
        key_results.cycle_id,
        demand.org_unit_id,
        key_results.key_result_id,
        key_results.weight_share,
        coalesce(demand.measure, 'hours') as measure,
        demand.demand,
        demand.position
    from {{ ref("int_plan__key_results") }} as key_results
    inner join {{ ref("stg_lake__key_result_demand") }} as demand on key_results.record_key = demand.record_key
    where demand.demand is not null
),

asked as (
    select
        cycle_id,
        org_unit_id,
        key_result_id,
        weight_share,
        {{ sum_in_order("demand", "position") }} as demand
    from demanded
    group by cycle_id, org_unit_id, key_result_id, weight_share
),

measures as (
    select
        cycle_id,
        org_unit_id,
        measure
    from offered
    union
    select
        cycle_id,
        org_unit_id,
        measure
    from demanded
),

-- Hours and points add up to nothing, whoever states them.
pairs as (
    select
        cycle_id,
        org_unit_id,
        min(measure) as measure,
        count(*) > 1 as is_mixed
    from measures
    group by cycle_id, org_unit_id
),

-- What is worth least for what it takes is cut first.
lined_up as (
    select
        pairs.cycle_id,
        pairs.org_unit_id,
        asked.key_result_id,
        asked.weight_share,
        asked.demand,
        asked.weight_share / nullif(asked.demand, 0) as weight_per_demand,
        stated.capacity,
        stated.business_as_usual,
        coalesce(stated.measure, pairs.measure) as measure,
        pairs.is_mixed,
        stated.source_file,
        stated.source_row,
        row_number() over (
            partition by pairs.cycle_id, pairs.org_unit_id
            order by coalesce(asked.weight_share / nullif(asked.demand, 0), 1e9), -asked.demand, asked.key_result_id
        ) as place,
        sum(coalesce(asked.demand, 0)) over (
            partition by pairs.cycle_id, pairs.org_unit_id order by asked.key_result_id
            rows between unbounded preceding and unbounded following
        ) as total_demand,
        sum(coalesce(asked.demand, 0)) over (
            partition by pairs.cycle_id, pairs.org_unit_id
            order by coalesce(asked.weight_share / nullif(asked.demand, 0), 1e9), -asked.demand, asked.key_result_id
            rows between unbounded preceding and current row
        ) - coalesce(asked.demand, 0) as demand_cut_before
    from pairs
    left join stated on pairs.cycle_id = stated.cycle_id and pairs.org_unit_id = stated.org_unit_id
    left join asked on pairs.cycle_id = asked.cycle_id and pairs.org_unit_id = asked.org_unit_id
),

loaded as (
    select
        *,
        case
            when is_mixed then 'mixed_measures'
            when capacity is null then 'no_capacity_declared'
            when not capacity > 0 then 'no_capacity'
        end as null_reason,
        case when capacity > 0 and not is_mixed then (business_as_usual + total_demand) / capacity end as load_share
    from lined_up
)

select
    cycle_id,
    org_unit_id,
    key_result_id,
    measure,
    null_reason,
    capacity,
    business_as_usual,
    case when not is_mixed then total_demand end as total_demand,
    load_share,
    {{ load_verdict("load_share") }} as verdict,
    weight_share,
    demand,
    weight_per_demand,
    place,
    -- Whether it is among the first that must go, until the rest meets the limit: to do at all, and to do with room.
    key_result_id is not null
    and null_reason is null
    and coalesce(
        round((business_as_usual + total_demand - demand_cut_before) / nullif(capacity, 0), 9) > {{ tight_load() }},
        false
    ) as must_be_cut,
    key_result_id is not null
    and null_reason is null
    and coalesce(
        round((business_as_usual + total_demand - demand_cut_before) / nullif(capacity, 0), 9) > {{ fits_load() }},
        false
    ) as could_be_cut,
    source_file,
    source_row
from loaded
