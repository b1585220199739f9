"""MAP-05: the graphs of objectives, of KPI drivers and of organizational units have no cycle.

Whatever lies on a circle can be reached from itself. The circle is told once, from its first member; of several through
that member the shortest.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

EDGES = """
with recursive edges as (
    select distinct 'objective' as subject_type, objective_id as from_id, supports_id as to_id
    from marts.dim_objective where is_current and supports_id is not null
    union
    select distinct 'kpi', driver_kpi_id, kpi_id
    from marts.bridge_kpi_driver where is_current
    union
    select distinct 'unit', org_unit_id, parent_org_unit_id
    from marts.dim_org_unit where is_current and parent_org_unit_id is not null
)
"""

JUDGED = EDGES + "select count(*) from edges"

# What nothing leads to, or what leads nowhere, lies on no circle and is not followed.
VIOLATIONS = (
    EDGES
    + """,
followed as (
    select subject_type, from_id as start_id, to_id as node_id from edges
    where from_id in (select to_id from edges) and to_id in (select from_id from edges)
    union
    select followed.subject_type, followed.start_id, edges.to_id
    from followed
    inner join edges on edges.subject_type = followed.subject_type and edges.from_id = followed.node_id
),
circular as (
    select subject_type, start_id as node_id from followed where start_id = node_id
),
ways as (
    select
        edges.subject_type,
        edges.from_id as start_id,
        edges.to_id as node_id,
        1 as steps,
        edges.from_id || ' -> ' || edges.to_id as path
    from edges
    inner join circular on circular.subject_type = edges.subject_type and circular.node_id = edges.from_id
    where edges.to_id >= edges.from_id
    union
    select ways.subject_type, ways.start_id, edges.to_id, ways.steps + 1, min(ways.path || ' -> ' || edges.to_id)
    from ways
    inner join edges on edges.subject_type = ways.subject_type and edges.from_id = ways.node_id
    inner join circular on circular.subject_type = edges.subject_type and circular.node_id = edges.to_id
    where ways.node_id <> ways.start_id and edges.to_id >= ways.start_id and ways.steps < 40
    group by ways.subject_type, ways.start_id, edges.to_id, ways.steps
),
closed as (
    select *, row_number() over (partition by subject_type, start_id order by steps, path) as place
    from ways
    where node_id = start_id
),
told as (
    select subject_type, start_id as subject_id, 'a circle: ' || path as detail from closed where place = 1
    union all
    -- A circle longer than that is named without its path: it blocks all the same.
    select circular.subject_type, min(circular.node_id), 'a circle of more than 40 members, ' || min(circular.node_id)
    from circular
    where not exists (select 1 from closed where closed.subject_type = circular.subject_type)
    group by circular.subject_type
)
select
    told.subject_type,
    told.subject_id,
    told.detail,
    coalesce(objective.source_file, kpi.source_file, unit.source_file) as source_file,
    coalesce(objective.source_row, kpi.source_row, unit.source_row) as source_row,
    coalesce(objective.load_id, kpi.load_id, unit.load_id) as load_id
from told
left join marts.dim_objective as objective
    on told.subject_type = 'objective' and objective.objective_id = told.subject_id and objective.is_current
left join marts.dim_kpi as kpi on told.subject_type = 'kpi' and kpi.kpi_id = told.subject_id and kpi.is_current
left join marts.dim_org_unit as unit
    on told.subject_type = 'unit' and unit.org_unit_id = told.subject_id and unit.is_current
"""
)

RULE = Rule(
    id="MAP-05",
    slug="alignment_and_driver_graphs_have_no_cycle",
    title="The graphs of objectives, of KPI drivers and of units have no cycle",
    why="Two goals that support each other support nothing, and every roll-up over them runs in a circle.",
    subject_type="objective",
    severity="block",
    owner_role="objective_owner",
    remedy="Remove one `supports`, `drivers` or `parent` entry of the circle.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
