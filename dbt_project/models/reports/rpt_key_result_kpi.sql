{#- A row is withheld for its KPI, and for its key result's own failures; not for another KPI of its key result. -#}
with links as (
    select * from {{ ref("fct_key_result_kpi") }}
    where is_latest
),

audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

withheld as (
    select
        links.key_result_kpi_day_key,
        case
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else {{ joined_reasons("key_results.own_reason", "kpis.withheld_reason") }}
        end as withheld_reason
    from links
    cross join audits
    left join {{ ref("int_key_result__withheld") }} as key_results on links.key_result_id = key_results.key_result_id
    left join {{ ref("int_kpi__withheld") }} as kpis on links.kpi_id = kpis.kpi_id
)

select
    links.key_result_kpi_day_key,
    links.as_of,
    links.key_result_id,
    key_results.title as key_result_title,
    links.kpi_id,
    kpis.kpi_name,
    links.link_type,
    links.cycle_id,
    links.objective_id,
    coalesce(objectives.title, links.objective_id) as objective_title,
    links.champion_id,
    coalesce(champions.person_name, links.champion_id) as champion_name,
    links.kpi_owner_id,
    coalesce(kpi_owners.person_name, links.kpi_owner_id) as kpi_owner_name,
    links.key_result_org_unit_id,
    coalesce(key_result_units.org_unit_name, links.key_result_org_unit_id) as key_result_org_unit_name,
    links.kpi_org_unit_id,
    coalesce(kpi_units.org_unit_name, links.kpi_org_unit_id) as kpi_org_unit_name,
    links.unit,
    case when withheld.withheld_reason is null then links.status else 'withheld' end as status,
    {% for text in ["status_rule_id", "null_reason", "forecast_null_reason"] -%}
    case when withheld.withheld_reason is null then links.{{ text }} end as {{ text }},
    {% endfor -%}
    withheld.withheld_reason,
    observations.source_feed as kpi_source_feed,
    observations.source_file as kpi_source_file,
    {% for figure in [
        "kpi_value", "measured_value", "baseline", "target", "weight_share", "contribution", "progress_raw", "progress",
        "expected_progress", "attainment_vs_locked", "attainment_vs_current", "attainment_drift", "forecast_value",
        "forecast_low", "forecast_high", "probability_of_target", "data_age_days", "status_rule_version",
    ] -%}
    case when withheld.withheld_reason is null then links.{{ figure }} end as {{ figure }},
    {% endfor -%}
    observations.source_row as kpi_source_row,
    withheld.withheld_reason is not null as is_withheld,
    case when withheld.withheld_reason is null then links.kpi_period_start_on end as kpi_period_start_on,
    case when withheld.withheld_reason is null then links.kpi_vintage_at end as kpi_vintage_at
from links
inner join withheld on links.key_result_kpi_day_key = withheld.key_result_kpi_day_key
inner join {{ ref("dim_key_result") }} as key_results on links.key_result_key = key_results.key_result_key
inner join {{ ref("dim_kpi") }} as kpis on links.kpi_key = kpis.kpi_key
left join {{ ref("fct_kpi_observation") }} as observations
    on links.kpi_observation_key = observations.kpi_observation_key
left join {{ ref("dim_objective") }} as objectives
    on links.objective_id = objectives.objective_id and objectives.is_current
left join {{ ref("dim_org_unit") }} as key_result_units
    on links.key_result_org_unit_id = key_result_units.org_unit_id and key_result_units.is_current
left join {{ ref("dim_org_unit") }} as kpi_units
    on links.kpi_org_unit_id = kpi_units.org_unit_id and kpi_units.is_current
left join {{ ref("dim_person") }} as champions on links.champion_id = champions.person_id and champions.is_current
left join {{ ref("dim_person") }} as kpi_owners on links.kpi_owner_id = kpi_owners.person_id and kpi_owners.is_current
