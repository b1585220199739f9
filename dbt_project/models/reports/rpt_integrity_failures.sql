select
    {{ row_key(["failures.rule_id", "failures.subject_type", "failures.subject_id"]) }} as integrity_failure_key,
    failures.as_of,
    failures.rule_id,
    failures.severity,
    failures.outcome,
    failures.subject_type,
    failures.subject_id,
    coalesce(subjects.subject_name, failures.subject_id) as subject_name,
    failures.detail,
    failures.owner_role,
    coalesce(failures.owner_id, '(unowned)') as owner_id,
    coalesce(people.person_name, failures.owner_id, '(unowned)') as owner_name,
    failures.owner_source,
    failures.waiver_id,
    failures.source_file,
    failures.source_load_id,
    failures.source_row,
    {{ days_between("failures.first_seen_on", "failures.as_of") }} as age_days,
    failures.first_seen_on,
    failures.first_seen_at
from {{ ref("int_integrity_result__episodes") }} as failures
left join {{ ref("int_audit__subjects") }} as subjects
    on failures.subject_type = subjects.subject_type and failures.subject_id = subjects.subject_id
left join {{ ref("dim_person") }} as people on failures.owner_id = people.person_id and people.is_current
where failures.is_in_this_audit
