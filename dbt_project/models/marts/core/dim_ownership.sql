with intervals as (
    select
        owners.subject_type,
        owners.subject_id,
        owners.role,
        owners.person_id,
        owners.delegated_from_id,
        owners.owned_from,
        owners.owned_to,
        owners.acknowledged_on,
        owners.owned_from <= run.as_of and owners.owned_to > run.as_of as is_current,
        owners.load_id,
        owners.source_file,
        owners.source_row
    from {{ ref("int_ownership__intervals") }} as owners
    cross join {{ ref("int_run__context") }} as run
),

subjects as (
    select
        'kpi' as subject_type,
        kpi_id as subject_id,
        'accountable_owner' as role,
        valid_from,
        valid_to,
        load_id,
        source_file,
        source_row
    from {{ ref("int_kpi__versions") }}
    union all
    select
        'key_result' as subject_type,
        key_result_id as subject_id,
        'champion' as role,
        valid_from,
        valid_to,
        load_id,
        source_file,
        source_row
    from {{ ref("int_key_result__versions") }}
),

owned as (
    select distinct
        subject_type,
        subject_id,
        role
    from intervals
    where is_current
),

unowned as (
    select
        subjects.subject_type,
        subjects.subject_id,
        subjects.role,
        '(unowned)' as person_id,
        cast(null as {{ dbt.type_string() }}) as delegated_from_id,
        run.as_of as owned_from,
        cast('9999-12-31' as date) as owned_to,
        cast(null as date) as acknowledged_on,
        true as is_current,
        subjects.load_id,
        subjects.source_file,
        subjects.source_row
    from subjects
    inner join {{ ref("int_run__context") }} as run
        on subjects.valid_from <= run.as_of and subjects.valid_to > run.as_of
    left join owned
        on
            subjects.subject_type = owned.subject_type
            and subjects.subject_id = owned.subject_id
            and subjects.role = owned.role
    where owned.subject_id is null
),

rows_of_all as (
    select * from intervals
    union all
    select * from unowned
),

people as (
    select
        people.person_id,
        people.org_unit_id
    from {{ ref("int_person__versions") }} as people
    inner join {{ ref("int_run__context") }} as run on people.valid_from <= run.as_of and people.valid_to > run.as_of
)

select
    {{ row_key([
        "rows_of_all.subject_type", "rows_of_all.subject_id", "rows_of_all.role", "rows_of_all.person_id",
        "rows_of_all.owned_from",
    ]) }} as ownership_key,
    rows_of_all.subject_type,
    rows_of_all.subject_id,
    rows_of_all.role,
    rows_of_all.person_id,
    coalesce(people.org_unit_id, '(unknown)') as org_unit_id,
    rows_of_all.delegated_from_id,
    rows_of_all.owned_from,
    rows_of_all.owned_to,
    rows_of_all.acknowledged_on,
    rows_of_all.is_current,
    rows_of_all.load_id,
    rows_of_all.source_file,
    rows_of_all.source_row
from rows_of_all
left join people on rows_of_all.person_id = people.person_id
