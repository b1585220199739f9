{{ version_intervals(ref("stg_lake__key_results"), "key_result_id") }},

cycles as (
    select cycles.*
    from {{ ref("int_cycle__versions") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
),

placed as (
    select
        intervals.*,
        cycles.starts_on as cycle_starts_on,
        cycles.ends_on as cycle_ends_on,
        cycles.status_rule as cycle_status_rule,
        coalesce(cycles.locks_on, cycles.starts_on) as locks_on,
        -- The committed version valid on the lock date; a key result committed later is locked as it was then.
        case
            when intervals.state = 'committed' and intervals.valid_to > coalesce(cycles.locks_on, cycles.starts_on)
                then row_number() over (
                    partition by
                        intervals.key_result_id,
                        intervals.state = 'committed'
                        and intervals.valid_to > coalesce(cycles.locks_on, cycles.starts_on)
                    order by intervals.valid_from
                )
        end as place_after_lock
    from intervals
    left join cycles on intervals.cycle_id = cycles.cycle_id
)

select
    {{ row_key(["placed.key_result_id", "placed.valid_from"]) }} as key_result_key,
    placed.record_key,
    placed.key_result_id,
    placed.objective_id,
    placed.cycle_id,
    placed.title,
    placed.champion_id,
    placed.reviewer_id,
    placed.type,
    placed.direction,
    placed.unit,
    placed.baseline,
    placed.target,
    placed.stretch,
    placed.lower_limit,
    placed.upper_limit,
    coalesce(placed.starts_on, placed.cycle_starts_on) as starts_on,
    coalesce(placed.due_on, placed.cycle_ends_on) as due_on,
    placed.weight,
    placed.indicator,
    coalesce(placed.measured_as, 'latest') as measured_as,
    placed.trailing_periods,
    placed.state,
    placed.status_rule,
    placed.attestation_statement,
    placed.attested_by_id,
    placed.attested_on,
    placed.attestation_expires_on,
    placed.cycle_starts_on,
    placed.cycle_status_rule,
    placed.locks_on,
    coalesce(placed.place_after_lock = 1, false) as is_locked_version,
    placed.valid_from,
    placed.valid_to,
    placed.load_id,
    placed.source_file,
    placed.source_row
from placed
