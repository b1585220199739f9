{#- Withheld as soon as the key result or the KPI is: both figures stand in it. -#}
with audits as (
    select count(*) as audit_count from {{ ref("int_audit__context") }}
),

explained as (
    select
        conflicts.*,
        tremors.baseline_level,
        tremors.level_after,
        tremors.statistic,
        tremors.minimum_effect,
        tremors.cost_per_unit_amount,
        tremors.volume_to_date,
        tremors.cost_volume_kpi_id,
        tremors.delay_days,
        tremors.effect_period_count,
        tremors.effect_from_on,
        tremors.effect_until_on,
        kpis.direction,
        kpis.grain,
        kpis.decision_threshold,
        coalesce(kpis.kpi_name, conflicts.kpi_id) as kpi_name,
        coalesce(key_results.title, conflicts.key_result_id) as key_result_title,
        objectives.title as objective_title,
        case
            when audits.audit_count = 0 then 'not audited: there is no audit of this business date'
            else {{ joined_reasons("withheld_key_results.withheld_reason", "withheld_kpis.withheld_reason") }}
        end as withheld_reason
    from {{ ref("fct_silo_conflict") }} as conflicts
    cross join audits
    inner join {{ ref("fct_tremor") }} as tremors on conflicts.tremor_key = tremors.tremor_key
    left join {{ ref("dim_kpi") }} as kpis on conflicts.kpi_id = kpis.kpi_id and kpis.is_current
    left join {{ ref("dim_key_result") }} as key_results
        on conflicts.key_result_id = key_results.key_result_id and key_results.is_current
    left join {{ ref("dim_objective") }} as objectives
        on conflicts.objective_id = objectives.objective_id and objectives.is_current
    left join {{ ref("int_key_result__withheld") }} as withheld_key_results
        on conflicts.key_result_id = withheld_key_results.key_result_id
    left join {{ ref("int_kpi__withheld") }} as withheld_kpis on conflicts.kpi_id = withheld_kpis.kpi_id
),

shown as (
    select
        *,
        withheld_reason is not null as is_withheld
    from explained
)

select
    shown.silo_conflict_key,
    shown.key_result_id,
    shown.key_result_title,
    shown.objective_id,
    coalesce(shown.objective_title, shown.objective_id) as objective_title,
    shown.cycle_id,
    shown.kpi_id,
    shown.kpi_name,
    shown.link_type,
    shown.champion_id,
    coalesce(champions.person_name, shown.champion_id) as champion_name,
    shown.key_result_org_unit_id,
    coalesce(key_result_units.org_unit_name, shown.key_result_org_unit_id) as key_result_org_unit_name,
    shown.kpi_owner_id,
    coalesce(kpi_owners.person_name, shown.kpi_owner_id) as kpi_owner_name,
    shown.kpi_org_unit_id,
    coalesce(kpi_units.org_unit_name, shown.kpi_org_unit_id) as kpi_org_unit_name,
    case when shown.is_withheld then 'withheld' else shown.key_result_status end as key_result_status,
    shown.event_title,
    shown.attribution,
    shown.shared_with,
    shown.unit,
    shown.grain,
    shown.method,
    {% for text in ["cost_basis", "currency"] -%}
    case when not shown.is_withheld then shown.{{ text }} end as {{ text }},
    {% endfor -%}
    shown.cost_volume_kpi_id,
    -- What a reader can check, and what would prove the row wrong.
    case
        when not shown.is_withheld
            then
                shown.kpi_name || ' is at ' || {{ number_text("round(shown.level_after, 4)") }} || ' ' || shown.unit
                || ' since ' || {{ as_text("shown.effect_from_on") }} || ', '
                || {{ number_text("round(abs(shown.effect), 4)") }} || ' '
                || case when shown.effect >= 0 then 'more' else 'less' end
                || ' than in the {{ tremor_baseline() | trim }} periods before (plus or minus '
                || coalesce({{ number_text("round(shown.effect_margin, 4)") }}, '?') || ')'
                || case
                    when shown.cost_basis = 'uncosted' then '; nobody declared what that costs'
                    when shown.cost_to_date_amount is null then '; what that costs hangs on a volume that is unknown'
                    else
                        '; it cost ' || {{ number_text("round(shown.cost_to_date_amount, 0)") }} || ' '
                        || coalesce(shown.currency, '') || ' so far; '
                        || {{ number_text("round(shown.remaining_cost_amount, 0)") }}
                        || ' '
                        || coalesce(shown.currency, '')
                        || ' are still to come to the end of the cycle if nothing is done'
                end
    end as finding,
    'It is disproved if ' || coalesce(shown.kpi_name, shown.kpi_id)
    || ' stays where it is after the release is taken back or mended; if another cause is found that began on the same '
    || 'days; or if values of the window are restated so that no {{ tremor_run() | trim }} periods in a row keep the '
    || 'new level. ' || case shown.method
        when 'placebo'
            then
                'Of ' || {{ as_text("shown.history_count") }} || ' earlier dates without this release, at most 5 % may '
                || 'show as much.'
        else
            'The history is short: the test by process limits takes chance for a shift about once in three times on '
            || 'daily series.'
    end as disproof,
    shown.decision_id,
    shown.decision,
    shown.decided_by_id,
    shown.resolution,
    shown.withheld_reason,
    {% for figure in [
        "baseline_level", "level_after", "effect", "effect_margin", "statistic", "p_value", "minimum_effect",
        "cost_per_unit_amount", "volume_to_date", "cost_to_date_amount", "remaining_cost_amount",
        "projected_cost_amount",
    ] -%}
    case when not shown.is_withheld then shown.{{ figure }} end as {{ figure }},
    {% endfor -%}
    shown.history_count,
    shown.effect_period_count,
    shown.delay_days,
    shown.is_open,
    shown.is_withheld,
    shown.event_on,
    shown.detected_on,
    shown.opened_on,
    shown.effect_from_on,
    shown.effect_until_on,
    shown.decided_on,
    shown.resolved_on
from shown
left join {{ ref("dim_person") }} as champions on shown.champion_id = champions.person_id and champions.is_current
left join {{ ref("dim_person") }} as kpi_owners on shown.kpi_owner_id = kpi_owners.person_id and kpi_owners.is_current
left join {{ ref("dim_org_unit") }} as key_result_units
    on shown.key_result_org_unit_id = key_result_units.org_unit_id and key_result_units.is_current
left join {{ ref("dim_org_unit") }} as kpi_units
    on shown.kpi_org_unit_id = kpi_units.org_unit_id and kpi_units.is_current
