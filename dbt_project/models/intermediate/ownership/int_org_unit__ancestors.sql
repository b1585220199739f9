{#- Each round doubles the number of steps: five reach 32. A circle of parents adds nothing new. -#}
with units as (
    select units.*
    from {{ ref("int_org_unit__versions") }} as units
    inner join {{ ref("int_run__context") }} as run on units.valid_from <= run.as_of and units.valid_to > run.as_of
),

round_0 as (
    select
        org_unit_id,
        org_unit_id as ancestor_id
    from units
    union
    select
        org_unit_id,
        parent_org_unit_id as ancestor_id
    from units
    where parent_org_unit_id is not null
),

{% for round in range(1, 6) -%}
round_{{ round }} as (
    select distinct
        lower_part.org_unit_id,
        upper_part.ancestor_id
    from round_{{ round - 1 }} as lower_part
    inner join round_{{ round - 1 }} as upper_part on lower_part.ancestor_id = upper_part.org_unit_id
){{ "," if not loop.last }}

{% endfor -%}
select
    org_unit_id,
    ancestor_id
from round_5
