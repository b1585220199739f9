{#- A withheld key result or guardrail is counted as such. It takes the green from the objective, and tells nothing. -#}
{%- set statuses = ["achieved", "on_track", "at_risk", "off_track", "not_assessable", "withheld"] -%}

-- Computed anew from what the other reports show: the fact knows more than a reader may.
with key_results as (
    select
        placed.objective_id,
        placed.key_result_id,
        placed.weight_share,
        placed.is_weight_assumed,
        lines.status,
        lines.progress,
        lines.withheld_reason
    from {{ ref("int_objective__key_results") }} as placed
    inner join {{ ref("rpt_okr_scorecard") }} as lines on placed.key_result_id = lines.key_result_id
    where placed.is_latest
),

counted as (
    select
        objective_id,
        count(*) as key_result_count,
        {% for status in statuses -%}
        count(case when status = '{{ status }}' then 1 end) as {{ status }}_count,
        {% endfor -%}
        max({{ status_severity("status") }}) as severity,
        case
            when count(progress) = count(*) then {{ sum_in_order("weight_share * progress", "key_result_id") }}
        end as progress,
        max(case when is_weight_assumed then 1 else 0 end) as is_weight_assumed
    from key_results
    group by objective_id
),

-- An open conflict, and a release of which nobody can tell what it did, count as in fct_objective_daily.
signals as (
    select
        key_result_id,
        kpi_id,
        kpi_owner_id,
        'off_track' as status
    from {{ ref("fct_silo_conflict") }}
    where is_open
    union all
    select
        key_result_id,
        kpi_id,
        kpi_owner_id,
        'not_assessable' as status
    from {{ ref("fct_tremor") }}
    where null_reason = 'missing_data' and link_type in ('impacts', 'guardrail')
),

watched as (
    select
        key_results.objective_id,
        links.kpi_id,
        links.kpi_name,
        links.kpi_owner_id,
        links.kpi_owner_name,
        links.status
    from key_results
    inner join {{ ref("rpt_key_result_kpi") }} as links on key_results.key_result_id = links.key_result_id
    where links.link_type = 'guardrail'
    union all
    select
        key_results.objective_id,
        signals.kpi_id,
        coalesce(kpis.kpi_name, signals.kpi_id) as kpi_name,
        signals.kpi_owner_id,
        coalesce(kpi_owners.person_name, signals.kpi_owner_id) as kpi_owner_name,
        case
            when key_results.withheld_reason is not null or withheld_kpis.kpi_id is not null then 'withheld'
            else signals.status
        end as status
    from key_results
    inner join signals on key_results.key_result_id = signals.key_result_id
    left join {{ ref("dim_kpi") }} as kpis on signals.kpi_id = kpis.kpi_id and kpis.is_current
    left join {{ ref("dim_person") }} as kpi_owners
        on signals.kpi_owner_id = kpi_owners.person_id and kpi_owners.is_current
    left join {{ ref("int_kpi__withheld") }} as withheld_kpis on signals.kpi_id = withheld_kpis.kpi_id
),

guardrail_kpis as (
    select
        objective_id,
        kpi_id,
        max(kpi_name) as kpi_name,
        max(kpi_owner_id) as kpi_owner_id,
        max(kpi_owner_name) as kpi_owner_name,
        max(
            case when status in ('off_track', 'not_assessable') then {{ status_severity("status") }} else 0 end
        ) as severity,
        max(case when status = 'withheld' then 1 else 0 end) as is_withheld
    from watched
    group by objective_id, kpi_id
),

guardrails as (
    select
        objective_id,
        count(*) as guardrail_kpi_count,
        count(case when severity = {{ status_severity("'off_track'") }} then 1 end) as guardrail_breached_count,
        max(severity) as severity,
        max(is_withheld) as is_withheld
    from guardrail_kpis
    group by objective_id
),

ranked_guardrails as (
    select
        *,
        row_number() over (partition by objective_id order by severity desc, kpi_id asc) as place
    from guardrail_kpis
    where severity > 0
),

own as (
    select
        daily.*,
        coalesce(counted.key_result_count, 0) as shown_count,
        {% for status in statuses -%}
        coalesce(counted.{{ status }}_count, 0) as shown_{{ status }}_count,
        {% endfor -%}
        counted.progress as shown_progress,
        coalesce(counted.is_weight_assumed, 0) = 1 as is_shown_weight_assumed,
        case
            when counted.severity is not null or guardrails.severity > 0
                then greatest(coalesce(counted.severity, 0), coalesce(guardrails.severity, 0))
        end as shown_severity,
        coalesce(guardrails.is_withheld = 1, false) as is_guardrail_withheld,
        coalesce(counted.withheld_count > 0 or guardrails.is_withheld = 1, false) as is_part_withheld,
        coalesce(guardrails.guardrail_kpi_count, 0) as shown_guardrail_kpi_count,
        coalesce(guardrails.guardrail_breached_count, 0) as shown_guardrail_breached_count
    from {{ ref("fct_objective_daily") }} as daily
    left join counted on daily.objective_id = counted.objective_id
    left join guardrails on daily.objective_id = guardrails.objective_id
    where daily.is_latest
),

trees as (
    select
        newest.objective_id,
        sum(own.shown_count) as key_result_count,
        count(*) as objective_count,
        sum(own.shown_withheld_count) as withheld_count,
        max(own.shown_severity) as severity,
        max(case when own.is_part_withheld then 1 else 0 end) as is_part_withheld,
        case
            when count(own.shown_progress) = count(case when own.shown_count > 0 then 1 end)
                then {{ sum_in_order("own.shown_progress", "own.objective_id") }} / nullif(count(own.shown_progress), 0)
        end as progress
    from {{ ref("int_objective__descendants") }} as descendants
    inner join own as newest on descendants.objective_id = newest.objective_id and descendants.day = newest.as_of
    inner join own on descendants.descendant_id = own.objective_id
    group by newest.objective_id
)

select
    own.as_of,
    own.objective_id,
    objectives.title as objective_title,
    own.cycle_id,
    coalesce(cycles.cycle_name, own.cycle_id) as cycle_name,
    cycles.state as cycle_state,
    own.org_unit_id,
    coalesce(units.org_unit_name, own.org_unit_id) as org_unit_name,
    own.owner_id,
    coalesce(owners.person_name, own.owner_id) as owner_name,
    objectives.supports_id,
    worst.kpi_id as worst_guardrail_kpi_id,
    worst.kpi_name as worst_guardrail_kpi_name,
    worst.kpi_owner_id as worst_guardrail_owner_id,
    worst.kpi_owner_name as worst_guardrail_owner_name,
    {{ shown_status("own.shown_severity", "own.is_part_withheld") }} as status,
    {{ shown_status("trees.severity", "trees.is_part_withheld = 1") }} as tree_status,
    case
        when own.is_part_withheld then null
        else own.null_reason
    end as null_reason,
    {{ joined_reasons(
        "case when own.shown_withheld_count > 0 then cast(own.shown_withheld_count as " ~ dbt.type_string()
        ~ ") || ' of ' || cast(own.shown_count as " ~ dbt.type_string() ~ ") || ' key results withheld' end",
        "case when own.is_guardrail_withheld then 'a guardrail withheld' end",
    ) }} as withheld_reason,
    own.shown_progress as progress,
    trees.progress as tree_progress,
    cast(own.shown_count as int) as key_result_count,
    {% for status in statuses -%}
    cast(own.shown_{{ status }}_count as int) as {{ status }}_count,
    {% endfor -%}
    cast(own.shown_guardrail_kpi_count as int) as guardrail_kpi_count,
    cast(own.shown_guardrail_breached_count as int) as guardrail_breached_count,
    cast(trees.objective_count as int) as tree_objective_count,
    cast(trees.key_result_count as int) as tree_key_result_count,
    cast(trees.withheld_count as int) as tree_withheld_count,
    own.is_shown_weight_assumed as is_weight_assumed,
    own.is_part_withheld,
    own.is_latest
from own
inner join trees on own.objective_id = trees.objective_id
inner join {{ ref("dim_objective") }} as objectives on own.objective_key = objectives.objective_key
left join ranked_guardrails as worst on own.objective_id = worst.objective_id and worst.place = 1
left join {{ ref("dim_cycle") }} as cycles on own.cycle_id = cycles.cycle_id
left join {{ ref("dim_org_unit") }} as units on own.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_person") }} as owners on own.owner_id = owners.person_id and owners.is_current
