select
    {{ row_key(["people.person_id", "people.valid_from"]) }} as person_key,
    people.person_id,
    coalesce(people.person_name, people.person_id) as person_name,
    coalesce(people.org_unit_id, '(unknown)') as org_unit_id,
    people.active_from,
    people.active_to,
    people.valid_from,
    people.valid_to,
    people.valid_from <= run.as_of and people.valid_to > run.as_of as is_current,
    people.record_key,
    people.load_id,
    people.source_file,
    people.source_row
from {{ ref("int_person__versions") }} as people
cross join {{ ref("int_run__context") }} as run
{% for member in ["(unknown)", "(unowned)"] -%}
union all
select
    '{{ member }}' as person_key,
    '{{ member }}' as person_id,
    '{{ member }}' as person_name,
    '(unknown)' as org_unit_id,
    {{ nulls(["date", "date"]) }},
    {{ for_ever() }},
    {{ nulls(["string", "string", "string", "bigint"]) }}
{% endfor %}
