{{ config(materialized=kept_as("ephemeral")) }}

{% for subject_type, model, id, name, unit, feed in [
    ("kpi", "dim_kpi", "kpi_id", "kpi_name", "org_unit_id", "feed_id"),
    ("objective", "dim_objective", "objective_id", "title", "org_unit_id", none),
    ("person", "dim_person", "person_id", "person_name", "org_unit_id", none),
    ("unit", "dim_org_unit", "org_unit_id", "org_unit_name", "org_unit_id", none),
] -%}
select
    '{{ subject_type }}' as subject_type,
    {{ id }} as subject_id,
    {{ name }} as subject_name,
    {{ unit }} as org_unit_id,
    {{ feed or "cast(null as " ~ dbt.type_string() ~ ")" }} as feed_id
from {{ ref(model) }}
where is_current
union all
{% endfor -%}
select
    'key_result' as subject_type,
    key_results.key_result_id as subject_id,
    key_results.title as subject_name,
    objectives.org_unit_id,
    cast(null as {{ dbt.type_string() }}) as feed_id
from {{ ref("dim_key_result") }} as key_results
left join {{ ref("dim_objective") }} as objectives
    on key_results.objective_id = objectives.objective_id and objectives.is_current
where key_results.is_current
union all
select
    'cycle' as subject_type,
    cycle_id as subject_id,
    cycle_name as subject_name,
    cast(null as {{ dbt.type_string() }}) as org_unit_id,
    cast(null as {{ dbt.type_string() }}) as feed_id
from {{ ref("dim_cycle") }}
union all
select
    'feed' as subject_type,
    feeds.feed_id as subject_id,
    feeds.feed_name as subject_name,
    owners.org_unit_id,
    feeds.feed_id
from {{ ref("int_feed__versions") }} as feeds
inner join {{ ref("int_run__context") }} as run on feeds.valid_from <= run.as_of and feeds.valid_to > run.as_of
left join {{ ref("dim_person") }} as owners on feeds.owner_id = owners.person_id and owners.is_current
