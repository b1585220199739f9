{%- set frozen = [
    "closed_on", "objective_id", "org_unit_id", "champion_id", "unit", "measured_value", "score", "score_null_reason",
    "attainment_vs_current", "status", "is_achieved", "reported_status", "reported_confidence",
] -%}

-- A cycle that was closed once stays closed, whatever becomes of its days.
with cycles as (
    select
        cycles.cycle_id,
        cycles.starts_on,
        cycles.ends_on,
        coalesce(cycles.closes_on, cycles.ends_on) as closed_on
    from {{ ref("dim_cycle") }} as cycles
    inner join {{ ref("int_run__context") }} as run on coalesce(cycles.closes_on, cycles.ends_on) <= run.as_of
),

ended as (
    select
        daily.*,
        cycles.closed_on,
        row_number() over (partition by daily.key_result_id order by daily.as_of desc) as newness
    from {{ ref("fct_key_result_daily") }} as daily
    inner join cycles on daily.cycle_id = cycles.cycle_id and daily.as_of <= cycles.closed_on
),

-- As today's figures have it.
computed as (
    select
        ended.cycle_id,
        ended.key_result_id,
        ended.closed_on,
        ended.objective_id,
        ended.org_unit_id,
        ended.champion_id,
        locked.unit,
        ended.measured_value,
        ended.attainment_vs_locked as score,
        case when ended.attainment_vs_locked is null then coalesce(ended.null_reason, 'not_assessable') end
            as score_null_reason,
        ended.attainment_vs_current,
        ended.status,
        round(ended.attainment_vs_locked, 9) >= 1 as is_achieved,
        ended.reported_status,
        ended.reported_confidence
    from ended
    inner join {{ ref("int_key_result__locked") }} as locked on ended.key_result_id = locked.key_result_id
    where ended.newness = 1
),

subjects as (
    select
        cycle_id,
        key_result_id
    from computed
    union
    select
        cycle_id,
        key_result_id
    from {{ ref("int_cycle_score__recorded") }}
),

scored as (
    select
        subjects.cycle_id,
        subjects.key_result_id,
        {% for column in frozen -%}
        case when recorded.key_result_id is not null then recorded.{{ column }} else computed.{{ column }} end
            as {{ column }},
        {% endfor -%}
        computed.score as restated_score,
        case when computed.score is null then coalesce(computed.score_null_reason, 'no_longer_reported') end
            as restated_null_reason
    from subjects
    left join computed on subjects.key_result_id = computed.key_result_id and subjects.cycle_id = computed.cycle_id
    left join {{ ref("int_cycle_score__recorded") }} as recorded
        on subjects.key_result_id = recorded.key_result_id and subjects.cycle_id = recorded.cycle_id
),

-- What of a key result's own KPIs was changed after its cycle had closed.
restated as (
    select
        locked.key_result_id,
        count(distinct restatements.restatement_key) as restatement_count
    from {{ ref("int_key_result__locked") }} as locked
    inner join cycles on locked.cycle_id = cycles.cycle_id
    inner join {{ ref("stg_lake__key_result_links") }} as links
        on locked.record_key = links.record_key and links.link_type = 'measures'
    inner join {{ ref("fct_restatement") }} as restatements
        on
            links.kpi_id = restatements.kpi_id
            and restatements.is_after_close
            and restatements.kind in ('restated', 'deleted')
            and cycles.starts_on <= restatements.period_end_on
            and cycles.ends_on >= restatements.period_start_on
    group by locked.key_result_id
),

resets as (
    select
        previous_key_result_id as key_result_id,
        {{ joined_texts("subject_id", "', '") }} as reset_by_key_result_ids
    from (
        select distinct
            previous_key_result_id,
            subject_id
        from {{ ref("fct_goal_change") }}
        where kind = 'reset' and previous_key_result_id is not null
    ) as followers
    group by previous_key_result_id
)

select
    {{ row_key(["scored.cycle_id", "scored.key_result_id"]) }} as cycle_score_key,
    scored.cycle_id,
    scored.key_result_id,
    scored.objective_id,
    scored.org_unit_id,
    scored.champion_id,
    scored.unit,
    scored.status,
    scored.score_null_reason,
    scored.restated_null_reason,
    scored.reported_status,
    resets.reset_by_key_result_ids,
    scored.measured_value,
    scored.score,
    scored.attainment_vs_current,
    scored.restated_score,
    scored.restated_score - scored.score as score_difference,
    scored.reported_confidence,
    case
        when scored.reported_confidence is null then 'no_confidence_reported'
        when scored.is_achieved is null then 'no_score'
    end as brier_null_reason,
    (scored.reported_confidence - case when scored.is_achieved then 1 when not scored.is_achieved then 0 end)
    * (scored.reported_confidence - case when scored.is_achieved then 1 when not scored.is_achieved then 0 end)
        as brier_score,
    cast(coalesce(restated.restatement_count, 0) as int) as restatement_count,
    scored.is_achieved,
    resets.key_result_id is not null as is_reset_afterwards,
    scored.closed_on
from scored
left join restated on scored.key_result_id = restated.key_result_id
left join resets on scored.key_result_id = resets.key_result_id
