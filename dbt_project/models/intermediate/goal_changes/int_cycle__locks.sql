-- A lock that has come to pass stays: whoever moves the day afterwards does not unlock anything.
with states as (
    select
        known.subject_id as cycle_id,
        known.state_number,
        coalesce(cycles.locks_on, cycles.starts_on) as locks_on,
        lead(cast(known.known_at as date)) over (
            partition by known.subject_id order by known.state_number
        ) as next_known_on
    from {{ ref("int_definition__known_intervals") }} as known
    inner join {{ ref("stg_lake__cycles") }} as cycles on known.record_key = cycles.record_key
    inner join {{ ref("int_run__context") }} as run on known.valid_from <= run.as_of and known.valid_to > run.as_of
    where known.subject_type = 'cycle'
),

passed as (
    select
        cycle_id,
        locks_on,
        row_number() over (partition by cycle_id order by state_number) as place
    from states
    where locks_on < coalesce(next_known_on, cast('9999-12-31' as date))
)

select
    cycle_id,
    locks_on
from passed
where place = 1
