{#- Fields whose change asks for something else than before. -#}
{%- set target_fields = "'target', 'baseline', 'lower_limit', 'upper_limit'" -%}

-- What a key result is today, or was last: its events stay, also when it was given up.
with key_results as (
    select
        key_results.*,
        row_number() over (
            partition by key_results.key_result_id order by key_results.valid_from desc
        ) as newness
    from {{ ref("int_key_result__versions") }} as key_results
    inner join {{ ref("int_run__context") }} as run on key_results.valid_from <= run.as_of
    where key_results.state <> 'draft'
),

newest as (
    select
        key_results.*,
        objectives.org_unit_id
    from key_results
    cross join {{ ref("int_run__context") }} as run
    left join {{ ref("int_objective__versions") }} as objectives
        on
            key_results.objective_id = objectives.objective_id
            and run.as_of >= objectives.valid_from
            and run.as_of < objectives.valid_to
    where key_results.newness = 1
),

milestones as (
    select
        milestones.*,
        row_number() over (
            partition by milestones.record_key, milestones.milestone_id order by milestones.position
        ) as mention
    from {{ ref("int_key_result__milestones") }} as milestones
),

-- What a feed tells of, but for what is told of already as the completion of a milestone.
delivered as (
    select events.*
    from {{ ref("int_key_result_event__current") }} as events
    inner join newest on events.key_result_id = newest.key_result_id
    left join milestones
        on
            newest.record_key = milestones.record_key
            and events.event_id = milestones.delivered_event_id
            and milestones.mention = 1
    where milestones.record_key is null
),

events as (
    select
        milestones.milestone_kind as event_type,
        newest.key_result_id,
        milestones.milestone_id as event_id,
        coalesce(milestones.title, milestones.milestone_id) as event_title,
        case
            when milestones.stated_on is null then 'feed'
            when milestones.delivered_on is null then 'file'
            else 'file_and_feed'
        end as stated_by,
        milestones.event_reference,
        milestones.source_feed,
        milestones.completed_on as event_on,
        milestones.delivered_on,
        milestones.load_id,
        milestones.source_file,
        milestones.source_row
    from newest
    inner join milestones on newest.record_key = milestones.record_key
    inner join {{ ref("int_run__context") }} as run on milestones.completed_on <= run.as_of
    where milestones.mention = 1
    union all
    select
        delivered.event_type,
        delivered.key_result_id,
        -- A milestone may have the same id.
        delivered.source_feed || ':' || delivered.event_id as event_id,
        coalesce(delivered.event_title, delivered.event_id) as event_title,
        'feed' as stated_by,
        delivered.event_reference,
        delivered.source_feed,
        delivered.event_on,
        delivered.event_on as delivered_on,
        delivered.load_id,
        delivered.source_file,
        delivered.source_row
    from delivered
    inner join {{ ref("int_run__context") }} as run on delivered.event_on <= run.as_of
    union all
    select
        'check_in' as event_type,
        key_result_id,
        check_in_id as event_id,
        'reported ' || reported_status as event_title,
        'file' as stated_by,
        cast(null as {{ dbt.type_string() }}) as event_reference,
        cast(null as {{ dbt.type_string() }}) as source_feed,
        reported_on as event_on,
        cast(null as date) as delivered_on,
        load_id,
        source_file,
        source_row
    from {{ ref("int_check_in__statements") }}
    union all
    select
        'target_change' as event_type,
        changes.subject_id as key_result_id,
        changes.goal_change_key as event_id,
        changes.field || ' ' || coalesce(changes.old_value, 'none') || ' to ' || coalesce(changes.new_value, 'none')
            as event_title,
        'file' as stated_by,
        cast(null as {{ dbt.type_string() }}) as event_reference,
        cast(null as {{ dbt.type_string() }}) as source_feed,
        changes.changed_on as event_on,
        cast(null as date) as delivered_on,
        changes.load_id,
        changes.source_file,
        changes.source_row
    from {{ ref("fct_goal_change") }} as changes
    inner join {{ ref("int_run__context") }} as run on changes.changed_on <= run.as_of
    where changes.subject_type = 'key_result' and changes.kind <> 'reset' and changes.field in ({{ target_fields }})
)

select
    {{ row_key(["events.key_result_id", "events.event_type", "events.event_id"]) }} as key_result_event_key,
    events.key_result_id,
    events.event_type,
    events.event_id,
    events.event_title,
    newest.key_result_key,
    newest.cycle_id,
    newest.objective_id,
    coalesce(newest.champion_id, '(unowned)') as champion_id,
    coalesce(newest.org_unit_id, '(unknown)') as org_unit_id,
    -- Only what goes live can move a KPI. A step of the work on paper, a talk about it or another target would take the
    -- blame for whatever happens in the weeks after it.
    events.event_type = 'release' as is_tested,
    events.stated_by,
    events.event_reference,
    events.source_feed,
    coalesce(events.stated_by = 'file_and_feed' and events.event_on <> events.delivered_on, false) as is_disputed,
    events.event_on,
    events.delivered_on,
    events.load_id,
    events.source_file,
    events.source_row
from events
inner join newest on events.key_result_id = newest.key_result_id
