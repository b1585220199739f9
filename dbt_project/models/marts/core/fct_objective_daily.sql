{%- set statuses = ["achieved", "on_track", "at_risk", "off_track", "not_assessable"] -%}

with key_results as (
    select
        objective_id,
        day,
        count(*) as key_result_count,
        {% for status in statuses -%}
        count(case when status = '{{ status }}' then 1 end) as {{ status }}_count,
        {% endfor -%}
        max({{ status_severity("status") }}) as severity,
        -- An objective with one unknown key result is unknown, never the mean of the rest.
        case
            when count(progress) = count(*) then {{ sum_in_order("weight_share * progress", "key_result_id") }}
        end as progress,
        max(case when is_weight_assumed then 1 else 0 end) as is_weight_assumed
    from {{ ref("int_objective__key_results") }}
    group by objective_id, day
),

-- A guardrail that holds says nothing for the objective; one that is broken, or that nobody can see, says much.
guardrails as (
    select
        objective_id,
        day,
        count(*) as guardrail_kpi_count,
        count(case when status = 'off_track' then 1 end) as guardrail_breached_count,
        max(case when status in ('off_track', 'not_assessable') then {{ status_severity("status") }} else 0 end)
            as severity,
    {% for column in ["kpi_id", "kpi_owner_id", "kpi_org_unit_id"] -%}
    max(case when place = 1 and status in ('off_track', 'not_assessable') then {{ column }} end)
        as worst_{{ column }}{{ "," if not loop.last }}
    {% endfor %}
    from {{ ref("int_objective__guardrails") }}
    group by objective_id, day
),

own as (
    select
        days.*,
        guardrails.worst_kpi_id,
        guardrails.worst_kpi_owner_id,
        guardrails.worst_kpi_org_unit_id,
        key_results.progress,
        case
            when key_results.severity is not null then greatest(key_results.severity, coalesce(guardrails.severity, 0))
        end as severity,
        coalesce(guardrails.severity > key_results.severity, false) as is_decided_by_guardrail,
        coalesce(key_results.key_result_count, 0) as key_result_count,
        {% for status in statuses -%}
        coalesce(key_results.{{ status }}_count, 0) as {{ status }}_count,
        {% endfor -%}
        coalesce(guardrails.guardrail_kpi_count, 0) as guardrail_kpi_count,
        coalesce(guardrails.guardrail_breached_count, 0) as guardrail_breached_count,
        coalesce(key_results.is_weight_assumed, 0) = 1 as is_weight_assumed
    from {{ ref("int_objective__days") }} as days
    left join key_results on days.objective_id = key_results.objective_id and days.day = key_results.day
    left join guardrails on days.objective_id = guardrails.objective_id and days.day = guardrails.day
),

trees as (
    select
        descendants.objective_id,
        descendants.day,
        count(*) as objective_count,
        sum(own.key_result_count) as key_result_count,
        {% for status in statuses -%}
        sum(own.{{ status }}_count) as {{ status }}_count,
        {% endfor -%}
        max(own.severity) as severity,
        -- Each objective counts once, however many key results it has and whatever their weights are out of.
        case
            when count(own.progress) = count(case when own.key_result_count > 0 then 1 end)
                then {{ sum_in_order("own.progress", "own.objective_id") }} / nullif(count(own.progress), 0)
        end as progress
    from {{ ref("int_objective__descendants") }} as descendants
    inner join own on descendants.descendant_id = own.objective_id and descendants.figures_on = own.day
    group by descendants.objective_id, descendants.day
)

select
    {{ row_key(["own.day", "own.objective_id"]) }} as objective_day_key,
    own.day as as_of,
    own.objective_id,
    own.objective_key,
    own.cycle_id,
    own.org_unit_id,
    own.owner_id,
    own.worst_kpi_id as worst_guardrail_kpi_id,
    own.worst_kpi_owner_id as worst_guardrail_owner_id,
    own.worst_kpi_org_unit_id as worst_guardrail_org_unit_id,
    coalesce({{ status_of_severity("own.severity") }}, 'not_assessable') as status,
    case
        when own.key_result_count = 0 then 'no_key_results'
        when own.progress is null then 'key_result_without_progress'
        when own.severity = {{ status_severity("'not_assessable'") }} and own.is_decided_by_guardrail
            then 'guardrail_not_assessable'
        when own.severity = {{ status_severity("'not_assessable'") }} then 'key_result_not_assessable'
    end as null_reason,
    coalesce({{ status_of_severity("trees.severity") }}, 'not_assessable') as tree_status,
    case
        when trees.key_result_count = 0 then 'no_key_results'
        when trees.progress is null then 'key_result_without_progress'
        when trees.severity = {{ status_severity("'not_assessable'") }} then 'part_not_assessable'
    end as tree_null_reason,
    own.progress,
    trees.progress as tree_progress,
    cast(own.key_result_count as int) as key_result_count,
    {% for status in statuses -%}
    cast(own.{{ status }}_count as int) as {{ status }}_count,
    {% endfor -%}
    cast(own.guardrail_kpi_count as int) as guardrail_kpi_count,
    cast(own.guardrail_breached_count as int) as guardrail_breached_count,
    cast(trees.objective_count as int) as tree_objective_count,
    cast(trees.key_result_count as int) as tree_key_result_count,
    {% for status in statuses -%}
    cast(trees.{{ status }}_count as int) as tree_{{ status }}_count,
    {% endfor -%}
    own.is_decided_by_guardrail,
    own.is_weight_assumed,
    own.is_latest
from own
inner join trees on own.objective_id = trees.objective_id and own.day = trees.day
