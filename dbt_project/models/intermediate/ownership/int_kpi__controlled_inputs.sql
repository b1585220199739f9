{#-
  Share of a KPI's inputs that its owner controls: in person, in the owner's unit, in one that the owner heads, or below
  these; and the levers that others hold. Inputs without a
  share count 1/n each; shares are taken of their sum, so that it need not be 1. One row per version of a KPI and person
  who is its accountable owner while it holds.
-#}
with people as (
    select people.*
    from {{ ref("int_person__versions") }} as people
    inner join {{ ref("int_run__context") }} as run on people.valid_from <= run.as_of and people.valid_to > run.as_of
),

owners as (
    select distinct
        kpis.kpi_id,
        kpis.record_key,
        owners.person_id,
        people.org_unit_id
    from {{ ref("int_ownership__intervals") }} as owners
    inner join {{ ref("int_kpi__versions") }} as kpis
        on
            owners.subject_id = kpis.kpi_id
            and owners.owned_from < kpis.valid_to
            and owners.owned_to > kpis.valid_from
    left join people on owners.person_id = people.person_id
    where owners.subject_type = 'kpi' and owners.role = 'accountable_owner'
),

bases as (
    select
        person_id,
        org_unit_id
    from owners
    where org_unit_id is not null
    union
    select
        units.head_person_id as person_id,
        units.org_unit_id
    from {{ ref("int_org_unit__versions") }} as units
    inner join {{ ref("int_run__context") }} as run on units.valid_from <= run.as_of and units.valid_to > run.as_of
    where units.head_person_id is not null
),

reached as (
    select distinct
        bases.person_id,
        ancestors.org_unit_id
    from bases
    inner join {{ ref("int_org_unit__ancestors") }} as ancestors on bases.org_unit_id = ancestors.ancestor_id
),

inputs as (
    select
        inputs.record_key,
        inputs.input_name,
        inputs.controlled_by_person_id,
        coalesce(inputs.controlled_by_unit_id, people.org_unit_id) as controlled_by_unit_id,
        coalesce(inputs.controlled_by_unit_id, inputs.controlled_by_person_id, 'nobody named') as controlled_by,
        coalesce(inputs.share, 1 / cast(count(*) over (partition by inputs.record_key) as double)) as weight
    from {{ ref("stg_lake__kpi_inputs") }} as inputs
    left join people on inputs.controlled_by_person_id = people.person_id
),

judged as (
    select
        owners.kpi_id,
        owners.record_key,
        owners.person_id,
        owners.org_unit_id,
        inputs.input_name,
        inputs.controlled_by,
        inputs.weight,
        coalesce(inputs.controlled_by_person_id = owners.person_id, false)
        or reached.org_unit_id is not null as is_controlled
    from owners
    left join inputs on owners.record_key = inputs.record_key
    left join reached
        on owners.person_id = reached.person_id and inputs.controlled_by_unit_id = reached.org_unit_id
),

totals as (
    select
        kpi_id,
        record_key,
        person_id,
        {{ sum_in_order("weight", "input_name") }} as weight
    from judged
    group by kpi_id, record_key, person_id
),

shared as (
    select
        judged.*,
        judged.weight / nullif(totals.weight, 0) as share
    from judged
    inner join totals
        on
            judged.kpi_id = totals.kpi_id
            and judged.record_key = totals.record_key
            and judged.person_id = totals.person_id
)

select
    kpi_id,
    record_key,
    person_id,
    cast(count(input_name) as int) as input_count,
    case
        when count(input_name) = 0 then 'no_inputs_declared'
        when max(org_unit_id) is null then 'unknown_unit'
        when count(share) = 0 then 'no_shares'
    end as null_reason,
    case
        when max(org_unit_id) is not null and count(share) > 0
            -- Shares add up in any order; the last digit is no share.
            then round(sum(case when is_controlled then share else 0 end), 12)
    end as controlled_input_share,
    {{ joined_texts(
        "case when not is_controlled and share is not null then input_name || ' (' || controlled_by || ', ' || "
        ~ as_text("cast(round(100 * share) as integer)") ~ " || ' %)' end",
        in_order="case when not is_controlled and share is not null then input_name end"
    ) }} as levers_elsewhere
from shared
group by kpi_id, record_key, person_id
