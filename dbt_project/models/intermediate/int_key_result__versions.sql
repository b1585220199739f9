{{ version_intervals(ref("stg_lake__key_results"), "key_result_id") }},

cycles as (
    select cycles.*
    from {{ ref("int_cycle__versions") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
),

-- What its objective does not stand for, a key result does not stand for either: from the day on which the current
-- version of the objective ceased to be committed, it is at most as much as that.
uncommitted as (
    select
        objectives.objective_id,
        objectives.state,
        objectives.valid_from
    from {{ ref("int_objective__versions") }} as objectives
    inner join {{ ref("int_run__context") }} as run
        on objectives.valid_from <= run.as_of and objectives.valid_to > run.as_of
    where objectives.state <> 'committed'
),

stood as (
    select
        intervals.*,
        intervals.state as standing_state,
        intervals.valid_from as standing_from,
        least(intervals.valid_to, coalesce(uncommitted.valid_from, intervals.valid_to)) as standing_to
    from intervals
    left join uncommitted on intervals.objective_id = uncommitted.objective_id
    where uncommitted.objective_id is null or intervals.valid_from < uncommitted.valid_from
    union all
    select
        intervals.*,
        case when intervals.state = 'abandoned' then 'abandoned' else uncommitted.state end as standing_state,
        greatest(intervals.valid_from, uncommitted.valid_from) as standing_from,
        intervals.valid_to as standing_to
    from intervals
    inner join uncommitted on intervals.objective_id = uncommitted.objective_id
    where intervals.valid_to > uncommitted.valid_from
),

placed as (
    select
        stood.*,
        cycles.starts_on as cycle_starts_on,
        cycles.ends_on as cycle_ends_on,
        cycles.status_rule as cycle_status_rule,
        coalesce(cycles.locks_on, cycles.starts_on) as locks_on,
        -- The committed version valid on the lock date; a key result committed later is locked as it was then.
        case
            when
                stood.standing_state = 'committed'
                and stood.standing_to > coalesce(cycles.locks_on, cycles.starts_on)
                then row_number() over (
                    partition by
                        stood.key_result_id,
                        stood.standing_state = 'committed'
                        and stood.standing_to > coalesce(cycles.locks_on, cycles.starts_on)
                    order by stood.standing_from
                )
        end as place_after_lock
    from stood
    left join cycles on stood.cycle_id = cycles.cycle_id
)

select
    {{ row_key(["placed.key_result_id", "placed.standing_from"]) }} as key_result_key,
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
    {{ key_result_starts_on("placed.starts_on", "placed.due_on", "placed.cycle_starts_on") }} as starts_on,
    {{ key_result_due_on("placed.starts_on", "placed.due_on", "placed.cycle_ends_on") }} as due_on,
    placed.weight,
    placed.indicator,
    coalesce(placed.measured_as, 'latest') as measured_as,
    placed.trailing_periods,
    placed.standing_state as state,
    placed.status_rule,
    placed.attestation_statement,
    placed.attested_by_id,
    placed.attested_on,
    placed.attestation_expires_on,
    placed.cycle_starts_on,
    placed.cycle_status_rule,
    placed.locks_on,
    coalesce(placed.place_after_lock = 1, false) as is_locked_version,
    placed.standing_from as valid_from,
    placed.standing_to as valid_to,
    placed.load_id,
    placed.source_file,
    placed.source_row
from placed
