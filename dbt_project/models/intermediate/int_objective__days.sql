-- Days that a committed objective answers for: its cycle, and longer where a key result starts earlier or is due later.
with cycles as (
    select cycles.*
    from {{ ref("int_cycle__versions") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
),

key_results as (
    select
        objective_id,
        min(starts_on) as starts_on,
        max(due_on) as due_on
    from {{ ref("int_key_result__versions") }}
    where state = 'committed'
    group by objective_id
),

versions as (
    select
        objectives.*,
        run.as_of as run_as_of,
        objectives.valid_from <= run.as_of and objectives.valid_to > run.as_of as is_current,
        least(cycles.starts_on, coalesce(key_results.starts_on, cycles.starts_on)) as first_on,
        least(run.as_of, greatest(cycles.ends_on, coalesce(key_results.due_on, cycles.ends_on))) as last_on
    from {{ ref("int_objective__versions") }} as objectives
    inner join cycles on objectives.cycle_id = cycles.cycle_id
    cross join {{ ref("int_run__context") }} as run
    left join key_results on objectives.objective_id = key_results.objective_id
    where objectives.state = 'committed' and cycles.starts_on <= run.as_of
),

-- The last day is seen with today's eyes, as the newest day of a key result is: it belongs to the current version.
spans as (
    select
        *,
        max(case when is_current then 1 else 0 end) over (partition by objective_id) = 1 as is_committed,
        greatest(valid_from, first_on) as from_on,
        least(valid_to, {{ add_days("last_on", 1) }}) as until_on
    from versions
),

bounded as (
    select
        *,
        from_on as first_day,
        case when is_committed then least(until_on, last_on) else until_on end as end_day
    from spans
),

expanded as (
    select
        bounded.*,
        days.day,
        false as is_latest
    from bounded
    {{ days_from_until("bounded.first_day", "bounded.end_day") }}
    where bounded.first_day < bounded.end_day
    union all
    select
        bounded.*,
        bounded.last_on as day,
        true as is_latest
    from bounded
    where bounded.is_current
)

select
    objective_id,
    day,
    {{ row_key(["objective_id", "valid_from"]) }} as objective_key,
    cycle_id,
    coalesce(org_unit_id, '(unknown)') as org_unit_id,
    coalesce(owner_id, '(unowned)') as owner_id,
    supports_id,
    is_latest,
    case when is_latest then run_as_of else day end as seen_on
from expanded
