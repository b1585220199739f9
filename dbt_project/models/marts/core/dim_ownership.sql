{%- set text = dbt.type_string() -%}

with run as (
    select as_of from {{ ref("int_run__context") }}
),

lineage as (
    {% for subject_type, model, id in [
        ("kpi", "int_kpi__versions", "kpi_id"), ("key_result", "int_key_result__versions", "key_result_id"),
        ("objective", "int_objective__versions", "objective_id"),
    ] -%}
    select
        '{{ subject_type }}' as subject_type,
        {{ id }} as subject_id,
        record_key,
        {{ "objective_id" if subject_type == "key_result" else "cast(null as " ~ text ~ ")" }} as objective_id,
        {{ "cast(null as " ~ text ~ ")" if subject_type == "key_result" else "org_unit_id" }} as org_unit_id,
        valid_from,
        valid_to,
        load_id,
        source_file,
        source_row
    from {{ ref(model) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- Nobody is a member too: a fact that looks for the owner of a day finds one row on each.
rows_of_all as (
    select
        subject_type,
        subject_id,
        role,
        person_id,
        delegated_from_id,
        owned_from,
        owned_to,
        acknowledged_on,
        load_id,
        source_file,
        source_row
    from {{ ref("int_ownership__intervals") }}
    union all
    select
        subject_type,
        subject_id,
        role,
        '(unowned)' as person_id,
        cast(null as {{ text }}) as delegated_from_id,
        from_on as owned_from,
        until_on as owned_to,
        cast(null as date) as acknowledged_on,
        cast(null as {{ text }}) as load_id,
        cast(null as {{ text }}) as source_file,
        cast(null as bigint) as source_row
    from {{ ref("int_ownership__segments") }}
    where kind = 'gap'
),

-- The day whose definitions a row shows: the last one of the interval that is not after the as_of date.
seen as (
    select
        rows_of_all.*,
        rows_of_all.owned_from <= run.as_of and rows_of_all.owned_to > run.as_of as is_current,
        greatest(
            rows_of_all.owned_from, least({{ add_days("rows_of_all.owned_to", -1) }}, run.as_of)
        ) as seen_on
    from rows_of_all
    cross join run
),

people as (
    select
        people.person_id,
        people.org_unit_id
    from {{ ref("int_person__versions") }} as people
    inner join run on people.valid_from <= run.as_of and people.valid_to > run.as_of
),

units as (
    select
        org_unit_id,
        department_id,
        enterprise_id
    from {{ ref("dim_org_unit") }}
    where is_current
),

placed as (
    select
        seen.*,
        lineage.record_key,
        lineage.load_id as subject_load_id,
        lineage.source_file as subject_source_file,
        lineage.source_row as subject_source_row,
        coalesce(people.org_unit_id, '(unknown)') as org_unit_id,
        coalesce(lineage.org_unit_id, objectives.org_unit_id, '(unknown)') as subject_org_unit_id
    from seen
    left join lineage
        on
            seen.subject_type = lineage.subject_type
            and seen.subject_id = lineage.subject_id
            and seen.seen_on >= lineage.valid_from
            and seen.seen_on < lineage.valid_to
    left join {{ ref("int_objective__versions") }} as objectives
        on
            lineage.objective_id = objectives.objective_id
            and seen.seen_on >= objectives.valid_from
            and seen.seen_on < objectives.valid_to
    left join people on seen.person_id = people.person_id
)

select
    {{ row_key([
        "placed.subject_type", "placed.subject_id", "placed.role", "placed.person_id", "placed.owned_from",
    ]) }} as ownership_key,
    placed.subject_type,
    placed.subject_id,
    placed.role,
    placed.person_id,
    placed.org_unit_id,
    coalesce(owner_units.department_id, '(unknown)') as department_id,
    coalesce(owner_units.enterprise_id, '(unknown)') as enterprise_id,
    placed.subject_org_unit_id,
    coalesce(subject_units.department_id, '(unknown)') as subject_department_id,
    coalesce(subject_units.enterprise_id, '(unknown)') as subject_enterprise_id,
    placed.delegated_from_id,
    inputs.levers_elsewhere,
    case
        when placed.role <> 'accountable_owner' then 'not_an_accountable_owner'
        when placed.person_id = '(unowned)' then 'unowned'
        else inputs.null_reason
    end as controlled_input_null_reason,
    inputs.controlled_input_share,
    placed.is_current,
    placed.owned_from,
    placed.owned_to,
    placed.acknowledged_on,
    coalesce(placed.load_id, placed.subject_load_id) as load_id,
    coalesce(placed.source_file, placed.subject_source_file) as source_file,
    coalesce(placed.source_row, placed.subject_source_row) as source_row
from placed
left join units as owner_units on placed.org_unit_id = owner_units.org_unit_id
left join units as subject_units on placed.subject_org_unit_id = subject_units.org_unit_id
left join {{ ref("int_kpi__controlled_inputs") }} as inputs
    on
        placed.role = 'accountable_owner'
        and placed.record_key = inputs.record_key
        and placed.person_id = inputs.person_id
