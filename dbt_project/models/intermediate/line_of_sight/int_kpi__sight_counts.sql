{#-
  Ways of up to max_steps edges on the as_of date, counted by adding up, never by walking each: a KPI has as many as its
  targets have.
-#}
{%- set max_steps = longest_line_of_sight() | int -%}

with edges as (
    select edges.*
    from {{ ref("int_kpi__sight_edges") }} as edges
    inner join {{ ref("int_run__context") }} as run on edges.from_on <= run.as_of and edges.until_on > run.as_of
),

counted_1 as (
    select
        kpi_id,
        cast(count(*) as bigint) as path_count
    from edges
    where target_type <> 'kpi'
    group by kpi_id
),

{% for step in range(2, max_steps + 1) -%}
counted_{{ step }} as (
    select
        edges.kpi_id,
        cast(sum(counted.path_count) as bigint) as path_count
    from edges
    inner join counted_{{ step - 1 }} as counted on edges.target_id = counted.kpi_id
    where edges.target_type = 'kpi'
    group by edges.kpi_id
),

{% endfor -%}
found as (
    {% for step in range(1, max_steps + 1) -%}
    select
        kpi_id,
        path_count
    from counted_{{ step }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    kpi_id,
    cast(sum(path_count) as bigint) as path_count
from found
group by kpi_id
