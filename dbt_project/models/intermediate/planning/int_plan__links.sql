-- Who answers for a KPI on the day: whoever delegated the role does not hold it meanwhile.
with holders as (
    select
        held.subject_id as kpi_id,
        held.role,
        held.person_id,
        held.acknowledged_on,
        held.delegated_from_id,
        held.owned_from,
        held.owned_to
    from {{ ref("int_ownership__intervals") }} as held
    where held.subject_type = 'kpi' and held.role in ('accountable_owner', 'data_steward')
),

judged_days as (
    select distinct
        links.kpi_id,
        key_results.judged_on
    from {{ ref("int_plan__key_results") }} as key_results
    inner join {{ ref("stg_lake__key_result_links") }} as links on key_results.record_key = links.record_key
),

standing as (
    select
        judged_days.kpi_id,
        judged_days.judged_on,
        holders.role,
        holders.person_id,
        case when holders.acknowledged_on <= judged_days.judged_on then holders.acknowledged_on end as acknowledged_on,
        holders.owned_from
    from judged_days
    inner join holders
        on
            judged_days.kpi_id = holders.kpi_id
            and judged_days.judged_on >= holders.owned_from
            and judged_days.judged_on < holders.owned_to
    left join holders as stand_ins
        on
            holders.kpi_id = stand_ins.kpi_id
            and holders.role = stand_ins.role
            and holders.person_id = stand_ins.delegated_from_id
            and stand_ins.person_id <> stand_ins.delegated_from_id
            and judged_days.judged_on >= stand_ins.owned_from
            and judged_days.judged_on < stand_ins.owned_to
    where stand_ins.kpi_id is null
),

roles as (
    select
        kpi_id,
        judged_on,
    {% for role in ["accountable_owner", "data_steward"] -%}
    count(distinct case when role = '{{ role }}' then person_id end) as {{ role }}_count,
    min(case when role = '{{ role }}' then person_id end) as {{ role }}_id,
    max(case when role = '{{ role }}' then acknowledged_on end) as {{ role }}_acknowledged_on,
    max(case when role = '{{ role }}' then owned_from end) as {{ role }}_since{{ "," if not loop.last }}
    {% endfor %}
    from standing
    group by kpi_id, judged_on
),

links as (
    select
        key_results.key_result_id,
        key_results.cycle_id,
        key_results.org_unit_id as key_result_org_unit_id,
        key_results.judged_on,
        links.kpi_id,
        links.link_type,
        -- What proves a milestone is what it touches; any other key result is proved by what measures it.
        links.link_type = 'measures' or key_results.type = 'milestone' as is_proof,
        row_number() over (
            partition by key_results.key_result_id, links.kpi_id, links.link_type order by links.position
        ) as mention
    from {{ ref("int_plan__key_results") }} as key_results
    inner join {{ ref("stg_lake__key_result_links") }} as links on key_results.record_key = links.record_key
),

units_by_kpi as (
    select
        cycle_id,
        kpi_id,
        count(distinct key_result_org_unit_id) as unit_count
    from links
    group by cycle_id, kpi_id
)

select
    links.key_result_id,
    links.cycle_id,
    links.key_result_org_unit_id,
    links.kpi_id,
    links.link_type,
    coalesce(kpis.kpi_name, links.kpi_id) as kpi_name,
    coalesce(kpis.org_unit_id, '(unknown)') as kpi_org_unit_id,
    kpis.unit as kpi_unit,
    kpis.direction as kpi_direction,
    kpis.formula as kpi_formula,
    kpis.category as kpi_category,
    kpis.grain,
    kpis.calendar,
    coalesce(units.head_person_id, '(unowned)') as kpi_head_id,
    roles.accountable_owner_id,
    roles.data_steward_id,
    cast(coalesce(roles.accountable_owner_count, 0) as int) as accountable_owner_count,
    cast(coalesce(roles.data_steward_count, 0) as int) as data_steward_count,
    cast(ceil(coalesce(kpis.agreed_offset_days, 0)) as int) as agreed_offset_days,
    kpis.kpi_id is not null as is_kpi_known,
    links.is_proof,
    units_by_kpi.unit_count > 1 as is_shared,
    links.judged_on,
    roles.accountable_owner_acknowledged_on,
    roles.data_steward_acknowledged_on,
    roles.data_steward_since
from links
inner join units_by_kpi on links.cycle_id = units_by_kpi.cycle_id and links.kpi_id = units_by_kpi.kpi_id
left join {{ ref("int_kpi__versions") }} as kpis
    on links.kpi_id = kpis.kpi_id and links.judged_on >= kpis.valid_from and links.judged_on < kpis.valid_to
left join {{ ref("int_org_unit__versions") }} as units
    on
        kpis.org_unit_id = units.org_unit_id
        and links.judged_on >= units.valid_from
        and links.judged_on < units.valid_to
left join roles on links.kpi_id = roles.kpi_id and links.judged_on = roles.judged_on
where links.mention = 1
