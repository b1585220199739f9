-- A rule's version is that of the report's day, so that the same day gives the same report after a rule has changed.
with in_force as (
    select
        rules.*,
        row_number() over (partition by rules.status_rule_id order by rules.version desc) as newness
    from {{ ref("status_rules") }} as rules
    inner join {{ ref("int_run__context") }} as run on rules.valid_from <= run.as_of
)

select
    status_rule_id as choice,
    status_rule_id,
    version as status_rule_version,
    family,
    on_track_limit,
    at_risk_limit,
    source
from in_force
where newness = 1
union all
select
    status_rule_id || '@' || cast(version as {{ dbt.type_string() }}) as choice,
    status_rule_id,
    version as status_rule_version,
    family,
    on_track_limit,
    at_risk_limit,
    source
from {{ ref("status_rules") }}
