{#- Days between a repair and the next failure of the same subject within which the repair did not hold. -#}
{%- set days_to_hold = 30 -%}

with episodes as (
    select
        episodes.*,
        audits.as_of as today,
        coalesce(episodes.owner_id, '(unowned)') as person_id,
        coalesce(subjects.org_unit_id, owners.org_unit_id, '(unknown)') as org_unit_id,
        subjects.feed_id,
        case
            when lag(episodes.repaired_on) over (
                partition by episodes.rule_id, episodes.subject_type, episodes.subject_id
                order by episodes.first_seen_on, episodes.first_seen_at
            ) >= {{ add_days("episodes.first_seen_on", -days_to_hold) }} then 1
            else 0
        end as is_reopened
    from {{ ref("int_integrity_result__episodes") }} as episodes
    cross join {{ ref("int_audit__context") }} as audits
    left join {{ ref("int_audit__subjects") }} as subjects
        on episodes.subject_type = subjects.subject_type and episodes.subject_id = subjects.subject_id
    left join {{ ref("dim_person") }} as owners on episodes.owner_id = owners.person_id and owners.is_current
),

entries as (
    {% for dimension, id in [
        ("rule", "rule_id"), ("unit", "org_unit_id"), ("owner", "person_id"), ("feed", "feed_id"),
    ] -%}
    select
        '{{ dimension }}' as dimension,
        {{ id }} as dimension_id,
        outcome,
        first_seen_on,
        repaired_on,
        today,
        is_reopened
    from episodes
    where {{ id }} is not null
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor -%}
)

select
    {{ row_key(["entries.dimension", "entries.dimension_id"]) }} as integrity_history_key,
    entries.today as as_of,
    entries.dimension,
    entries.dimension_id,
    coalesce(
        max(units.org_unit_name), max(people.person_name), max(feeds.subject_name), entries.dimension_id
    ) as dimension_name,
    case when count(entries.repaired_on) = 0 then 'nothing_repaired' end as repair_null_reason,
    avg(cast({{ days_between("entries.first_seen_on", "entries.repaired_on") }} as double)) as mean_days_to_repair,
    cast(count(*) as int) as episode_count,
    cast(sum(case when entries.repaired_on is null and entries.outcome = 'failed' then 1 else 0 end) as int)
        as open_count,
    cast(sum(case when entries.repaired_on is null and entries.outcome = 'waived' then 1 else 0 end) as int)
        as waived_count,
    cast(sum(case when entries.first_seen_on = entries.today then 1 else 0 end) as int) as new_count,
    cast(count(entries.repaired_on) as int) as repaired_count,
    cast(sum(entries.is_reopened) as int) as reopened_count,
    max(
        case when entries.repaired_on is null then {{ days_between("entries.first_seen_on", "entries.today") }} end
    ) as oldest_open_days,
    min(entries.first_seen_on) as first_seen_on,
    max(entries.repaired_on) as last_repaired_on
from entries
left join {{ ref("dim_org_unit") }} as units
    on entries.dimension = 'unit' and entries.dimension_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as people
    on entries.dimension = 'owner' and entries.dimension_id = people.person_id and people.is_current
left join {{ ref("int_audit__subjects") }} as feeds
    on entries.dimension = 'feed' and feeds.subject_type = 'feed' and entries.dimension_id = feeds.subject_id
group by entries.dimension, entries.dimension_id, entries.today
