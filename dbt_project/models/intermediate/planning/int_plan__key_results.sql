-- The plan as it stood on the day on which it is judged: the as_of date until the lock, and the lock ever after. What
-- was committed later is judged on the day on which it was.
with run as (
    select as_of from {{ ref("int_run__context") }}
),

cycles as (
    select
        cycles.cycle_id,
        cycles.starts_on,
        cycles.ends_on,
        cycles.readiness_due_on,
        coalesce(locks.locks_on, cycles.locks_on, cycles.starts_on) as locks_on,
        run.as_of
    from {{ ref("int_cycle__versions") }} as cycles
    inner join run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
    left join {{ ref("int_cycle__locks") }} as locks on cycles.cycle_id = locks.cycle_id
),

versions as (
    select
        key_results.key_result_id,
        key_results.record_key,
        cycles.cycle_id,
        cycles.starts_on as cycle_starts_on,
        cycles.ends_on as cycle_ends_on,
        cycles.locks_on,
        coalesce(cycles.readiness_due_on, cycles.starts_on) as readiness_due_on,
        cycles.as_of,
        key_results.state,
        key_results.valid_to,
        greatest(least(cycles.as_of, cycles.locks_on), key_results.valid_from) as judged_on,
        row_number() over (
            partition by key_results.key_result_id
            order by
                case when key_results.valid_from <= least(cycles.as_of, cycles.locks_on) then 0 else 1 end,
                abs({{ days_between("key_results.valid_from", "least(cycles.as_of, cycles.locks_on)") }})
        ) as nearness
    from {{ ref("int_key_result__versions") }} as key_results
    inner join cycles on key_results.cycle_id = cycles.cycle_id
    where key_results.valid_from <= cycles.as_of
),

-- Once locked, what was known at the lock counts, whatever was written over it since.
standing as (
    select
        versions.key_result_id,
        versions.cycle_id,
        versions.cycle_starts_on,
        versions.cycle_ends_on,
        versions.locks_on,
        versions.readiness_due_on,
        versions.as_of,
        locked.key_result_id is not null as is_locked,
        coalesce(locked.record_key, versions.record_key) as record_key,
        coalesce(locked.locked_on, versions.judged_on) as judged_on
    from versions
    left join {{ ref("int_key_result__locked") }} as locked
        on versions.key_result_id = locked.key_result_id and versions.as_of >= locked.locked_on
    where
        versions.nearness = 1
        and (
            locked.key_result_id is not null
            or (versions.valid_to > versions.judged_on and versions.state <> 'abandoned')
        )
),

described as (
    select
        standing.*,
        key_results.objective_id,
        key_results.title,
        key_results.champion_id,
        key_results.reviewer_id,
        key_results.type,
        key_results.direction,
        key_results.unit,
        key_results.baseline,
        key_results.target,
        key_results.lower_limit,
        key_results.upper_limit,
        greatest(coalesce(key_results.weight, 0), 0) as stated_weight,
        coalesce(key_results.measured_as, 'latest') as measured_as,
        key_results.trailing_periods,
        key_results.state,
        key_results.attestation_statement,
        key_results.attested_on,
        key_results.attestation_expires_on,
        {{ key_result_starts_on("key_results.starts_on", "key_results.due_on", "standing.cycle_starts_on") }}
            as starts_on,
        {{ key_result_due_on("key_results.starts_on", "key_results.due_on", "standing.cycle_ends_on") }} as due_on,
        key_results.load_id,
        key_results.source_file,
        key_results.source_row
    from standing
    inner join {{ ref("stg_lake__key_results") }} as key_results on standing.record_key = key_results.record_key
    where key_results.state <> 'abandoned'
),

-- Every objective counts the same: weights of key results say something inside their objective only.
totalled as (
    select
        *,
        sum(stated_weight) over (
            partition by objective_id, cycle_id order by key_result_id
            rows between unbounded preceding and unbounded following
        ) as total_weight,
        count(*) over (partition by objective_id, cycle_id) as siblings
    from described
)

select
    totalled.key_result_id,
    totalled.cycle_id,
    totalled.record_key,
    totalled.objective_id,
    coalesce(objectives.org_unit_id, '(unknown)') as org_unit_id,
    coalesce(objectives.sponsor_id, '(unowned)') as sponsor_id,
    totalled.title,
    coalesce(totalled.champion_id, '(unowned)') as champion_id,
    totalled.type,
    totalled.direction,
    totalled.unit,
    totalled.state,
    totalled.measured_as,
    totalled.trailing_periods,
    totalled.attestation_statement,
    totalled.baseline,
    totalled.target,
    totalled.lower_limit,
    totalled.upper_limit,
    case
        when totalled.total_weight > 0 then totalled.stated_weight / totalled.total_weight
        else cast(1 as double) / totalled.siblings
    end as weight_share,
    totalled.is_locked,
    totalled.judged_on,
    totalled.starts_on,
    totalled.due_on,
    totalled.cycle_starts_on,
    totalled.cycle_ends_on,
    totalled.locks_on,
    totalled.readiness_due_on,
    totalled.attested_on,
    totalled.attestation_expires_on,
    totalled.load_id,
    totalled.source_file,
    totalled.source_row
from totalled
left join {{ ref("int_objective__versions") }} as objectives
    on
        totalled.objective_id = objectives.objective_id
        and totalled.judged_on >= objectives.valid_from
        and totalled.judged_on < objectives.valid_to
