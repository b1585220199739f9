"""OWN-03: a shared KPI has one data steward, who acknowledged it before the cycle starts.

Whoever takes over inside the cycle must have accepted by the day on which the role became theirs.
"""

from __future__ import annotations

from expectations.rule import Check, Rule
from expectations.shared_kpis import SHARED_KPIS

JUDGED = SHARED_KPIS + "select count(distinct kpi_id) from shared"

VIOLATIONS = (
    SHARED_KPIS
    + """,
counted as (
    select
        kpi_id,
        count(distinct person_id) as people,
        string_agg(distinct person_id, ', ' order by person_id) as names
    from stewards
    group by kpi_id
),
offences as (
    select
        shared.kpi_id,
        'shared by ' || shared.units || ', and ' || case
            when counted.people is null then 'nobody is its data steward'
            else counted.people || ' people are its data steward at once: ' || counted.names
        end as detail
    from shared
    left join counted on counted.kpi_id = shared.kpi_id
    where coalesce(counted.people, 0) <> 1
    union all
    select
        shared.kpi_id,
        'shared by ' || shared.units || ', and its data steward ' || stewards.person_id
        || case
            when stewards.acknowledged_on is null then ' has not acknowledged it'
            else ' acknowledged it on ' || stewards.acknowledged_on
        end
        || ', expected before ' || shared.cycle_id || ' starts on ' || shared.starts_on
    from shared
    inner join stewards on stewards.kpi_id = shared.kpi_id
    where not coalesce(
        stewards.acknowledged_on < shared.starts_on
        or (stewards.owned_from > shared.starts_on and stewards.acknowledged_on <= stewards.owned_from),
        false
    )
)
select
    'kpi' as subject_type,
    offences.kpi_id as subject_id,
    offences.detail,
    kpi.source_file,
    kpi.source_row,
    kpi.load_id
from offences
inner join marts.dim_kpi as kpi on kpi.kpi_id = offences.kpi_id and kpi.is_current
"""
)

RULE = Rule(
    id="OWN-03",
    slug="shared_kpi_has_one_acknowledged_steward",
    title="A shared KPI has one data steward, who acknowledged it before the cycle starts",
    why="Two units read one number; when it is wrong, each waits for the other to say so.",
    subject_type="kpi",
    severity="withhold",
    owner_role="data_steward",
    remedy="Name one data steward in the KPI's `owners` and enter `acknowledged_on` before the cycle starts.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
