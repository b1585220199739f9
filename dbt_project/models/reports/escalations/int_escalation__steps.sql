{{ config(materialized=kept_as("ephemeral")) }}

-- Steps that people took on an escalation while it was open.
with taken as (
    select
        conditions.escalation_id,
        conditions.opened_on,
        stated.state,
        stated.by_id,
        stated.next_action,
        stated.acted_on,
        stated.due_on,
        row_number() over (
            partition by conditions.escalation_id, conditions.opened_on
            order by stated.acted_on desc, stated.state desc
        ) as place,
        row_number() over (
            partition by
                conditions.escalation_id, conditions.opened_on, case when stated.next_action is null then 0 else 1 end
            order by stated.acted_on desc, stated.state desc
        ) as place_of_action,
        row_number() over (
            partition by conditions.escalation_id, conditions.opened_on, stated.state order by stated.acted_on desc
        ) as place_of_state
    from {{ ref("int_escalation__conditions") }} as conditions
    inner join {{ ref("int_run__context") }} as run on conditions.opened_on <= run.as_of
    inner join {{ ref("int_escalation__statements") }} as stated
        on
            conditions.escalation_id = stated.escalation_id
            and conditions.opened_on <= stated.acted_on
            and coalesce(conditions.resolved_on, run.as_of) >= stated.acted_on
)

select
    escalation_id,
    opened_on,
    max(case when place = 1 then state end) as last_state,
    max(case when next_action is not null and place_of_action = 1 then next_action end) as next_action,
    min(case when state = 'acknowledged' then acted_on end) as acknowledged_on,
    max(case when state = 'acknowledged' and place_of_state = 1 then by_id end) as acknowledged_by_id,
    max(case when state = 'decided' then acted_on end) as decided_on,
    max(case when state = 'decided' and place_of_state = 1 then by_id end) as decided_by_id,
    max(
        case
            when state = 'decided' and place_of_state = 1
                then coalesce(due_on, {{ add_days("acted_on", 7) }})
        end
    ) as held_until,
    max(case when state = 'resolved' then acted_on end) as claimed_resolved_on
from taken
group by escalation_id, opened_on
