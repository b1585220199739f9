-- The committed version valid on the lock date as it was known then, whatever was written over it later. A key result
-- that was committed, or became known, after the lock is locked as it was on the day on which that happened.
with candidates as (
    select
        known.subject_id as key_result_id,
        known.state_number,
        known.known_at,
        cast(known.known_at as date) as known_on,
        known.record_key,
        known.valid_from,
        locks.locks_on,
        row_number() over (partition by known.known_key order by known.valid_from) as place
    from {{ ref("int_definition__known_intervals") }} as known
    inner join {{ ref("stg_lake__key_results") }} as key_results on known.record_key = key_results.record_key
    inner join {{ ref("int_cycle__locks") }} as locks on key_results.cycle_id = locks.cycle_id
    where known.subject_type = 'key_result' and key_results.state = 'committed' and known.valid_to > locks.locks_on
),

committed as (
    select
        *,
        first_value(known_on) over (partition by key_result_id order by state_number) as first_known_on,
        first_value(locks_on) over (partition by key_result_id order by state_number) as first_locks_on
    from candidates
    where place = 1
),

frozen as (
    select
        *,
        row_number() over (partition by key_result_id order by state_number desc) as newness
    from committed
    where known_on <= greatest(first_known_on, first_locks_on)
),

cycles as (
    select cycles.*
    from {{ ref("int_cycle__versions") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
)

select
    frozen.key_result_id,
    frozen.record_key,
    key_results.objective_id,
    key_results.cycle_id,
    key_results.champion_id,
    key_results.direction,
    key_results.unit,
    key_results.baseline,
    key_results.target,
    key_results.lower_limit,
    key_results.upper_limit,
    key_results.weight,
    {{ key_result_starts_on("key_results.starts_on", "key_results.due_on", "cycles.starts_on") }} as starts_on,
    {{ key_result_due_on("key_results.starts_on", "key_results.due_on", "cycles.ends_on") }} as due_on,
    frozen.valid_from,
    greatest(frozen.locks_on, frozen.valid_from) as locked_on,
    frozen.known_at,
    key_results.load_id,
    key_results.source_file,
    key_results.source_row
from frozen
inner join {{ ref("stg_lake__key_results") }} as key_results on frozen.record_key = key_results.record_key
left join cycles on key_results.cycle_id = cycles.cycle_id
where frozen.newness = 1
