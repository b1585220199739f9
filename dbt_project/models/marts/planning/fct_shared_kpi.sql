with readers as (
    select
        links.kpi_id,
        links.kpi_name,
        links.cycle_id,
        links.kpi_org_unit_id,
        links.kpi_head_id,
        links.key_result_id,
        links.key_result_org_unit_id,
        links.link_type,
        links.accountable_owner_id,
        links.accountable_owner_count,
        links.data_steward_id,
        links.data_steward_count,
        links.data_steward_acknowledged_on,
        links.data_steward_since,
        links.judged_on,
        key_results.champion_id,
        key_results.cycle_starts_on,
        key_results.readiness_due_on
    from {{ ref("int_plan__links") }} as links
    inner join {{ ref("int_plan__key_results") }} as key_results on links.key_result_id = key_results.key_result_id
    where links.is_shared
),

-- Key results that came after the lock are judged later than the others: the KPI is as it was at the last of them.
placed as (
    select
        *,
        row_number()
            over (partition by kpi_id, cycle_id order by judged_on desc, key_result_id asc, link_type asc)
            as newness,
        row_number() over (
            partition by kpi_id, cycle_id, key_result_org_unit_id order by key_result_id
        ) as mention_of_unit,
        row_number() over (partition by kpi_id, cycle_id, key_result_id order by link_type) as mention
    from readers
),

grouped as (
    select
        kpi_id,
        cycle_id,
        {{ joined_texts("case when mention_of_unit = 1 then key_result_org_unit_id end", "', '") }} as org_unit_ids,
        {{ joined_texts("case when mention = 1 then key_result_id end", "', '") }} as key_result_ids,
        count(case when mention_of_unit = 1 then key_result_org_unit_id end) as org_unit_count,
        count(case when mention = 1 then key_result_id end) as key_result_count,
        max(
            case when link_type = 'measures' and champion_id = data_steward_id then 1 else 0 end
        ) as is_judge_in_own_cause
    from placed
    group by kpi_id, cycle_id
)

select
    {{ row_key(["placed.kpi_id", "placed.cycle_id"]) }} as shared_kpi_key,
    placed.kpi_id,
    placed.cycle_id,
    placed.kpi_name,
    placed.kpi_org_unit_id as org_unit_id,
    grouped.org_unit_ids,
    grouped.key_result_ids,
    coalesce(
        case when placed.accountable_owner_count = 1 then placed.accountable_owner_id end, '(unowned)'
    ) as accountable_owner_id,
    coalesce(case when placed.data_steward_count = 1 then placed.data_steward_id end, '(unowned)') as data_steward_id,
    case
        when placed.data_steward_count = 0 then 'no_steward'
        when placed.data_steward_count > 1 then 'several_stewards'
        when placed.data_steward_acknowledged_on is null then 'not_acknowledged'
    end as acknowledged_null_reason,
    cast(grouped.org_unit_count as int) as org_unit_count,
    cast(grouped.key_result_count as int) as key_result_count,
    -- Whoever takes over inside the cycle must have accepted by the day on which the role became theirs.
    placed.data_steward_count = 1
    and coalesce(
        placed.data_steward_acknowledged_on < placed.cycle_starts_on
        or (
            placed.data_steward_since > placed.cycle_starts_on
            and placed.data_steward_acknowledged_on <= placed.data_steward_since
        ),
        false
    ) as is_acknowledged_in_time,
    grouped.is_judge_in_own_cause = 0 as is_steward_independent,
    case when placed.data_steward_count = 1 then placed.data_steward_acknowledged_on end as acknowledged_on,
    placed.readiness_due_on,
    placed.cycle_starts_on,
    placed.judged_on
from placed
inner join grouped on placed.kpi_id = grouped.kpi_id and placed.cycle_id = grouped.cycle_id
where placed.newness = 1
