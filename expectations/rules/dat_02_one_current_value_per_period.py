"""DAT-02: one current value per KPI and period; the declared grain of every published model is unique."""

from __future__ import annotations

from expectations.grains import judged_sql, violations_sql
from expectations.rule import Check, Rule

CURRENT_VALUES = """
select
    'kpi' as subject_type,
    kpi_id as subject_id,
    case
        when current_values = 0 then 'no value is current for the period of ' || period_start_on
        else current_values || ' values are current for the period of ' || period_start_on
    end as detail,
    source_file,
    source_row,
    load_id
from (
    select
        kpi_id,
        period_start_on,
        count(*) filter (where is_current) as current_values,
        max(source_file) as source_file,
        max(source_row) as source_row,
        max(load_id) as load_id
    from marts.fct_kpi_observation
    group by kpi_id, period_start_on
    having count(*) filter (where is_current) <> 1
) as periods
union all
"""

RULE = Rule(
    id="DAT-02",
    slug="one_current_value_per_period",
    title="One current value per KPI and period; the declared grain of every published model is unique",
    why="Two values for one day are added by one reader and averaged by the next: the same report, two numbers.",
    subject_type="kpi",
    severity="block",
    owner_role="data_steward",
    remedy="Build the layer again from the lake; when the rows stay doubled, correct the model that doubles them.",
    stages=("marts", "reports"),
    checks={
        "marts": Check(violations=CURRENT_VALUES + violations_sql("marts"), judged=judged_sql("marts")),
        "reports": Check(violations=violations_sql("reports"), judged=judged_sql("reports")),
    },
)
