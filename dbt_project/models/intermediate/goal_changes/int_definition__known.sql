{%- set subjects = [
    ("key_result", "stg_lake__key_results", "key_result_id"), ("kpi", "stg_lake__kpis", "kpi_id"),
    ("cycle", "stg_lake__cycles", "cycle_id"),
] -%}

-- The newest version of a record wins, also over one that it corrects for days long past. Whoever wants to see that the
-- past was rewritten must compare what was known after each load: here every record stands under each of them.
with records as (
    {% for subject_type, model, id in subjects -%}
    select
        '{{ subject_type }}' as subject_type,
        {{ id }} as subject_id,
        record_key,
        effective_from,
        is_deleted,
        load_id,
        loaded_at,
        source_file,
        source_row
    from {{ ref(model) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

loads as (
    select distinct
        subject_type,
        subject_id,
        load_id,
        loaded_at
    from records
),

states as (
    select
        *,
        row_number() over (partition by subject_type, subject_id order by loaded_at, load_id) as state_number
    from loads
)

select
    {{ row_key(["states.subject_type", "states.subject_id", "states.state_number"]) }} as known_key,
    states.subject_type,
    states.subject_id,
    states.state_number,
    states.loaded_at as known_at,
    records.record_key,
    records.effective_from,
    records.is_deleted,
    records.load_id,
    records.loaded_at,
    records.source_file,
    records.source_row
from states
inner join records
    on
        states.subject_type = records.subject_type
        and states.subject_id = records.subject_id
        and (
            states.loaded_at > records.loaded_at
            or (states.loaded_at = records.loaded_at and states.load_id >= records.load_id)
        )
