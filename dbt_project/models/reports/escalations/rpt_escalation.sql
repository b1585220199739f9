with levels as (
    select
        escalation_key,
        max(case when is_asked then level end) as level
    from {{ ref("rpt_escalation_level") }}
    group by escalation_key
),

first_due as (
    select
        escalation_key,
        due_on
    from {{ ref("rpt_escalation_level") }}
    where level = 0
),

dated as (
    select
        {{ row_key(["asked.escalation_id", "asked.opened_on"]) }} as escalation_key,
        run.as_of,
        asked.*,
        case
            when asked.resolved_on is not null then 'resolved'
            when asked.is_waived then 'waived'
            when asked.last_state = 'resolved' then 'claimed_resolved'
            when asked.last_state is not null then asked.last_state
            else 'open'
        end as state
    from {{ ref("int_escalation__asked") }} as asked
    cross join {{ ref("int_run__context") }} as run
)

select
    dated.escalation_key,
    dated.as_of,
    dated.escalation_id,
    dated.trigger_type,
    dated.rule_id,
    dated.severity,
    dated.subject_type,
    dated.subject_id,
    dated.subject_name,
    dated.org_unit_id,
    coalesce(units.org_unit_name, dated.org_unit_id) as org_unit_name,
    dated.detail,
    dated.state,
    dated.ladder_id,
    dated.owner_role,
    dated.first_owner_id,
    coalesce(first_owners.person_name, dated.first_owner_id) as first_owner_name,
    current_levels.role as level_role,
    current_levels.person_id as owner_id,
    current_levels.person_name as owner_name,
    dated.acknowledged_by_id,
    dated.decided_by_id,
    dated.next_action,
    levels.level,
    {{ days_between("dated.opened_on", "coalesce(dated.resolved_on, dated.as_of)") }} as age_days,
    case
        when dated.resolved_on is not null then {{ days_between("dated.opened_on", "dated.resolved_on") }}
    end as days_to_repair,
    dated.resolved_on is null as is_open,
    dated.resolved_on is null
    and not dated.is_waived
    and dated.as_of >= first_due.due_on
    and coalesce(dated.as_of > dated.held_until, true) as is_overdue,
    dated.opened_on,
    case when dated.as_of <= dated.held_until then dated.held_until else current_levels.due_on end as due_on,
    dated.acknowledged_on,
    dated.decided_on,
    dated.held_until,
    dated.claimed_resolved_on,
    dated.resolved_on
from dated
inner join levels on dated.escalation_key = levels.escalation_key
inner join first_due on dated.escalation_key = first_due.escalation_key
inner join {{ ref("rpt_escalation_level") }} as current_levels
    on levels.escalation_key = current_levels.escalation_key and levels.level = current_levels.level
left join {{ ref("dim_org_unit") }} as units on dated.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as first_owners
    on dated.first_owner_id = first_owners.person_id and first_owners.is_current
