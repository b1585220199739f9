with tremors as (
    select
        tremors.*,
        events.event_title,
        max(tremors.detected_on) over (
            partition by tremors.key_result_id, tremors.kpi_id
            order by tremors.event_on, tremors.tremor_key
            rows between unbounded preceding and 1 preceding
        ) as detected_before_on
    from {{ ref("fct_tremor") }} as tremors
    inner join {{ ref("fct_key_result_event") }} as events
        on tremors.key_result_event_key = events.key_result_event_key
    where
        tremors.is_tremor
        and tremors.is_adverse
        and tremors.link_type in ('impacts', 'guardrail')
        and tremors.key_result_org_unit_id <> tremors.kpi_org_unit_id
),

-- Two releases of one key result before one shift are one conflict; the later one is named: it was the nearer.
numbered as (
    select
        *,
        sum(case when event_on <= detected_before_on then 0 else 1 end) over (
            partition by key_result_id, kpi_id
            order by event_on, tremor_key
            rows between unbounded preceding and current row
        ) as episode
    from tremors
),

ranked as (
    select
        *,
        min(detected_on) over (partition by key_result_id, kpi_id, episode) as first_detected_on,
        row_number() over (
            partition by key_result_id, kpi_id, episode order by event_on desc, tremor_key asc
        ) as place
    from numbered
),

-- Green on a day from the detection on; after its last day a key result stays what it was on it.
statuses as (
    select
        daily.key_result_id,
        daily.as_of,
        daily.status,
        daily.is_latest
    from {{ ref("fct_key_result_daily") }} as daily
),

opened as (
    select
        ranked.tremor_key,
        min(greatest(statuses.as_of, ranked.first_detected_on)) as opened_on
    from ranked
    inner join statuses
        on
            ranked.key_result_id = statuses.key_result_id
            and (ranked.first_detected_on <= statuses.as_of or statuses.is_latest)
            and (ranked.recovered_on is null or ranked.recovered_on > statuses.as_of)
    where ranked.place = 1 and statuses.status in ('on_track', 'achieved')
    group by ranked.tremor_key
),

today as (
    select
        key_result_id,
        status
    from statuses
    where is_latest
),

conflicts as (
    select
        ranked.*,
        {{ row_key(["ranked.key_result_id", "ranked.kpi_id", "opened.opened_on"]) }} as silo_conflict_key,
        opened.opened_on
    from ranked
    inner join opened on ranked.tremor_key = opened.tremor_key
),

decisions as (
    select
        conflicts.silo_conflict_key,
        decisions.decision_id,
        decisions.decided_on,
        decisions.text,
        decisions.decided_by_id,
        row_number() over (
            partition by conflicts.silo_conflict_key
            order by decisions.decided_on, decisions.decision_id
        ) as place
    from conflicts
    inner join {{ ref("int_decision__current") }} as decisions
        on
            (conflicts.kpi_id = decisions.kpi_id or conflicts.key_result_id = decisions.key_result_id)
            and conflicts.opened_on <= decisions.decided_on
),

-- A step on an escalation names the conflict by its key, alone or with a prefix of the escalation's own.
stated as (
    select
        conflicts.silo_conflict_key,
        min(escalations.acted_on) as resolved_on
    from conflicts
    inner join {{ ref("int_escalation__statements") }} as escalations
        on
            escalations.escalation_id like '%' || conflicts.silo_conflict_key
            and conflicts.opened_on <= escalations.acted_on
    where escalations.state = 'resolved'
    group by conflicts.silo_conflict_key
)

select
    conflicts.silo_conflict_key,
    conflicts.key_result_id,
    conflicts.kpi_id,
    conflicts.tremor_key,
    conflicts.link_type,
    conflicts.cycle_id,
    events.objective_id,
    conflicts.champion_id,
    conflicts.kpi_owner_id,
    conflicts.key_result_org_unit_id,
    conflicts.kpi_org_unit_id,
    conflicts.event_title,
    coalesce(today.status, 'not_assessable') as key_result_status,
    conflicts.attribution,
    conflicts.shared_with,
    conflicts.method,
    conflicts.unit,
    conflicts.cost_basis,
    conflicts.currency,
    decisions.decision_id,
    decisions.text as decision,
    decisions.decided_by_id,
    case
        when stated.resolved_on is null and conflicts.recovered_on is null then null
        when stated.resolved_on is null or conflicts.recovered_on <= stated.resolved_on then 'kpi_recovered'
        else 'stated'
    end as resolution,
    conflicts.effect,
    conflicts.effect_margin,
    conflicts.p_value,
    conflicts.cost_to_date_amount,
    conflicts.remaining_cost_amount,
    conflicts.projected_cost_amount,
    conflicts.history_count,
    coalesce(stated.resolved_on, conflicts.recovered_on) is null as is_open,
    conflicts.event_on,
    conflicts.first_detected_on as detected_on,
    conflicts.opened_on,
    decisions.decided_on,
    least(
        coalesce(stated.resolved_on, conflicts.recovered_on), coalesce(conflicts.recovered_on, stated.resolved_on)
    ) as resolved_on
from conflicts
inner join {{ ref("fct_key_result_event") }} as events on conflicts.key_result_event_key = events.key_result_event_key
left join today on conflicts.key_result_id = today.key_result_id
left join decisions on conflicts.silo_conflict_key = decisions.silo_conflict_key and decisions.place = 1
left join stated on conflicts.silo_conflict_key = stated.silo_conflict_key
