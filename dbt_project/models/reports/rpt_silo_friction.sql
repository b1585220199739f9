{#- Unit by unit: who leans on whom in a cycle, and what rubs. -#}
with objectives as (
    select
        key_results.key_result_id,
        key_results.cycle_id,
        objectives.org_unit_id
    from {{ ref("dim_key_result") }} as key_results
    inner join {{ ref("dim_objective") }} as objectives
        on key_results.objective_id = objectives.objective_id and objectives.is_current
    where key_results.is_current and key_results.state = 'committed'
),

links as (
    select
        objectives.cycle_id,
        objectives.org_unit_id,
        kpis.org_unit_id as other_org_unit_id,
        count(distinct objectives.key_result_id || '|' || links.kpi_id) as link_count
    from objectives
    inner join {{ ref("bridge_key_result_kpi") }} as links
        on objectives.key_result_id = links.key_result_id and links.is_current
    inner join {{ ref("dim_kpi") }} as kpis on links.kpi_id = kpis.kpi_id and kpis.is_current
    where kpis.org_unit_id <> objectives.org_unit_id
    group by objectives.cycle_id, objectives.org_unit_id, kpis.org_unit_id
),

dependencies as (
    select
        objectives.cycle_id,
        objectives.org_unit_id,
        dependencies.provider_unit_id as other_org_unit_id,
        count(*) as dependency_count,
        count(case when dependencies.confirmed_on is null or dependencies.confirmed_on > run.as_of then 1 end)
            as unconfirmed_dependency_count,
        count(
            case
                when
                    dependencies.needed_by < run.as_of
                    and coalesce(dependencies.delivered_on > run.as_of, true) then 1
            end
        ) as overdue_dependency_count
    from objectives
    inner join {{ ref("int_dependency__current") }} as dependencies
        on objectives.key_result_id = dependencies.key_result_id
    cross join {{ ref("int_run__context") }} as run
    where dependencies.provider_unit_id <> objectives.org_unit_id
    group by objectives.cycle_id, objectives.org_unit_id, dependencies.provider_unit_id
),

tremors as (
    select
        cycle_id,
        key_result_org_unit_id as org_unit_id,
        kpi_org_unit_id as other_org_unit_id,
        count(*) as release_test_count,
        count(case when is_tremor and is_adverse then 1 end) as adverse_tremor_count,
        count(case when is_tremor and not is_adverse then 1 end) as favourable_tremor_count,
        count(case when null_reason = 'missing_data' then 1 end) as cannot_tell_count
    from {{ ref("fct_tremor") }}
    where key_result_org_unit_id <> kpi_org_unit_id
    group by cycle_id, key_result_org_unit_id, kpi_org_unit_id
),

-- What is withheld is counted, and not added up.
conflicts as (
    select
        cycle_id,
        key_result_org_unit_id as org_unit_id,
        kpi_org_unit_id as other_org_unit_id,
        count(*) as conflict_count,
        count(case when is_open then 1 end) as open_conflict_count,
        count(case when is_withheld then 1 end) as withheld_conflict_count,
        count(case when not is_withheld and cost_to_date_amount is null then 1 end) as uncosted_conflict_count,
        case when count(distinct currency) = 1 then max(currency) end as currency,
        case
            when count(distinct currency) = 1 then {{ sum_in_order("cost_to_date_amount", "silo_conflict_key") }}
        end as cost_to_date_amount,
        case
            when count(distinct currency) = 1 then {{ sum_in_order("projected_cost_amount", "silo_conflict_key") }}
        end as projected_cost_amount
    from {{ ref("rpt_silo_conflict") }}
    group by cycle_id, key_result_org_unit_id, kpi_org_unit_id
),

pairs as (
    {% for part in ["links", "dependencies", "tremors", "conflicts"] -%}
    select
        cycle_id,
        org_unit_id,
        other_org_unit_id
    from {{ part }}
    {{ "union" if not loop.last }}
    {% endfor %}
)

select
    {{ row_key(["pairs.cycle_id", "pairs.org_unit_id", "pairs.other_org_unit_id"]) }} as silo_friction_key,
    pairs.cycle_id,
    pairs.org_unit_id,
    coalesce(units.org_unit_name, pairs.org_unit_id) as org_unit_name,
    pairs.other_org_unit_id,
    coalesce(other_units.org_unit_name, pairs.other_org_unit_id) as other_org_unit_name,
    conflicts.currency,
    case
        when coalesce(conflicts.conflict_count, 0) = 0 then 'no_conflict'
        when conflicts.conflict_count = conflicts.withheld_conflict_count then 'withheld'
        when conflicts.conflict_count = conflicts.withheld_conflict_count + conflicts.uncosted_conflict_count
            then 'uncosted'
        when conflicts.currency is null then 'several_currencies'
    end as cost_null_reason,
    conflicts.cost_to_date_amount,
    conflicts.projected_cost_amount,
    {% for part, count in [
        ("links", "link_count"), ("tremors", "release_test_count"), ("tremors", "adverse_tremor_count"),
        ("tremors", "favourable_tremor_count"), ("tremors", "cannot_tell_count"), ("conflicts", "conflict_count"),
        ("conflicts", "open_conflict_count"), ("conflicts", "withheld_conflict_count"),
        ("conflicts", "uncosted_conflict_count"), ("dependencies", "dependency_count"),
        ("dependencies", "unconfirmed_dependency_count"), ("dependencies", "overdue_dependency_count"),
    ] -%}
    cast(coalesce({{ part }}.{{ count }}, 0) as int) as {{ count }},
    {% endfor -%}
    cast(
        coalesce(conflicts.open_conflict_count, 0) + coalesce(dependencies.unconfirmed_dependency_count, 0)
        + coalesce(dependencies.overdue_dependency_count, 0) as int
    ) as friction_count
from pairs
{% for part in ["links", "dependencies", "tremors", "conflicts"] -%}
left join {{ part }}
    on
        pairs.cycle_id = {{ part }}.cycle_id
        and pairs.org_unit_id = {{ part }}.org_unit_id
        and pairs.other_org_unit_id = {{ part }}.other_org_unit_id
{% endfor -%}
left join {{ ref("dim_org_unit") }} as units on pairs.org_unit_id = units.org_unit_id and units.is_current
left join {{ ref("dim_org_unit") }} as other_units
    on pairs.other_org_unit_id = other_units.org_unit_id and other_units.is_current
