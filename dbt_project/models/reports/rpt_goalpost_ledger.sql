with subjects as (
    {% for subject_type, model, id, name in [
        ("key_result", "dim_key_result", "key_result_id", "title"), ("kpi", "dim_kpi", "kpi_id", "kpi_name"),
    ] -%}
    select
        '{{ subject_type }}' as subject_type,
        {{ id }} as subject_id,
        {{ name }} as subject_name
    from {{ ref(model) }}
    where is_current
    union all
    {% endfor -%}
    select
        'cycle' as subject_type,
        cycle_id as subject_id,
        cycle_name as subject_name
    from {{ ref("dim_cycle") }}
)

select
    changes.goal_change_key,
    run.as_of,
    changes.subject_type,
    changes.subject_id,
    coalesce(subjects.subject_name, changes.subject_id) as subject_name,
    changes.field,
    changes.kind,
    changes.cycle_id,
    coalesce(cycles.cycle_name, changes.cycle_id) as cycle_name,
    changes.org_unit_id,
    coalesce(units.org_unit_name, changes.org_unit_id) as org_unit_name,
    coalesce(units.department_id, '(unknown)') as department_id,
    coalesce(units.department_name, '(unknown)') as department_name,
    changes.owner_id,
    coalesce(owners.person_name, changes.owner_id) as owner_name,
    changes.previous_key_result_id,
    changes.unit,
    changes.old_value,
    changes.new_value,
    changes.difficulty,
    changes.difficulty_null_reason,
    changes.change_request_id,
    changes.reason_code,
    changes.approver_id,
    coalesce(approvers.person_name, changes.approver_id) as approver_name,
    changes.not_permitted_reason,
    case
        when changes.subject_type <> 'key_result' then 'not_a_key_result'
        when scorecard.key_result_id is null then 'not_reported'
        else scorecard.null_reason
    end as attainment_null_reason,
    scorecard.withheld_reason,
    changes.old_number,
    changes.new_number,
    changes.elapsed_share,
    changes.key_result_count,
    scorecard.attainment_vs_locked,
    scorecard.attainment_vs_current,
    scorecard.attainment_vs_current - scorecard.attainment_vs_locked as attainment_drift,
    changes.is_after_lock,
    changes.is_permitted,
    changes.effective_on,
    changes.changed_on,
    changes.locked_on,
    changes.approved_on,
    changes.changed_at
from {{ ref("fct_goal_change") }} as changes
cross join {{ ref("int_run__context") }} as run
left join subjects on changes.subject_type = subjects.subject_type and changes.subject_id = subjects.subject_id
left join {{ ref("dim_cycle") }} as cycles on changes.cycle_id = cycles.cycle_id
left join {{ ref("dim_org_unit") }} as units on changes.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as owners on changes.owner_id = owners.person_id and owners.is_current
left join {{ ref("dim_person") }} as approvers on changes.approver_id = approvers.person_id and approvers.is_current
left join {{ ref("rpt_okr_scorecard") }} as scorecard
    on changes.subject_type = 'key_result' and changes.subject_id = scorecard.key_result_id
