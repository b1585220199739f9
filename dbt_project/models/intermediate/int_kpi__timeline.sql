-- Every KPI has a row for every day since 1900, so that a join to it by day loses nothing: gaps carry null.
with versions as (
    select * from {{ ref("int_kpi__versions") }}
),

owners as (
    select * from {{ ref("int_ownership__intervals") }}
    where subject_type = 'kpi' and role = 'accountable_owner'
),

bounds as (
    select
        kpi_id,
        cast('1900-01-01' as date) as bound_on
    from versions
    union
    select
        kpi_id,
        cast('9999-12-31' as date) as bound_on
    from versions
    union
    select
        kpi_id,
        valid_from as bound_on
    from versions
    union
    select
        kpi_id,
        valid_to as bound_on
    from versions
    union
    select
        subject_id as kpi_id,
        owned_from as bound_on
    from owners
    union
    select
        subject_id as kpi_id,
        owned_to as bound_on
    from owners
),

spans as (
    select
        kpi_id,
        bound_on as from_on,
        lead(bound_on) over (partition by kpi_id order by bound_on) as until_on
    from bounds
),

owned as (
    select
        spans.kpi_id,
        spans.from_on,
        owners.person_id,
        row_number() over (
            partition by spans.kpi_id, spans.from_on
            order by owners.owned_from desc, owners.person_id asc
        ) as precedence
    from spans
    inner join owners
        on
            spans.kpi_id = owners.subject_id
            and spans.from_on >= owners.owned_from
            and spans.from_on < owners.owned_to
)

select
    spans.kpi_id,
    spans.from_on,
    spans.until_on,
    versions.kpi_key,
    versions.unit,
    versions.grain,
    versions.calendar,
    versions.org_unit_id,
    versions.agreed_offset_days,
    owned.person_id as owner_id
from spans
left join versions
    on
        spans.kpi_id = versions.kpi_id
        and spans.from_on >= versions.valid_from
        and spans.from_on < versions.valid_to
left join owned
    on
        spans.kpi_id = owned.kpi_id
        and spans.from_on = owned.from_on
        and owned.precedence = 1
where spans.until_on is not null
