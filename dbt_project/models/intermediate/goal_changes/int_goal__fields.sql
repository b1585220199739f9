{#- What a goal consists of, field by field: name, text, number; dates in ISO form. -#}

{%- set key_result_fields = [
    ("state", "key_results.state", none),
    ("cycle_id", "key_results.cycle_id", none),
    ("direction", "key_results.direction", none),
    ("unit", "key_results.unit", none),
    ("status_rule", "key_results.status_rule", none),
    ("measured_as", "case when key_results.measured_as = 'trailing_mean' then 'trailing_mean(' || "
        ~ as_text("key_results.trailing_periods") ~ " || ')' else coalesce(key_results.measured_as, 'latest') end", none),
    ("starts_on", as_text(key_result_starts_on("key_results.starts_on", "key_results.due_on", "cycles.starts_on")), none),
    ("due_on", as_text(key_result_due_on("key_results.starts_on", "key_results.due_on", "cycles.ends_on")), none),
    ("baseline", none, "key_results.baseline"), ("target", none, "key_results.target"),
    ("stretch", none, "key_results.stretch"), ("lower_limit", none, "key_results.lower_limit"),
    ("upper_limit", none, "key_results.upper_limit"), ("weight", none, "key_results.weight"),
] -%}
{%- set kpi_fields = [
    ("formula", "kpis.formula", none), ("unit", "kpis.unit", none), ("feed", "kpis.feed_id", none),
    ("direction", "kpis.direction", none), ("grain", "kpis.grain", none), ("aggregation", "kpis.aggregation", none),
    ("target", none, "kpis.target"), ("lower_limit", none, "kpis.lower_limit"),
    ("upper_limit", none, "kpis.upper_limit"), ("valid_range.min", none, "kpis.valid_min"),
    ("valid_range.max", none, "kpis.valid_max"),
] -%}
{%- set cycle_fields = [
    ("starts_on", as_text("cycles.starts_on"), none), ("ends_on", as_text("cycles.ends_on"), none),
    ("locks_on", as_text("cycles.locks_on"), none),
] -%}
{#- child table, condition, name of the field, text, number -#}
{%- set part_fields = [
    ("key_result_links", "link_type = 'measures'", "'links.' || kpi_id", "'measures'", none),
    ("key_result_links", "link_type = 'measures'", "'links.' || kpi_id || '.weight'", none, "weight"),
    ("key_result_links", "link_type = 'guardrail'", "'guardrails.' || kpi_id", "'guardrail'", none),
    ("key_result_links", "link_type = 'guardrail'", "'guardrails.' || kpi_id || '.min'", none, "guardrail_min"),
    ("key_result_links", "link_type = 'guardrail'", "'guardrails.' || kpi_id || '.max'", none, "guardrail_max"),
    ("key_result_milestones", "milestone_id is not null", "'milestones.' || milestone_id", "'milestone'", none),
    ("key_result_milestones", "milestone_id is not null", "'milestones.' || milestone_id || '.weight'", none, "weight"),
    ("key_result_milestones", "milestone_id is not null", "'milestones.' || milestone_id || '.due_on'",
        as_text("due_on"), none),
    ("key_result_checkpoints", "checkpoint_on is not null", "'checkpoints.' || " ~ as_text("checkpoint_on"), none,
        "expected_progress"),
] -%}

-- The cycles are joined for the days that a key result leaves to them.
with cycles_of_day as (
    select cycles.*
    from {{ ref("int_cycle__versions") }} as cycles
    inner join {{ ref("int_run__context") }} as run on cycles.valid_from <= run.as_of and cycles.valid_to > run.as_of
),

fields as (
    {% for field, value, number in key_result_fields -%}
    select
        'key_result' as subject_type,
        key_results.record_key,
        '{{ field }}' as field,
        {{ value if value else number_text(number) }} as value,
        {{ number if number else "cast(null as double)" }} as number,
        cast(0 as bigint) as position
    from {{ ref("stg_lake__key_results") }} as key_results
    {% if value and "cycles." in value -%}
    left join cycles_of_day as cycles on key_results.cycle_id = cycles.cycle_id
    {% endif -%}
    where not key_results.is_deleted
    union all
    {% endfor -%}
    {% for field, value, number in kpi_fields -%}
    select
        'kpi' as subject_type,
        kpis.record_key,
        '{{ field }}' as field,
        {{ value if value else number_text(number) }} as value,
        {{ number if number else "cast(null as double)" }} as number,
        cast(0 as bigint) as position
    from {{ ref("stg_lake__kpis") }} as kpis
    where not kpis.is_deleted
    union all
    {% endfor -%}
    {% for field, value, number in cycle_fields -%}
    select
        'cycle' as subject_type,
        cycles.record_key,
        '{{ field }}' as field,
        {{ value }} as value,
        cast(null as double) as number,
        cast(0 as bigint) as position
    from {{ ref("stg_lake__cycles") }} as cycles
    where not cycles.is_deleted
    union all
    {% endfor -%}
    {% for table, condition, field, value, number in part_fields -%}
    select
        'key_result' as subject_type,
        record_key,
        {{ field }} as field,
        {{ value if value else number_text(number) }} as value,
        {{ number if number else "cast(null as double)" }} as number,
        position
    from {{ ref("stg_lake__" ~ table) }}
    where {{ condition }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- A part that is stated twice counts as first stated.
ranked as (
    select
        *,
        row_number() over (partition by record_key, field order by position) as mention
    from fields
    where value is not null
)

select
    subject_type,
    record_key,
    field,
    value,
    number
from ranked
where mention = 1
