{#-
  Shortest way from each KPI to a key result or a constraint, for every time in which there is one. A way has at most
  max_steps edges and never comes back to a KPI that it has passed. Of ways of one length in one time, the one with the
  better link and then the first by its ids is kept, so that a dense graph stays small.
-#}
{%- set max_steps = longest_line_of_sight() | int -%}

with names as (
    select
        kpis.kpi_id,
        coalesce(kpis.kpi_name, kpis.kpi_id) as kpi_name
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
),

ways_1 as (
    select
        edges.kpi_id,
        edges.target_type,
        edges.target_id,
        coalesce(names.kpi_name, edges.kpi_id) || ' -> ' || edges.edge_type || ' -> ' || edges.target_name as path,
        '|' || edges.kpi_id || '|' as kpi_ids,
        edges.preference,
        edges.from_on,
        edges.until_on
    from {{ ref("int_kpi__sight_edges") }} as edges
    left join names on edges.kpi_id = names.kpi_id
    where edges.target_type <> 'kpi'
),

{% for step in range(1, max_steps + 1) -%}
ranked_{{ step }} as (
    select
        *,
        row_number() over (
            partition by kpi_id, from_on, until_on order by preference, target_id, kpi_ids
        ) as place
    from ways_{{ step }}
),

best_{{ step }} as (
    select *
    from ranked_{{ step }}
    where place = 1
),

{% if not loop.last -%}
ways_{{ step + 1 }} as (
    select
        edges.kpi_id,
        best.target_type,
        best.target_id,
        coalesce(names.kpi_name, edges.kpi_id) || ' -> ' || edges.edge_type || ' -> ' || best.path as path,
        '|' || edges.kpi_id || best.kpi_ids as kpi_ids,
        best.preference,
        greatest(edges.from_on, best.from_on) as from_on,
        least(edges.until_on, best.until_on) as until_on
    from best_{{ step }} as best
    inner join {{ ref("int_kpi__sight_edges") }} as edges
        on
            best.kpi_id = edges.target_id
            and best.from_on < edges.until_on
            and best.until_on > edges.from_on
    left join names on edges.kpi_id = names.kpi_id
    where
        edges.target_type = 'kpi'
        and replace(best.kpi_ids, '|' || edges.kpi_id || '|', '') = best.kpi_ids
),

{% endif -%}
{% endfor -%}
found as (
    {% for step in range(1, max_steps + 1) -%}
    select
        kpi_id,
        {{ step }} as step_count,
        target_type,
        target_id,
        path,
        kpi_ids,
        preference,
        from_on,
        until_on
    from best_{{ step }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    kpi_id,
    step_count,
    target_type,
    target_id,
    path,
    kpi_ids,
    preference,
    from_on,
    until_on
from found
