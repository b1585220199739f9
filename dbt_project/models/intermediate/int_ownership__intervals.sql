-- What each version of a subject says of its owners holds while the version does; equal neighbours become one row.
with stated as (
    select
        'kpi' as subject_type,
        owners.kpi_id as subject_id,
        owners.role,
        owners.person_id,
        owners.acknowledged_on,
        owners.delegated_from_id,
        greatest(kpis.valid_from, coalesce(owners.owned_from, kpis.valid_from)) as owned_from,
        case
            when owners.owned_to is null or owners.owned_to >= kpis.valid_to then kpis.valid_to
            else {{ add_days("owners.owned_to", 1) }}
        end as owned_to,
        owners.load_id,
        owners.source_file,
        owners.source_row
    from {{ ref("stg_lake__kpi_owners") }} as owners
    inner join {{ ref("int_kpi__versions") }} as kpis on owners.record_key = kpis.record_key
    union all
    {% for role, person in [("champion", "champion_id"), ("reviewer", "reviewer_id")] -%}
    select
        'key_result' as subject_type,
        key_result_id as subject_id,
        '{{ role }}' as role,
        {{ person }} as person_id,
        cast(null as date) as acknowledged_on,
        cast(null as {{ dbt.type_string() }}) as delegated_from_id,
        valid_from as owned_from,
        valid_to as owned_to,
        load_id,
        source_file,
        source_row
    from {{ ref("int_key_result__versions") }}
    union all
    {% endfor -%}
    {% for role, person in [("owner", "owner_id"), ("sponsor", "sponsor_id")] -%}
    select
        'objective' as subject_type,
        objective_id as subject_id,
        '{{ role }}' as role,
        {{ person }} as person_id,
        cast(null as date) as acknowledged_on,
        cast(null as {{ dbt.type_string() }}) as delegated_from_id,
        valid_from as owned_from,
        valid_to as owned_to,
        load_id,
        source_file,
        source_row
    from {{ ref("int_objective__versions") }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

flagged as (
    select
        *,
        case
            when
                owned_from <= max(owned_to) over (
                    partition by subject_type, subject_id, role, person_id
                    order by owned_from, owned_to
                    rows between unbounded preceding and 1 preceding
                )
                then 0
            else 1
        end as starts_island
    from stated
    where owned_from < owned_to and person_id is not null
),

numbered as (
    select
        *,
        sum(starts_island) over (
            partition by subject_type, subject_id, role, person_id
            order by owned_from, owned_to
            rows between unbounded preceding and current row
        ) as island
    from flagged
),

placed as (
    select
        *,
        row_number() over (
            partition by subject_type, subject_id, role, person_id, island
            order by owned_from desc, owned_to desc, load_id desc, source_row desc
        ) as newness
    from numbered
)

select
    subject_type,
    subject_id,
    role,
    person_id,
    min(owned_from) as owned_from,
    max(owned_to) as owned_to,
    max(acknowledged_on) as acknowledged_on,
    max(case when newness = 1 then delegated_from_id end) as delegated_from_id,
    max(case when newness = 1 then load_id end) as load_id,
    max(case when newness = 1 then source_file end) as source_file,
    max(case when newness = 1 then source_row end) as source_row
from placed
group by subject_type, subject_id, role, person_id, island
