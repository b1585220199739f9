with audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

withheld as (
    select
        daily.key_result_id,
        case
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else withheld.withheld_reason
        end as withheld_reason
    from {{ ref("fct_key_result_daily") }} as daily
    cross join audits
    left join {{ ref("int_key_result__withheld") }} as withheld on daily.key_result_id = withheld.key_result_id
    where daily.is_latest
),

main_kpis as (
    select
        links.key_result_id,
        links.kpi_id,
        links.link_type,
        links.kpi_owner_id,
        kpis.kpi_name
    from {{ ref("fct_key_result_kpi") }} as links
    inner join {{ ref("dim_kpi") }} as kpis on links.kpi_key = kpis.kpi_key
    where links.is_latest
)

select
    daily.as_of,
    daily.key_result_id,
    key_results.title as key_result_title,
    daily.objective_id,
    coalesce(objectives.title, daily.objective_id) as objective_title,
    daily.cycle_id,
    coalesce(cycles.cycle_name, daily.cycle_id) as cycle_name,
    cycles.state as cycle_state,
    daily.org_unit_id,
    coalesce(units.org_unit_name, daily.org_unit_id) as org_unit_name,
    coalesce(units.department_id, '(unknown)') as department_id,
    coalesce(units.department_name, '(unknown)') as department_name,
    daily.champion_id,
    coalesce(champions.person_name, daily.champion_id) as champion_name,
    coalesce(key_results.reviewer_id, '(unowned)') as reviewer_id,
    coalesce(reviewers.person_name, key_results.reviewer_id, '(unowned)') as reviewer_name,
    coalesce(key_results.type, '(unknown)') as type,
    coalesce(key_results.direction, '(unknown)') as direction,
    key_results.unit,
    key_results.measured_as,
    daily.main_kpi_id,
    main_kpis.kpi_name as main_kpi_name,
    daily.main_kpi_link_type,
    main_kpis.kpi_owner_id as main_kpi_owner_id,
    coalesce(kpi_owners.person_name, main_kpis.kpi_owner_id) as main_kpi_owner_name,
    case when withheld.withheld_reason is null then daily.status else 'withheld' end as status,
    -- What people report is theirs: it stays when figures are withheld.
    daily.reported_status,
    daily.reported_by_id,
    coalesce(reporters.person_name, daily.reported_by_id) as reported_by_name,
    {% for text in ["status_rule_id", "null_reason", "forecast_null_reason"] -%}
    case when withheld.withheld_reason is null then daily.{{ text }} end as {{ text }},
    {% endfor -%}
    withheld.withheld_reason,
    {% for figure in ["baseline", "target", "lower_limit", "upper_limit"] -%}
    case when withheld.withheld_reason is null then key_results.{{ figure }} end as {{ figure }},
    {% endfor -%}
    {% for figure in [
        "measured_value", "progress_raw", "progress", "expected_progress", "attainment_vs_locked",
        "attainment_vs_current", "attainment_drift", "forecast_value", "forecast_progress", "probability_of_target",
        "divergence", "kpi_count", "data_age_days", "status_rule_version",
    ] -%}
    case when withheld.withheld_reason is null then daily.{{ figure }} end as {{ figure }},
    {% endfor -%}
    withheld.withheld_reason is not null as is_withheld,
    daily.is_latest,
    key_results.starts_on,
    key_results.due_on,
    daily.reported_on
from {{ ref("fct_key_result_daily") }} as daily
inner join withheld on daily.key_result_id = withheld.key_result_id
inner join {{ ref("dim_key_result") }} as key_results on daily.key_result_key = key_results.key_result_key
left join main_kpis
    on
        daily.key_result_id = main_kpis.key_result_id
        and daily.main_kpi_id = main_kpis.kpi_id
        and daily.main_kpi_link_type = main_kpis.link_type
left join {{ ref("dim_objective") }} as objectives
    on daily.objective_id = objectives.objective_id and objectives.is_current
left join {{ ref("dim_cycle") }} as cycles on daily.cycle_id = cycles.cycle_id
left join {{ ref("dim_org_unit") }} as units on daily.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as champions on daily.champion_id = champions.person_id and champions.is_current
left join {{ ref("dim_person") }} as reviewers
    on key_results.reviewer_id = reviewers.person_id and reviewers.is_current
left join {{ ref("dim_person") }} as reporters
    on daily.reported_by_id = reporters.person_id and reporters.is_current
left join {{ ref("dim_person") }} as kpi_owners
    on main_kpis.kpi_owner_id = kpi_owners.person_id and kpi_owners.is_current
where daily.is_latest
