-- A check-in after the key result's last day speaks of that day.
with last_days as (
    select
        key_result_id,
        max(as_of) as last_on
    from {{ ref("fct_key_result_daily") }}
    group by key_result_id
),

compared as (
    select
        check_ins.*,
        daily.cycle_id,
        daily.objective_id,
        daily.champion_id,
        daily.status as computed_status,
        daily.null_reason as computed_null_reason,
        daily.progress_raw as computed_progress,
        last_days.key_result_id is not null as is_known,
        daily.as_of as computed_on
    from {{ ref("int_check_in__statements") }} as check_ins
    left join last_days on check_ins.key_result_id = last_days.key_result_id
    left join {{ ref("fct_key_result_daily") }} as daily
        on
            check_ins.key_result_id = daily.key_result_id
            and least(check_ins.reported_on, last_days.last_on) = daily.as_of
)

select
    check_in_id,
    key_result_id,
    coalesce(cycle_id, '(unknown)') as cycle_id,
    coalesce(objective_id, '(unknown)') as objective_id,
    coalesce(champion_id, '(unowned)') as champion_id,
    reported_by_id,
    reported_status,
    first_reported_status,
    coalesce(computed_status, 'not_assessable') as computed_status,
    case
        when not is_known then 'unknown_key_result'
        when computed_on is null then 'not_started'
        else computed_null_reason
    end as null_reason,
    comment,
    cast({{ status_divergence("reported_status", "computed_status") }} as int) as divergence,
    confidence,
    reported_progress,
    computed_progress,
    reported_progress - computed_progress as progress_gap,
    cast(revision_count as int) as revision_count,
    reported_by_id is not null and champion_id is not null and reported_by_id = champion_id as is_by_champion,
    is_removed,
    is_latest,
    reported_on,
    computed_on,
    first_loaded_at,
    loaded_at,
    load_id,
    source_file,
    source_row
from compared
