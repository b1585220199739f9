{{ version_intervals(ref("stg_lake__dependencies"), "dependency_id") }},

current_versions as (
    select
        intervals.*,
        run.as_of
    from intervals
    inner join {{ ref("int_run__context") }} as run
        on intervals.valid_from <= run.as_of and intervals.valid_to > run.as_of
),

placed as (
    select
        current_versions.dependency_id,
        current_versions.as_of,
        coalesce(current_versions.key_result_id, '(unknown)') as key_result_id,
        coalesce(key_results.cycle_id, '(unknown)') as cycle_id,
        coalesce(key_results.org_unit_id, '(unknown)') as dependent_org_unit_id,
        coalesce(current_versions.provider_unit_id, '(unknown)') as provider_org_unit_id,
        coalesce(providers.head_person_id, '(unowned)') as provider_head_id,
        current_versions.description,
        coalesce(current_versions.risk_owner_id, '(unowned)') as risk_owner_id,
        current_versions.confirmed_by_id,
        coalesce(current_versions.needed_by, key_results.due_on) as needed_by,
        -- Without a day, a name is no promise.
        case
            when
                current_versions.confirmed_by_id is not null
                and current_versions.confirmed_on <= current_versions.as_of
                then current_versions.confirmed_on
        end as confirmed_on,
        case when current_versions.delivered_on <= current_versions.as_of then current_versions.delivered_on end
            as delivered_on,
        key_results.readiness_due_on,
        key_results.locks_on,
        current_versions.load_id,
        current_versions.source_file,
        current_versions.source_row
    from current_versions
    left join {{ ref("int_plan__key_results") }} as key_results
        on current_versions.key_result_id = key_results.key_result_id
    left join {{ ref("int_org_unit__versions") }} as providers
        on
            current_versions.provider_unit_id = providers.org_unit_id
            and current_versions.as_of >= providers.valid_from
            and current_versions.as_of < providers.valid_to
)

select
    dependency_id as dependency_key,
    dependency_id,
    key_result_id,
    cycle_id,
    dependent_org_unit_id,
    provider_org_unit_id,
    provider_head_id,
    risk_owner_id,
    confirmed_by_id,
    description,
    case
        when delivered_on is not null and delivered_on > needed_by then 'delivered_late'
        when delivered_on is not null then 'delivered'
        when needed_by < as_of then 'overdue'
        when confirmed_on is null then 'unconfirmed'
        else 'confirmed'
    end as state,
    case
        when needed_by is null then 'no_day_stated'
        when delivered_on is null and needed_by >= as_of then 'not_due_yet'
    end as days_late_null_reason,
    case
        when needed_by is null or (delivered_on is null and needed_by >= as_of) then null
        else greatest({{ days_between("needed_by", "coalesce(delivered_on, as_of)") }}, 0)
    end as days_late,
    coalesce(confirmed_on <= locks_on, false) as is_confirmed_in_time,
    case
        when delivered_on is not null then delivered_on <= coalesce(needed_by, delivered_on)
        when needed_by < as_of then false
    end as is_delivered_in_time,
    needed_by,
    confirmed_on,
    delivered_on,
    locks_on,
    load_id,
    source_file,
    source_row
from placed
