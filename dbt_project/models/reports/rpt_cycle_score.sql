-- What was published at the close stays published. Until it is written down, a score is withheld as its key result is.
with audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

scores as (
    select
        scores.*,
        case
            when recorded.key_result_id is not null then null
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else withheld.withheld_reason
        end as withheld_reason,
        case
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else withheld.withheld_reason
        end as restated_withheld_reason
    from {{ ref("fct_cycle_score") }} as scores
    cross join audits
    left join {{ ref("int_key_result__withheld") }} as withheld on scores.key_result_id = withheld.key_result_id
    left join {{ ref("int_cycle_score__recorded") }} as recorded
        on scores.cycle_id = recorded.cycle_id and scores.key_result_id = recorded.key_result_id
)

select
    scores.cycle_score_key,
    run.as_of,
    scores.cycle_id,
    coalesce(cycles.cycle_name, scores.cycle_id) as cycle_name,
    scores.key_result_id,
    coalesce(key_results.title, scores.key_result_id) as key_result_title,
    scores.objective_id,
    coalesce(objectives.title, scores.objective_id) as objective_title,
    scores.org_unit_id,
    coalesce(units.org_unit_name, scores.org_unit_id) as org_unit_name,
    scores.champion_id,
    coalesce(champions.person_name, scores.champion_id) as champion_name,
    scores.unit,
    case when scores.withheld_reason is null then scores.status else 'withheld' end as status,
    scores.score_null_reason,
    scores.withheld_reason,
    scores.restated_null_reason,
    scores.restated_withheld_reason,
    scores.reported_status,
    scores.reset_by_key_result_ids,
    scores.brier_null_reason,
    {% for figure in ["measured_value", "score", "attainment_vs_current"] -%}
    case when scores.withheld_reason is null then scores.{{ figure }} end as {{ figure }},
    {% endfor -%}
    {% for figure in ["restated_score", "score_difference"] -%}
    case
        when scores.withheld_reason is null and scores.restated_withheld_reason is null then scores.{{ figure }}
    end as {{ figure }},
    {% endfor -%}
    scores.reported_confidence,
    case when scores.withheld_reason is null then scores.brier_score end as brier_score,
    scores.restatement_count,
    case when scores.withheld_reason is null then scores.is_achieved end as is_achieved,
    scores.withheld_reason is not null as is_withheld,
    scores.is_reset_afterwards,
    scores.closed_on
from scores
cross join {{ ref("int_run__context") }} as run
left join {{ ref("dim_cycle") }} as cycles on scores.cycle_id = cycles.cycle_id
left join {{ ref("dim_key_result") }} as key_results
    on scores.key_result_id = key_results.key_result_id and key_results.is_current
left join {{ ref("dim_objective") }} as objectives
    on scores.objective_id = objectives.objective_id and objectives.is_current
left join {{ ref("dim_org_unit") }} as units on scores.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as champions on scores.champion_id = champions.person_id and champions.is_current
