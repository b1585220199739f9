-- A change of a KPI touches what it measures, one of a cycle what is planned in it, unless that was over before.
with locked as (
    select * from {{ ref("int_key_result__locked") }}
),

measures as (
    select distinct
        locked.key_result_id,
        links.kpi_id
    from locked
    inner join {{ ref("stg_lake__key_result_links") }} as links on locked.record_key = links.record_key
    where links.link_type = 'measures'
),

touched as (
    select
        changes.goal_change_key,
        changes.subject_id as key_result_id
    from {{ ref("int_goal_change__differences") }} as changes
    where changes.subject_type = 'key_result'
    union all
    select
        changes.goal_change_key,
        measures.key_result_id
    from {{ ref("int_goal_change__differences") }} as changes
    inner join measures on changes.subject_id = measures.kpi_id
    inner join locked on measures.key_result_id = locked.key_result_id and changes.effective_on <= locked.due_on
    where changes.subject_type = 'kpi'
    union all
    select
        changes.goal_change_key,
        locked.key_result_id
    from {{ ref("int_goal_change__differences") }} as changes
    inner join locked on changes.subject_id = locked.cycle_id
    where changes.subject_type = 'cycle'
)

select
    touched.goal_change_key,
    touched.key_result_id,
    locked.champion_id,
    locked.cycle_id,
    least(
        1,
        greatest(
            0,
            cast({{ days_between("locked.starts_on", "changes.changed_on") }} as double)
            / nullif({{ days_between("locked.starts_on", "locked.due_on") }}, 0)
        )
    ) as elapsed_share,
    changes.effective_on > locked.locked_on
    or (changes.state_number > 1 and cast(changes.changed_at as date) > locked.locked_on) as is_after_lock,
    locked.locked_on
from touched
inner join {{ ref("int_goal_change__differences") }} as changes
    on touched.goal_change_key = changes.goal_change_key
inner join locked on touched.key_result_id = locked.key_result_id
