"""MAP-04: weights are positive and sum to 1 per key result; units of key result and measured KPI agree.

Two things may be left out. When no `measures` link has a weight, the roll-up weighs them equally, so nothing can fail
to add up. A key result without a unit counts in that of its KPIs, which must then agree among themselves.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = """
select count(*)
from marts.dim_key_result as key_result
inner join marts.bridge_key_result_kpi as link on link.key_result_id = key_result.key_result_id and link.is_current
where key_result.is_current and key_result.state = 'committed' and link.link_type = 'measures'
"""

VIOLATIONS = """
with measured as (
    select
        key_result.key_result_id,
        coalesce(key_result.unit, min(kpi.unit) over (partition by key_result.key_result_id)) as key_result_unit,
        link.kpi_id,
        link.weight,
        kpi.unit as kpi_unit,
        kpi.kpi_id is not null as is_kpi_known,
        key_result.source_file,
        key_result.source_row,
        key_result.load_id
    from marts.dim_key_result as key_result
    inner join marts.bridge_key_result_kpi as link on link.key_result_id = key_result.key_result_id and link.is_current
    left join marts.dim_kpi as kpi on kpi.kpi_id = link.kpi_id and kpi.is_current and kpi.kpi_id <> '(unknown)'
    where key_result.is_current and key_result.state = 'committed' and link.link_type = 'measures'
),
weighed as (
    select
        key_result_id, source_file, source_row, load_id,
        sum(weight) as total,
        min(weight) as smallest,
        count(*) - count(weight) as without_weight,
        count(weight) as with_weight
    from measured
    group by key_result_id, source_file, source_row, load_id
)
select
    'key_result' as subject_type,
    key_result_id as subject_id,
    case
        when without_weight > 0 then without_weight || ' of its measuring KPIs have no weight, the others do'
        when smallest <= 0 then 'a measuring KPI has the weight ' || smallest || ', expected more than 0'
        else 'the weights of its measuring KPIs sum to ' || round(total, 6) || ', expected 1'
    end as detail,
    source_file,
    source_row,
    load_id
from weighed
where with_weight > 0
    and (without_weight > 0 or not (smallest > 0) or not (abs(total - 1) <= 0.000001))
union all
select
    'key_result',
    key_result_id,
    'it counts in ' || coalesce(key_result_unit, '(no unit)') || ', its KPI ' || kpi_id || ' in '
    || coalesce(kpi_unit, '(no unit)'),
    source_file,
    source_row,
    load_id
from measured
where is_kpi_known and key_result_unit is distinct from kpi_unit
"""

RULE = Rule(
    id="MAP-04",
    slug="weights_and_units_agree",
    title="Weights are positive and sum to 1 per key result; units of key result and measured KPI agree",
    why="Weights of 0.9 hide a tenth of the goal, and minutes compared with hours make any target look met.",
    subject_type="key_result",
    severity="withhold",
    owner_role="champion",
    remedy="Let the weights of the `measures` links sum to 1, and give key result and KPI the same unit.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
