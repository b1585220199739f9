-- A decision holds the ladder until the day that it set itself.
with rungs as (
    select
        asked.*,
        ladders.level,
        ladders.role,
        case ladders.role
            when 'owner' then asked.first_owner_id
            when 'reviewer' then asked.reviewer_id
            when 'unit_head' then asked.unit_head_id
            else asked.sponsor_id
        end as person_id,
        ladders.after_days,
        ladders.after_days
        - lag(ladders.after_days, 1, ladders.after_days - 1) over (
            partition by asked.escalation_id, asked.opened_on order by ladders.level
        ) as days_since_level_below,
        {{ add_days("asked.opened_on", "ladders.after_days") }} as reached_on,
        min(
            case
                when asked.decided_on < {{ add_days("asked.opened_on", "ladders.after_days") }} then ladders.after_days
            end
        ) over (partition by asked.escalation_id, asked.opened_on) as first_held_days
    from {{ ref("int_escalation__asked") }} as asked
    inner join {{ ref("escalation_ladders") }} as ladders on asked.ladder_id = ladders.ladder_id
),

-- The ladder goes on from where it was held, step by step as before.
timed as (
    select
        *,
        case
            when after_days >= first_held_days
                then greatest(reached_on, {{ add_days("held_until", "1 + after_days - first_held_days") }})
            else reached_on
        end as asked_on
    from rungs
),

dated as (
    select
        *,
        coalesce(
            lead(asked_on) over (partition by escalation_id, opened_on order by level),
            {{ add_days("asked_on", "days_since_level_below") }}
        ) as due_on
    from timed
)

select
    {{ row_key(["dated.escalation_id", "dated.opened_on", "dated.level"]) }} as escalation_level_key,
    {{ row_key(["dated.escalation_id", "dated.opened_on"]) }} as escalation_key,
    run.as_of,
    dated.escalation_id,
    dated.role,
    dated.person_id,
    coalesce(people.person_name, dated.person_id) as person_name,
    cast(dated.level as int) as level,
    -- Waived is not asked for, nor what was resolved before the day came.
    run.as_of >= dated.asked_on
    and (dated.level = 0 or not dated.is_waived)
    and coalesce(dated.resolved_on > dated.asked_on or dated.level = 0, true) as is_asked,
    dated.opened_on,
    dated.asked_on,
    dated.due_on
from dated
cross join {{ ref("int_run__context") }} as run
left join {{ ref("dim_person") }} as people on dated.person_id = people.person_id and people.is_current
