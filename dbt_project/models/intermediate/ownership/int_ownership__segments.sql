{#- Roles that exactly one person must hold at any time. -#}
{%- set single_roles = "'accountable_owner', 'data_steward', 'champion', 'reviewer', 'owner'" -%}

with lives as (
    select
        'kpi' as subject_type,
        kpi_id as subject_id,
        'accountable_owner' as role,
        valid_from,
        valid_to
    from {{ ref("int_kpi__versions") }}
    union all
    select
        'kpi' as subject_type,
        kpi_id as subject_id,
        'data_steward' as role,
        valid_from,
        valid_to
    from {{ ref("int_kpi__versions") }}
    union all
    {% for role in ["champion", "reviewer"] -%}
    select
        'key_result' as subject_type,
        key_result_id as subject_id,
        '{{ role }}' as role,
        valid_from,
        valid_to
    from {{ ref("int_key_result__versions") }}
    union all
    {% endfor -%}
    select
        'objective' as subject_type,
        objective_id as subject_id,
        'owner' as role,
        valid_from,
        valid_to
    from {{ ref("int_objective__versions") }}
),

held as (
    select * from {{ ref("int_ownership__intervals") }}
    where role in ({{ single_roles }})
),

bounds as (
    {% for table, bound in [
        ("lives", "valid_from"), ("lives", "valid_to"), ("held", "owned_from"), ("held", "owned_to"),
    ] -%}
    select
        subject_type,
        subject_id,
        role,
        {{ bound }} as bound_on
    from {{ table }}
    {{ "union" if not loop.last }}
    {% endfor %}
),

segments as (
    select
        subject_type,
        subject_id,
        role,
        bound_on as from_on,
        lead(bound_on) over (partition by subject_type, subject_id, role order by bound_on) as until_on
    from bounds
),

living as (
    select
        segments.subject_type,
        segments.subject_id,
        segments.role,
        segments.from_on,
        segments.until_on
    from segments
    inner join lives
        on
            segments.subject_type = lives.subject_type
            and segments.subject_id = lives.subject_id
            and segments.role = lives.role
            and segments.from_on >= lives.valid_from
            and segments.from_on < lives.valid_to
    where segments.until_on is not null
),

holders as (
    select
        living.*,
        held.person_id,
        held.delegated_from_id
    from living
    left join held
        on
            living.subject_type = held.subject_type
            and living.subject_id = held.subject_id
            and living.role = held.role
            and living.from_on >= held.owned_from
            and living.from_on < held.owned_to
),

delegators as (
    select distinct
        subject_type,
        subject_id,
        role,
        from_on,
        delegated_from_id as person_id
    from holders
    where delegated_from_id is not null and delegated_from_id <> person_id
),

-- Whoever handed the role over for a time keeps it, but does not hold it meanwhile.
acting as (
    select distinct
        holders.subject_type,
        holders.subject_id,
        holders.role,
        holders.from_on,
        holders.until_on,
        case when delegators.person_id is null then holders.person_id end as person_id
    from holders
    left join delegators
        on
            holders.subject_type = delegators.subject_type
            and holders.subject_id = delegators.subject_id
            and holders.role = delegators.role
            and holders.from_on = delegators.from_on
            and holders.person_id = delegators.person_id
),

counted as (
    select
        subject_type,
        subject_id,
        role,
        from_on,
        until_on,
        count(person_id) as person_count,
        {{ joined_texts("person_id", "', '") }} as people
    from acting
    group by subject_type, subject_id, role, from_on, until_on
),

flagged as (
    select
        *,
        case
            when
                from_on = lag(until_on) over (partition by subject_type, subject_id, role order by from_on)
                and coalesce(people, '')
                = coalesce(lag(people) over (partition by subject_type, subject_id, role order by from_on), '')
                then 0
            else 1
        end as starts_island
    from counted
),

numbered as (
    select
        *,
        sum(starts_island) over (
            partition by subject_type, subject_id, role
            order by from_on
            rows between unbounded preceding and current row
        ) as island
    from flagged
)

select
    subject_type,
    subject_id,
    role,
    case when max(person_count) = 0 then 'gap' when max(person_count) > 1 then 'overlap' else 'held' end as kind,
    max(people) as people,
    cast(max(person_count) as int) as person_count,
    min(from_on) as from_on,
    max(until_on) as until_on
from numbered
group by subject_type, subject_id, role, island
