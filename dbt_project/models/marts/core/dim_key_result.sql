select
    key_results.key_result_key,
    key_results.key_result_id,
    coalesce(key_results.objective_id, '(unknown)') as objective_id,
    coalesce(key_results.cycle_id, '(unknown)') as cycle_id,
    coalesce(key_results.title, key_results.key_result_id) as title,
    key_results.champion_id,
    key_results.reviewer_id,
    key_results.type,
    key_results.direction,
    key_results.unit,
    key_results.indicator,
    key_results.measured_as,
    key_results.state,
    key_results.status_rule,
    key_results.attestation_statement,
    key_results.attested_by_id,
    key_results.baseline,
    key_results.target,
    key_results.stretch,
    key_results.lower_limit,
    key_results.upper_limit,
    key_results.weight,
    key_results.trailing_periods,
    key_results.is_locked_version and key_results.locks_on <= run.as_of as is_locked_version,
    key_results.starts_on,
    key_results.due_on,
    key_results.attested_on,
    key_results.attestation_expires_on,
    case
        when key_results.is_locked_version and key_results.locks_on <= run.as_of
            then cast(key_results.locks_on as timestamp)
    end as locked_at,
    key_results.valid_from,
    key_results.valid_to,
    key_results.valid_from <= run.as_of and key_results.valid_to > run.as_of as is_current,
    key_results.record_key,
    key_results.load_id,
    key_results.source_file,
    key_results.source_row
from {{ ref("int_key_result__versions") }} as key_results
cross join {{ ref("int_run__context") }} as run
union all
select
    '(unknown)' as key_result_key,
    '(unknown)' as key_result_id,
    '(unknown)' as objective_id,
    '(unknown)' as cycle_id,
    '(unknown)' as title,
    {{ nulls(["string"] * 11 + ["double"] * 6 + ["bigint"]) }},
    false as is_locked_version,
    {{ nulls(["date"] * 4 + ["timestamp"]) }},
    {{ for_ever() }},
    {{ nulls(["string", "string", "string", "bigint"]) }}
