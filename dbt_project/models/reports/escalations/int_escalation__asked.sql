{{ config(materialized=kept_as("ephemeral")) }}

-- Who is asked for each role of the ladders. Nobody who has left, and for the head of the unit the nearest head above
-- the owner who is not the owner.
with present as (
    select people.*
    from {{ ref("dim_person") }} as people
    inner join {{ ref("int_run__context") }} as run
        on
            coalesce(people.active_from, run.as_of) <= run.as_of
            and coalesce(people.active_to, run.as_of) >= run.as_of
    where people.is_current and people.person_id not in ('(unowned)', '(unknown)')
),

conditions as (
    select
        conditions.*,
        coalesce(subjects.subject_name, conditions.subject_id) as subject_name,
        -- What has no unit of its own is asked of in the unit of whoever answers for it.
        coalesce(nullif(subjects.org_unit_id, '(unknown)'), owners.org_unit_id, '(unknown)') as org_unit_id
    from {{ ref("int_escalation__conditions") }} as conditions
    left join {{ ref("int_audit__subjects") }} as subjects
        on conditions.subject_type = subjects.subject_type and conditions.subject_id = subjects.subject_id
    left join {{ ref("dim_person") }} as owners on conditions.owner_id = owners.person_id and owners.is_current
),

heads as (
    select
        ancestors.org_unit_id,
        units.head_person_id,
        units.depth
    from {{ ref("int_org_unit__ancestors") }} as ancestors
    inner join {{ ref("dim_org_unit") }} as units on ancestors.ancestor_id = units.org_unit_id and units.is_current
    inner join present on units.head_person_id = present.person_id
),

enterprise_heads as (
    select min(head_person_id) as person_id
    from heads
    where depth = 0
),

unit_heads as (
    select
        conditions.escalation_id,
        conditions.opened_on,
        heads.head_person_id,
        row_number() over (
            partition by conditions.escalation_id, conditions.opened_on
            order by heads.depth desc, heads.head_person_id asc
        ) as nearness
    from conditions
    inner join heads
        on conditions.org_unit_id = heads.org_unit_id and conditions.owner_id <> heads.head_person_id
),

key_results as (
    select
        key_results.key_result_id,
        reviewers.person_id as reviewer_id,
        sponsors.person_id as sponsor_id
    from {{ ref("dim_key_result") }} as key_results
    left join {{ ref("dim_objective") }} as objectives
        on key_results.objective_id = objectives.objective_id and objectives.is_current
    left join present as reviewers on key_results.reviewer_id = reviewers.person_id
    left join present as sponsors on objectives.sponsor_id = sponsors.person_id
    where key_results.is_current
),

objectives as (
    select
        objectives.objective_id,
        sponsors.person_id as sponsor_id
    from {{ ref("dim_objective") }} as objectives
    inner join present as sponsors on objectives.sponsor_id = sponsors.person_id
    where objectives.is_current
),

stewards as (
    select
        ownership.subject_id as kpi_id,
        min(ownership.person_id) as person_id
    from {{ ref("dim_ownership") }} as ownership
    inner join present on ownership.person_id = present.person_id
    where ownership.subject_type = 'kpi' and ownership.role = 'data_steward' and ownership.is_current
    group by ownership.subject_id
)

select
    conditions.escalation_id,
    conditions.trigger_type,
    conditions.rule_id,
    conditions.severity,
    conditions.subject_type,
    conditions.subject_id,
    conditions.subject_name,
    conditions.org_unit_id,
    conditions.detail,
    conditions.ladder_id,
    conditions.owner_role,
    coalesce(owners.person_id, unit_heads.head_person_id, enterprise_heads.person_id, '(unowned)') as first_owner_id,
    coalesce(
        key_results.reviewer_id, stewards.person_id, unit_heads.head_person_id, enterprise_heads.person_id,
        owners.person_id, '(unowned)'
    ) as reviewer_id,
    coalesce(unit_heads.head_person_id, enterprise_heads.person_id, owners.person_id, '(unowned)') as unit_head_id,
    coalesce(
        key_results.sponsor_id, objectives.sponsor_id, enterprise_heads.person_id, unit_heads.head_person_id,
        owners.person_id, '(unowned)'
    ) as sponsor_id,
    conditions.is_waived,
    conditions.opened_on,
    conditions.resolved_on,
    steps.last_state,
    steps.next_action,
    steps.acknowledged_on,
    steps.acknowledged_by_id,
    steps.decided_on,
    steps.decided_by_id,
    steps.held_until,
    steps.claimed_resolved_on
from conditions
cross join enterprise_heads
left join present as owners on conditions.owner_id = owners.person_id
left join unit_heads
    on
        conditions.escalation_id = unit_heads.escalation_id
        and conditions.opened_on = unit_heads.opened_on
        and unit_heads.nearness = 1
left join key_results on conditions.subject_type = 'key_result' and conditions.subject_id = key_results.key_result_id
left join objectives on conditions.subject_type = 'objective' and conditions.subject_id = objectives.objective_id
left join stewards on conditions.subject_type = 'kpi' and conditions.subject_id = stewards.kpi_id
left join {{ ref("int_escalation__steps") }} as steps
    on conditions.escalation_id = steps.escalation_id and conditions.opened_on = steps.opened_on
