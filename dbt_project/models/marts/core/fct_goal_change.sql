{#- Reasons that design 7 permits after the lock; that a goal is too hard is none of them. -#}
{%- set permitted_reasons = "'definition_error', 'placeholder_target', 'external_verifiable', 'measure_not_fit'" -%}
{#-
  Days until the approval of a change must stand in the register, whatever its date says: after the load that brought
  the change, or the day from which it counts when that is later, as it is of a reset, which counts from the lock.
-#}
{%- set filing_days = 7 -%}

with changes as (
    select
        goal_change_key,
        subject_type,
        subject_id,
        field,
        kind,
        cycle_id,
        org_unit_id,
        owner_id,
        new_champion_id,
        cast(null as {{ dbt.type_string() }}) as previous_key_result_id,
        unit,
        old_value,
        new_value,
        difficulty,
        difficulty_null_reason,
        old_number,
        new_number,
        elapsed_share,
        key_result_count,
        is_after_lock,
        is_after_lock as needs_request,
        effective_on,
        changed_on,
        locked_on,
        changed_at,
        load_id,
        source_file,
        source_row
    from {{ ref("int_goal_change__stated") }}
    union all
    select
        goal_change_key,
        'key_result' as subject_type,
        key_result_id as subject_id,
        field,
        'reset' as kind,
        cycle_id,
        org_unit_id,
        owner_id,
        owner_id as new_champion_id,
        previous_key_result_id,
        unit,
        old_value,
        new_value,
        'easier' as difficulty,
        cast(null as {{ dbt.type_string() }}) as difficulty_null_reason,
        old_number,
        new_number,
        cast(0 as double) as elapsed_share,
        1 as key_result_count,
        false as is_after_lock,
        true as needs_request,
        effective_on,
        locked_on as changed_on,
        locked_on,
        changed_at,
        load_id,
        source_file,
        source_row
    from {{ ref("int_key_result__resets") }}
),

requests as (
    select requests.*
    from {{ ref("int_change_request__versions") }} as requests
    inner join {{ ref("int_run__context") }} as run
        on requests.valid_from <= run.as_of and requests.valid_to > run.as_of
),

-- A request for `milestones` covers `milestones.launch.due_on`.
pairs as (
    select
        changes.goal_change_key,
        changes.changed_on,
        changes.changed_at,
        changes.owner_id,
        changes.new_champion_id,
        requests.change_request_id,
        requests.reason_code,
        requests.approved_by_id,
        requests.approved_on,
        requests.filed_at,
        -- One approval covers one day of changes: the first one from its date on.
        min(case when changes.changed_on >= requests.approved_on then changes.changed_on end) over (
            partition by requests.change_request_id
        ) as covered_on
    from changes
    inner join requests
        on
            changes.subject_type = requests.subject_type
            and changes.subject_id = requests.subject_id
            and (
                changes.field = requests.field
                or substring(changes.field, 1, length(requests.field) + 1) = requests.field || '.'
            )
    where changes.needs_request
),

champions as (
    select distinct
        goal_change_key,
        champion_id
    from {{ ref("int_goal_change__key_results") }}
    where champion_id is not null
),

examined as (
    select
        pairs.*,
        pairs.approved_by_id = pairs.owner_id
        or coalesce(pairs.approved_by_id = pairs.new_champion_id, false)
        or champions.champion_id is not null as is_approver_owner
    from pairs
    left join champions
        on pairs.goal_change_key = champions.goal_change_key and pairs.approved_by_id = champions.champion_id
),

judged as (
    select
        *,
        case
            when approved_on is null or approved_by_id is null then 'not_approved'
            when coalesce(reason_code, '') not in ({{ permitted_reasons }}) then 'reason_not_permitted'
            when approved_on > changed_on then 'approved_late'
            when
                cast(filed_at as date) > {{ add_days("greatest(cast(changed_at as date), changed_on)", filing_days) }}
                then 'filed_late'
            when changed_on > covered_on then 'request_already_used'
            when is_approver_owner then 'approver_is_champion'
        end as refusal
    from examined
),

ranked as (
    select
        *,
        row_number() over (
            partition by goal_change_key
            order by
                case when refusal is null then 0 when refusal = 'request_already_used' then 2 else 1 end asc,
                approved_on desc, change_request_id asc
        ) as fitness
    from judged
)

select
    changes.goal_change_key,
    changes.subject_type,
    changes.subject_id,
    changes.field,
    changes.kind,
    changes.cycle_id,
    changes.org_unit_id,
    changes.owner_id,
    changes.previous_key_result_id,
    changes.unit,
    changes.old_value,
    changes.new_value,
    changes.difficulty,
    changes.difficulty_null_reason,
    ranked.change_request_id,
    ranked.reason_code,
    ranked.approved_by_id as approver_id,
    case
        when changes.needs_request and ranked.change_request_id is null then 'no_request'
        else ranked.refusal
    end as not_permitted_reason,
    changes.old_number,
    changes.new_number,
    changes.elapsed_share,
    changes.key_result_count,
    changes.is_after_lock,
    not changes.needs_request or (ranked.change_request_id is not null and ranked.refusal is null) as is_permitted,
    coalesce(ranked.is_approver_owner, false) as is_approver_owner,
    changes.effective_on,
    changes.changed_on,
    ranked.approved_on,
    changes.locked_on,
    changes.changed_at,
    changes.load_id,
    changes.source_file,
    changes.source_row
from changes
left join ranked on changes.goal_change_key = ranked.goal_change_key and ranked.fitness = 1
