with recursive versions as (
    select
        units.*,
        coalesce(units.org_unit_name, units.org_unit_id) as shown_name,
        units.valid_from <= run.as_of and units.valid_to > run.as_of as is_current,
        -- The day whose tree a version shows: its last one that is not after the as_of date.
        greatest(units.valid_from, least({{ add_days("units.valid_to", -1) }}, run.as_of)) as seen_on
    from {{ ref("int_org_unit__versions") }} as units
    cross join {{ ref("int_run__context") }} as run
),

climbed as (
    select
        versions.org_unit_id,
        versions.valid_from,
        versions.seen_on,
        0 as steps,
        versions.org_unit_id as ancestor_id,
        versions.shown_name as ancestor_name,
        versions.parent_org_unit_id as next_id,
        versions.shown_name as path
    from versions
    union all
    select
        climbed.org_unit_id,
        climbed.valid_from,
        climbed.seen_on,
        climbed.steps + 1 as steps,
        parents.org_unit_id as ancestor_id,
        parents.shown_name as ancestor_name,
        parents.parent_org_unit_id as next_id,
        parents.shown_name || ' > ' || climbed.path as path
    from climbed
    inner join versions as parents
        on
            climbed.next_id = parents.org_unit_id
            and climbed.seen_on >= parents.valid_from
            and climbed.seen_on < parents.valid_to
    -- A circle of parents ends here; the rules name it.
    where climbed.steps < 30
),

tops as (
    select
        org_unit_id,
        valid_from,
        max(steps) as depth
    from climbed
    group by org_unit_id, valid_from
)

select
    {{ row_key(["versions.org_unit_id", "versions.valid_from"]) }} as org_unit_key,
    versions.org_unit_id,
    versions.shown_name as org_unit_name,
    versions.parent_org_unit_id,
    versions.head_person_id,
    departments.ancestor_id as department_id,
    departments.ancestor_name as department_name,
    enterprises.ancestor_id as enterprise_id,
    enterprises.ancestor_name as enterprise_name,
    enterprises.path,
    cast(tops.depth as int) as depth,
    versions.valid_from,
    versions.valid_to,
    versions.is_current,
    versions.record_key,
    versions.load_id,
    versions.source_file,
    versions.source_row
from versions
inner join tops on versions.org_unit_id = tops.org_unit_id and versions.valid_from = tops.valid_from
inner join climbed as enterprises
    on
        versions.org_unit_id = enterprises.org_unit_id
        and versions.valid_from = enterprises.valid_from
        and tops.depth = enterprises.steps
inner join climbed as departments
    on
        versions.org_unit_id = departments.org_unit_id
        and versions.valid_from = departments.valid_from
        and greatest(tops.depth - 1, 0) = departments.steps
union all
select
    '(unknown)' as org_unit_key,
    '(unknown)' as org_unit_id,
    '(unknown)' as org_unit_name,
    {{ nulls(["string", "string"]) }},
    '(unknown)' as department_id,
    '(unknown)' as department_name,
    '(unknown)' as enterprise_id,
    '(unknown)' as enterprise_name,
    '(unknown)' as path,
    0 as depth,
    {{ for_ever() }},
    {{ nulls(["string", "string", "string", "bigint"]) }}
