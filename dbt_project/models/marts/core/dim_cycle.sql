select
    cycles.cycle_id as cycle_key,
    cycles.cycle_id,
    coalesce(cycles.cycle_name, cycles.cycle_id) as cycle_name,
    case
        when run.as_of < cycles.starts_on then 'planning'
        when run.as_of <= cycles.ends_on then 'active'
        when run.as_of < coalesce(cycles.closes_on, cycles.ends_on) then 'closing'
        else 'closed'
    end as state,
    cycles.status_rule,
    cycles.starts_on,
    cycles.ends_on,
    cycles.readiness_due_on,
    cycles.locks_on,
    cycles.closes_on,
    cycles.record_key,
    cycles.load_id,
    cycles.source_file,
    cycles.source_row
from {{ ref("int_cycle__versions") }} as cycles
inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
union all
select
    '(unknown)' as cycle_key,
    '(unknown)' as cycle_id,
    '(unknown)' as cycle_name,
    {{ nulls(["string", "string", "date", "date", "date", "date", "date", "string", "string", "string", "bigint"]) }}
