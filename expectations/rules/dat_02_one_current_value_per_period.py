"""DAT-02: one current value per KPI and period, the newest; every row of a published model is what the model declares.

The declared grain is unique, and the version keys of facts resolve: what dbt's tests state too, which CI runs and a
run of the pipeline leaves out.
"""

from __future__ import annotations

from expectations.grains import judged_sql, violations_sql
from expectations.rule import Check, Rule

CURRENT_VALUES = """
select
    'kpi' as subject_type,
    kpi_id as subject_id,
    case
        when current_values = 1
            then 'of the period of ' || period_start_on || ' the vintage of ' || current_vintage_at
            || ' is current, though that of ' || newest_vintage_at || ' is known'
        when current_values = 0 then 'no value is current for the period of ' || period_start_on
        else current_values || ' values are current for the period of ' || period_start_on
    end as detail,
    cast(null as varchar) as source_file,
    cast(null as bigint) as source_row,
    cast(null as varchar) as load_id
from (
    select
        kpi_id,
        period_start_on,
        count(*) filter (where is_current) as current_values,
        max(vintage_at) filter (where is_current) as current_vintage_at,
        max(vintage_at) as newest_vintage_at
    from marts.fct_kpi_observation
    group by kpi_id, period_start_on
) as periods
where current_values <> 1 or current_vintage_at is distinct from newest_vintage_at
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
    remedy="Run again: the next run builds every model in full from the lake. When the rows stay doubled, correct "
    "the model that doubles them.",
    stages=("marts", "reports"),
    checks={
        "marts": Check(violations=CURRENT_VALUES + violations_sql("marts"), judged=judged_sql("marts")),
        "reports": Check(violations=violations_sql("reports"), judged=judged_sql("reports")),
    },
)
