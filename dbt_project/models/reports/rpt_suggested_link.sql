{#-
  Suspects of all open cycles together, so that the share of wrong suggestions is held over all of them. The two ways a
  KPI may move, and the releases of a key result, are more than one look: its p-value is multiplied by their number.
-#}
with audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

looks as (
    select
        tests.*,
        2 * count(*) over (partition by tests.key_result_id, tests.kpi_id) as look_count,
        row_number() over (
            partition by tests.key_result_id, tests.kpi_id
            order by tests.p_value, tests.event_on, tests.tremor_key
        ) as place
    from {{ ref("int_tremor__tests") }} as tests
    where tests.relation is not null and tests.p_value is not null
),

ranked as (
    select
        *,
        least(cast(1 as double), p_value * look_count) as pair_p_value,
        row_number() over (order by p_value * look_count, tremor_key) as p_rank,
        count(*) over () as pair_count
    from looks
    where place = 1
),

-- Benjamini and Hochberg: all up to the last one that is at most its rank's share of q.
accepted as (
    select max(p_rank) as last_rank
    from ranked
    where pair_p_value <= {{ false_discovery_share() }} * p_rank / pair_count
),

suggested as (
    select
        ranked.*,
        case
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else {{ joined_reasons("withheld_key_results.withheld_reason", "withheld_kpis.withheld_reason") }}
        end as withheld_reason
    from ranked
    inner join accepted on ranked.p_rank <= accepted.last_rank
    cross join audits
    left join {{ ref("int_key_result__withheld") }} as withheld_key_results
        on ranked.key_result_id = withheld_key_results.key_result_id
    left join {{ ref("int_kpi__withheld") }} as withheld_kpis on ranked.kpi_id = withheld_kpis.kpi_id
)

select
    {{ row_key(["suggested.key_result_id", "suggested.kpi_id"]) }} as suggested_link_key,
    suggested.key_result_id,
    coalesce(key_results.title, suggested.key_result_id) as key_result_title,
    suggested.kpi_id,
    coalesce(kpis.kpi_name, suggested.kpi_id) as kpi_name,
    suggested.cycle_id,
    events.champion_id,
    coalesce(champions.person_name, events.champion_id) as champion_name,
    suggested.kpi_owner_id,
    coalesce(kpi_owners.person_name, suggested.kpi_owner_id) as kpi_owner_name,
    events.org_unit_id as key_result_org_unit_id,
    suggested.kpi_org_unit_id,
    suggested.relation,
    events.event_title,
    suggested.unit,
    suggested.withheld_reason,
    case when suggested.withheld_reason is null then suggested.side * suggested.statistic end as statistic,
    case when suggested.withheld_reason is null then suggested.pair_p_value end as p_value,
    cast({{ false_discovery_share() }} * suggested.p_rank / suggested.pair_count as double) as p_limit,
    suggested.history_count,
    cast(suggested.pair_count as int) as tested_pair_count,
    case when suggested.withheld_reason is null then suggested.is_adverse end as is_adverse,
    suggested.withheld_reason is not null as is_withheld,
    suggested.event_on
from suggested
inner join {{ ref("fct_key_result_event") }} as events
    on suggested.key_result_event_key = events.key_result_event_key
left join {{ ref("dim_key_result") }} as key_results
    on suggested.key_result_id = key_results.key_result_id and key_results.is_current
left join {{ ref("dim_kpi") }} as kpis on suggested.kpi_id = kpis.kpi_id and kpis.is_current
left join {{ ref("dim_person") }} as champions on events.champion_id = champions.person_id and champions.is_current
left join {{ ref("dim_person") }} as kpi_owners
    on suggested.kpi_owner_id = kpi_owners.person_id and kpi_owners.is_current
