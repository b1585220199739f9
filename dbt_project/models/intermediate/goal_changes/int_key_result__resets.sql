-- The goal of the newest cycle before, on the same KPI: it was missed, and the new one asks for less.
with goals as (
    select
        locked.*,
        links.kpi_id,
        cycles.ends_on as cycle_ends_on
    from {{ ref("int_key_result__locked") }} as locked
    inner join {{ ref("stg_lake__key_result_links") }} as links
        on locked.record_key = links.record_key and links.link_type = 'measures'
    inner join {{ ref("dim_cycle") }} as cycles on locked.cycle_id = cycles.cycle_id
),

-- What was agreed at the close counts, whatever the figures say since.
attained as (
    select
        daily.key_result_id,
        case when scores.key_result_id is not null then scores.score else daily.attainment_vs_locked end
            as attainment_vs_locked
    from {{ ref("fct_key_result_daily") }} as daily
    cross join {{ ref("int_run__context") }} as run
    left join {{ ref("int_cycle_score__recorded") }} as scores on daily.key_result_id = scores.key_result_id
    where daily.is_latest and daily.as_of <= run.as_of
),

pairs as (
    select
        goals.*,
        previous.key_result_id as previous_key_result_id,
        previous.due_on as previous_due_on,
        {% for field in ["target", "lower_limit", "upper_limit"] -%}
        previous.{{ field }} as previous_{{ field }},
        {% endfor -%}
        rank() over (partition by goals.key_result_id, goals.kpi_id order by previous.cycle_ends_on desc) as nearness
    from goals
    inner join goals as previous
        on
            goals.kpi_id = previous.kpi_id
            and goals.direction = previous.direction
            and not {{ differs("goals.unit", "previous.unit") }}
            and goals.starts_on > previous.cycle_ends_on
),

missed as (
    select pairs.*
    from pairs
    inner join attained on pairs.previous_key_result_id = attained.key_result_id
    cross join {{ ref("int_run__context") }} as run
    where pairs.nearness = 1 and pairs.previous_due_on <= run.as_of and round(attained.attainment_vs_locked, 9) < 1
),

fields as (
    select 'target' as field
    union all
    select 'lower_limit' as field
    union all
    select 'upper_limit' as field
),

compared as (
    select
        missed.*,
        fields.field,
        case fields.field
            when 'target' then missed.previous_target
            when 'lower_limit' then missed.previous_lower_limit
            else missed.previous_upper_limit
        end as old_number,
        case fields.field
            when 'target' then missed.target
            when 'lower_limit' then missed.lower_limit
            else missed.upper_limit
        end as new_number
    from missed
    cross join fields
),

valued as (
    select
        *,
        {{ number_text("old_number") }} as old_value,
        {{ number_text("new_number") }} as new_value
    from compared
    where new_number <> old_number
),

lowered as (
    select
        *,
        row_number() over (partition by key_result_id, field order by previous_key_result_id) as mention
    from valued
    where
        {{ goal_difficulty(
            "'key_result'", "field", "direction", "old_value", "new_value", "old_number", "new_number"
        ) }} = 'easier'
)

select
    {{ row_key(["'key_result'", "lowered.key_result_id", "lowered.field", "'reset'"]) }} as goal_change_key,
    lowered.key_result_id,
    lowered.previous_key_result_id,
    lowered.field,
    lowered.cycle_id,
    coalesce(objectives.org_unit_id, '(unknown)') as org_unit_id,
    coalesce(lowered.champion_id, '(unowned)') as owner_id,
    lowered.unit,
    lowered.old_value,
    lowered.new_value,
    lowered.old_number,
    lowered.new_number,
    lowered.starts_on as effective_on,
    lowered.locked_on,
    lowered.known_at as changed_at,
    lowered.load_id,
    lowered.source_file,
    lowered.source_row
from lowered
left join {{ ref("int_objective__versions") }} as objectives
    on
        lowered.objective_id = objectives.objective_id
        and lowered.locked_on >= objectives.valid_from
        and lowered.locked_on < objectives.valid_to
where lowered.mention = 1
