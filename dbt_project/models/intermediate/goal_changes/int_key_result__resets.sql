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

lowered as (
    {% for field in ["target", "lower_limit", "upper_limit"] -%}
    select
        key_result_id,
        previous_key_result_id,
        '{{ field }}' as field,
        {{ number_text("previous_" ~ field) }} as old_value,
        {{ number_text(field) }} as new_value,
        previous_{{ field }} as old_number,
        {{ field }} as new_number,
        row_number() over (partition by key_result_id order by previous_key_result_id) as mention
    from missed
    where
        {{ goal_difficulty(
            "'key_result'", "'" ~ field ~ "'", "direction", number_text("previous_" ~ field), number_text(field),
            "previous_" ~ field, field
        ) }} = 'easier'
        and {{ field }} <> previous_{{ field }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    {{ row_key(["'key_result'", "lowered.key_result_id", "lowered.field", "'reset'"]) }} as goal_change_key,
    lowered.key_result_id,
    lowered.previous_key_result_id,
    lowered.field,
    locked.cycle_id,
    coalesce(objectives.org_unit_id, '(unknown)') as org_unit_id,
    coalesce(locked.champion_id, '(unowned)') as owner_id,
    locked.unit,
    lowered.old_value,
    lowered.new_value,
    lowered.old_number,
    lowered.new_number,
    locked.starts_on as effective_on,
    locked.locked_on,
    locked.known_at as changed_at,
    locked.load_id,
    locked.source_file,
    locked.source_row
from lowered
inner join {{ ref("int_key_result__locked") }} as locked on lowered.key_result_id = locked.key_result_id
left join {{ ref("int_objective__versions") }} as objectives
    on
        locked.objective_id = objectives.objective_id
        and locked.locked_on >= objectives.valid_from
        and locked.locked_on < objectives.valid_to
where lowered.mention = 1
