{%- set is_same_number -%}
kpis.formula = others.formula
            and kpis.feed_id = others.feed_id
            and kpis.org_unit_id = others.org_unit_id
{%- endset %}

with run as (
    select as_of from {{ ref("int_run__context") }}
),

-- A cycle as it stands today, or stood at its end.
cycles as (
    select
        cycles.cycle_id,
        cycles.starts_on,
        cycles.ends_on,
        run.as_of,
        least(run.as_of, cycles.ends_on) as seen_on,
        cycles.ends_on < run.as_of as is_over
    from {{ ref("dim_cycle") }} as cycles
    inner join run on cycles.starts_on <= run.as_of
),

kpis as (
    select
        cycles.*,
        kpis.kpi_id,
        kpis.kpi_key,
        kpis.kpi_name,
        kpis.formula,
        kpis.feed_id,
        kpis.target,
        coalesce(kpis.org_unit_id, '(unknown)') as org_unit_id,
        kpis.lifecycle,
        coalesce(owners.owner_id, '(unowned)') as owner_id
    from cycles
    inner join {{ ref("int_kpi__versions") }} as kpis
        on cycles.seen_on >= kpis.valid_from and cycles.seen_on < kpis.valid_to
    left join {{ ref("int_kpi__timeline") }} as owners
        on
            kpis.kpi_id = owners.kpi_id
            and cycles.seen_on >= owners.from_on
            and cycles.seen_on < owners.until_on
),

loads as (
    select
        cycle_id,
        owner_id,
        count(*) as kpi_count
    from kpis
    where lifecycle = 'active' and owner_id <> '(unowned)'
    group by cycle_id, owner_id
),

sights as (
    select
        kpis.kpi_id,
        kpis.cycle_id,
        lines.path,
        row_number() over (
            partition by kpis.kpi_id, kpis.cycle_id
            order by lines.step_count, lines.preference, lines.target_id, lines.kpi_ids, lines.from_on
        ) as place
    from kpis
    inner join {{ ref("int_kpi__sight_lines") }} as lines
        on
            kpis.kpi_id = lines.kpi_id
            and kpis.seen_on >= lines.from_on
            and kpis.seen_on < lines.until_on
),

decisions as (
    select
        cycles.cycle_id,
        decisions.kpi_id,
        count(*) as decision_count
    from cycles
    inner join {{ ref("int_decision__current") }} as decisions
        on cycles.starts_on <= decisions.decided_on and cycles.ends_on >= decisions.decided_on
    where decisions.kpi_id is not null
    group by cycles.cycle_id, decisions.kpi_id
),

decided_cycles as (
    select
        cycle_id,
        sum(decision_count) as decision_count
    from decisions
    group by cycle_id
),

tremors as (
    select distinct
        tremors.kpi_id,
        tremors.tremor_key,
        tremors.key_result_id,
        tremors.detected_on,
        case when decisions.decision_id is not null then 1 else 0 end as is_answered
    from {{ ref("fct_tremor") }} as tremors
    left join {{ ref("int_decision__current") }} as decisions
        on
            (tremors.kpi_id = decisions.kpi_id or tremors.key_result_id = decisions.key_result_id)
            and tremors.detected_on <= decisions.decided_on
            and {{ days_between("tremors.detected_on", "decisions.decided_on") }} <= {{ decision_days() }}
    where tremors.is_tremor and tremors.is_adverse
),

answered as (
    select
        tremor_key,
        max(kpi_id) as kpi_id,
        max(detected_on) as detected_on,
        max(is_answered) as is_answered
    from tremors
    group by tremor_key
),

-- A tremor has ten days to be answered; until then it is neither a good alert nor a bad one.
alerts as (
    select
        cycles.cycle_id,
        answered.kpi_id,
        count(*) as tremor_count,
        sum(answered.is_answered) as answered_tremor_count,
        count(
            case
                when
                    answered.is_answered = 1
                    or {{ days_between("answered.detected_on", "cycles.as_of") }} > {{ decision_days() }} then 1
            end
        ) as judged_tremor_count
    from cycles
    inner join answered on cycles.starts_on <= answered.detected_on and cycles.ends_on >= answered.detected_on
    group by cycles.cycle_id, answered.kpi_id
),

named as (
    select
        cycle_id,
        kpi_id,
        feed_id,
        org_unit_id,
        target,
        lower(trim(formula)) as formula,
        lower(trim(kpi_name)) as kpi_name
    from kpis
    where lifecycle = 'active'
),

-- The same formula over the same source for one unit, or one name for two targets: two numbers that will differ. One
-- join for each, on what must be equal: a single one with "or" compares every KPI with every other.
duplicates as (
    select
        kpis.cycle_id,
        kpis.kpi_id,
        others.kpi_id as other_kpi_id,
        'same_formula_and_source' as duplicate_reason
    from named as kpis
    inner join named as others
        on
            kpis.cycle_id = others.cycle_id
            and {{ is_same_number }}
            and kpis.kpi_id <> others.kpi_id
    union all
    select
        kpis.cycle_id,
        kpis.kpi_id,
        others.kpi_id as other_kpi_id,
        'same_name_with_another_target' as duplicate_reason
    from named as kpis
    inner join named as others
        on
            kpis.cycle_id = others.cycle_id
            and kpis.kpi_name = others.kpi_name
            and kpis.kpi_id <> others.kpi_id
    where
        {{ differs("kpis.target", "others.target") }}
        and not coalesce({{ is_same_number }}, false)
),

duplicated as (
    select
        cycle_id,
        kpi_id,
        min(duplicate_reason) as duplicate_reason,
        {{ joined_texts("other_kpi_id", "', '") }} as duplicate_kpi_ids
    from duplicates
    group by cycle_id, kpi_id
),

-- Since when a KPI in the shadow is there: the day after its last version that was not.
shadows as (
    select
        kpis.kpi_id,
        kpis.cycle_id,
        max(case when versions.lifecycle <> 'shadow' then versions.valid_to end) as shadow_from_on
    from kpis
    inner join {{ ref("int_kpi__versions") }} as versions
        on kpis.kpi_id = versions.kpi_id and kpis.seen_on >= versions.valid_from
    where kpis.lifecycle = 'shadow'
    group by kpis.kpi_id, kpis.cycle_id
),

served as (
    select
        shadows.kpi_id,
        shadows.cycle_id,
        count(*) as whole_cycle_count
    from shadows
    inner join cycles on shadows.cycle_id = cycles.cycle_id
    inner join cycles as others
        on
            others.starts_on >= coalesce(shadows.shadow_from_on, others.starts_on)
            and (cycles.seen_on > others.ends_on or (cycles.cycle_id = others.cycle_id and cycles.is_over))
    group by shadows.kpi_id, shadows.cycle_id
),

measured as (
    select
        kpis.*,
        sights.path as line_of_sight,
        loads.kpi_count as owner_kpi_count,
        coalesce(decisions.decision_count, 0) as decision_count,
        coalesce(decided_cycles.decision_count, 0) as cycle_decision_count,
        cast(floor(({{ days_between("kpis.starts_on", "kpis.seen_on") }} + 1) / 7.0) as int) as review_count,
        coalesce(alerts.tremor_count, 0) as tremor_count,
        coalesce(alerts.answered_tremor_count, 0) as answered_tremor_count,
        coalesce(alerts.judged_tremor_count, 0) as judged_tremor_count,
        duplicated.duplicate_kpi_ids,
        duplicated.duplicate_reason,
        shadows.shadow_from_on,
        coalesce(served.whole_cycle_count, 0) > 0 as has_served_shadow,
        -- Nobody decided on it, in a cycle that is over and in which decisions were recorded at all.
        kpis.is_over and coalesce(decided_cycles.decision_count, 0) > 0 and decisions.kpi_id is null as is_undecided
    from kpis
    left join sights on kpis.kpi_id = sights.kpi_id and kpis.cycle_id = sights.cycle_id and sights.place = 1
    left join loads on kpis.cycle_id = loads.cycle_id and kpis.owner_id = loads.owner_id
    left join decisions on kpis.kpi_id = decisions.kpi_id and kpis.cycle_id = decisions.cycle_id
    left join decided_cycles on kpis.cycle_id = decided_cycles.cycle_id
    left join alerts on kpis.kpi_id = alerts.kpi_id and kpis.cycle_id = alerts.cycle_id
    left join duplicated on kpis.kpi_id = duplicated.kpi_id and kpis.cycle_id = duplicated.cycle_id
    left join shadows on kpis.kpi_id = shadows.kpi_id and kpis.cycle_id = shadows.cycle_id
    left join served on kpis.kpi_id = served.kpi_id and kpis.cycle_id = served.cycle_id
),

remembered as (
    select
        *,
        is_undecided
        and coalesce(lag(is_undecided) over (partition by kpi_id order by starts_on, cycle_id), false) as is_idle_now,
        coalesce(lag(is_undecided, 1) over (partition by kpi_id order by starts_on, cycle_id), false)
        and coalesce(lag(is_undecided, 2) over (partition by kpi_id order by starts_on, cycle_id), false) as was_idle
    from measured
),

judged as (
    select
        *,
        case
            when line_of_sight is null then 'no_line_of_sight'
            when owner_id = '(unowned)' then 'no_owner'
            when is_idle_now or (not is_over and was_idle and decision_count = 0) then 'no_decision_in_two_cycles'
        end as sunset_reason
    from remembered
)

select
    {{ row_key(["kpi_id", "cycle_id"]) }} as kpi_cycle_key,
    kpi_id,
    cycle_id,
    kpi_key,
    owner_id as kpi_owner_id,
    org_unit_id as kpi_org_unit_id,
    lifecycle,
    line_of_sight,
    case
        when lifecycle in ('proposed', 'retired') then lifecycle
        when lifecycle = 'shadow' and sunset_reason is null then 'restore'
        when lifecycle = 'shadow' and has_served_shadow then 'retire'
        when lifecycle = 'shadow' then 'shadow'
        when sunset_reason is not null then 'candidate'
        else 'keep'
    end as sunset_state,
    sunset_reason,
    duplicate_reason,
    duplicate_kpi_ids,
    case
        when review_count = 0 then 'no_review_yet'
        when cycle_decision_count = 0 then 'no_decisions_recorded'
    end as decision_yield_null_reason,
    case when judged_tremor_count = 0 then 'no_tremor' end as alert_precision_null_reason,
    case
        when review_count > 0 and cycle_decision_count > 0
            then cast(decision_count as double) / review_count
    end as decision_yield,
    case
        when judged_tremor_count > 0 then cast(answered_tremor_count as double) / judged_tremor_count
    end as alert_precision,
    cast(review_count as int) as review_count,
    cast(decision_count as int) as decision_count,
    cast(tremor_count as int) as tremor_count,
    cast(answered_tremor_count as int) as answered_tremor_count,
    cast(owner_kpi_count as int) as owner_kpi_count,
    line_of_sight is not null as has_line_of_sight,
    seen_on as as_of,
    shadow_from_on
from judged
