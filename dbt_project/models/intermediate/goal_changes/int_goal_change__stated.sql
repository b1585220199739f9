with touched as (
    select
        goal_change_key,
        count(case when is_after_lock then 1 end) as key_result_count,
        max(elapsed_share) as elapsed_share,
        max(case when is_after_lock then 1 else 0 end) as is_after_lock,
        min(locked_on) as locked_on,
        max(cycle_id) as cycle_id
    from {{ ref("int_goal_change__key_results") }}
    group by goal_change_key
),

subjects as (
    select
        record_key,
        direction,
        unit,
        champion_id,
        objective_id,
        cycle_id,
        cast(null as {{ dbt.type_string() }}) as org_unit_id,
        load_id,
        source_file,
        source_row
    from {{ ref("stg_lake__key_results") }}
    union all
    select
        record_key,
        direction,
        unit,
        cast(null as {{ dbt.type_string() }}) as champion_id,
        cast(null as {{ dbt.type_string() }}) as objective_id,
        cast(null as {{ dbt.type_string() }}) as cycle_id,
        org_unit_id,
        load_id,
        source_file,
        source_row
    from {{ ref("stg_lake__kpis") }}
    union all
    select
        record_key,
        cast(null as {{ dbt.type_string() }}) as direction,
        cast(null as {{ dbt.type_string() }}) as unit,
        cast(null as {{ dbt.type_string() }}) as champion_id,
        cast(null as {{ dbt.type_string() }}) as objective_id,
        cycle_id,
        cast(null as {{ dbt.type_string() }}) as org_unit_id,
        load_id,
        source_file,
        source_row
    from {{ ref("stg_lake__cycles") }}
),

described as (
    select
        changes.*,
        before.unit,
        before.champion_id,
        after.champion_id as new_champion_id,
        before.objective_id,
        coalesce(before.cycle_id, touched.cycle_id) as cycle_id,
        before.org_unit_id,
        after.load_id,
        after.source_file,
        after.source_row,
        touched.elapsed_share,
        coalesce(touched.key_result_count, 0) as key_result_count,
        coalesce(touched.is_after_lock, 0) = 1 as is_after_lock,
        touched.locked_on,
        -- Numbers before and after a change of unit or direction cannot be compared.
        coalesce(changes.old_number, changes.new_number) is null
        or not ({{ differs("before.direction", "after.direction") }} or {{ differs("before.unit", "after.unit")
        }}) as is_comparable,
        before.direction
    from {{ ref("int_goal_change__differences") }} as changes
    inner join subjects as before on changes.old_record_key = before.record_key
    inner join subjects as after on changes.new_record_key = after.record_key
    left join touched on changes.goal_change_key = touched.goal_change_key
),

weighed as (
    select
        *,
        case
            when is_comparable then {{ goal_difficulty(
                "subject_type", "field", "direction", "old_value", "new_value", "old_number", "new_number"
            ) }}
        end as difficulty
    from described
),

objectives as (
    select * from {{ ref("int_objective__versions") }}
)

select
    weighed.goal_change_key,
    weighed.subject_type,
    weighed.subject_id,
    weighed.field,
    weighed.kind,
    coalesce(weighed.cycle_id, '(unknown)') as cycle_id,
    coalesce(weighed.org_unit_id, objectives.org_unit_id, '(unknown)') as org_unit_id,
    coalesce(weighed.champion_id, owners.owner_id, '(unowned)') as owner_id,
    weighed.new_champion_id,
    weighed.unit,
    weighed.old_value,
    weighed.new_value,
    weighed.difficulty,
    {{ goal_difficulty_null_reason("weighed.difficulty", "weighed.old_value", "weighed.new_value")
    }} as difficulty_null_reason,
    weighed.old_number,
    weighed.new_number,
    weighed.elapsed_share,
    cast(weighed.key_result_count as int) as key_result_count,
    weighed.is_after_lock,
    weighed.effective_on,
    weighed.changed_on,
    weighed.locked_on,
    weighed.changed_at,
    weighed.load_id,
    weighed.source_file,
    weighed.source_row
from weighed
left join objectives
    on
        weighed.objective_id = objectives.objective_id
        and weighed.changed_on >= objectives.valid_from
        and weighed.changed_on < objectives.valid_to
left join {{ ref("int_kpi__timeline") }} as owners
    on
        weighed.subject_type = 'kpi'
        and weighed.subject_id = owners.kpi_id
        and weighed.changed_on >= owners.from_on
        and weighed.changed_on < owners.until_on
