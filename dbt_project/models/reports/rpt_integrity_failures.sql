with subjects as (
    {% for subject_type, model, id, name in [
        ("key_result", "dim_key_result", "key_result_id", "title"), ("kpi", "dim_kpi", "kpi_id", "kpi_name"),
        ("objective", "dim_objective", "objective_id", "title"), ("person", "dim_person", "person_id", "person_name"),
        ("unit", "dim_org_unit", "org_unit_id", "org_unit_name"),
    ] -%}
    select
        '{{ subject_type }}' as subject_type,
        {{ id }} as subject_id,
        {{ name }} as subject_name
    from {{ ref(model) }}
    where is_current
    union all
    {% endfor -%}
    select
        'cycle' as subject_type,
        cycle_id as subject_id,
        cycle_name as subject_name
    from {{ ref("dim_cycle") }}
    union all
    select
        'feed' as subject_type,
        feeds.feed_id as subject_id,
        feeds.feed_name as subject_name
    from {{ ref("int_feed__versions") }} as feeds
    inner join {{ ref("int_run__context") }} as run on feeds.valid_from <= run.as_of and feeds.valid_to > run.as_of
)

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
    {{ days_between("cast(failures.first_seen_at as date)", "cast(failures.audited_at as date)") }} as age_days,
    failures.first_seen_at
from {{ ref("int_integrity_result__episodes") }} as failures
left join subjects on failures.subject_type = subjects.subject_type and failures.subject_id = subjects.subject_id
left join {{ ref("dim_person") }} as people on failures.owner_id = people.person_id and people.is_current
