select
    {{ row_key(["objectives.objective_id", "objectives.valid_from"]) }} as objective_key,
    objectives.objective_id,
    coalesce(objectives.cycle_id, '(unknown)') as cycle_id,
    coalesce(objectives.title, objectives.objective_id) as title,
    coalesce(objectives.org_unit_id, '(unknown)') as org_unit_id,
    objectives.owner_id,
    objectives.sponsor_id,
    objectives.supports_id,
    objectives.state,
    objectives.valid_from,
    objectives.valid_to,
    objectives.valid_from <= run.as_of and objectives.valid_to > run.as_of as is_current,
    objectives.record_key,
    objectives.load_id,
    objectives.source_file,
    objectives.source_row
from {{ ref("int_objective__versions") }} as objectives
cross join {{ ref("int_run__context") }} as run
union all
select
    '(unknown)' as objective_key,
    '(unknown)' as objective_id,
    '(unknown)' as cycle_id,
    '(unknown)' as title,
    '(unknown)' as org_unit_id,
    {{ nulls(["string"] * 4) }},
    {{ for_ever() }},
    {{ nulls(["string", "string", "string", "bigint"]) }}
