{#- Definition tables that no other model gives versions to: the version valid on the as_of date is the current one. -#}
{%- set plain_tables = [
    ("waivers", "waiver_id"), ("change_requests", "change_request_id"), ("capacity", "capacity_id"),
    ("dependencies", "dependency_id"), ("escalations", "escalation_id"), ("decisions", "decision_id"),
    ("check_ins", "check_in_id"),
] -%}

{#- subject type, current records, id column, name of the reference in the files, column, what it refers to -#}
{%- set references = [
    ("company", "companies", "company_id", "status_rule", "status_rule", "status_rule"),
    ("unit", "units", "org_unit_id", "parent", "parent_org_unit_id", "unit"),
    ("unit", "units", "org_unit_id", "head", "head_person_id", "person"),
    ("person", "people", "person_id", "unit", "org_unit_id", "unit"),
    ("cycle", "cycles", "cycle_id", "status_rule", "status_rule", "status_rule"),
    ("feed", "feeds", "feed_id", "owner", "owner_id", "person"),
    ("feed", "feeds", "feed_id", "steward", "steward_id", "person"),
    ("kpi", "kpis", "kpi_id", "org_unit", "org_unit_id", "unit"),
    ("kpi", "kpis", "kpi_id", "feed", "feed_id", "feed"),
    ("kpi", "kpis", "kpi_id", "constraint.owner", "constraint_owner_id", "person"),
    ("kpi", "kpis", "kpi_id", "cost.volume_kpi", "cost_volume_kpi_id", "kpi"),
    ("kpi", "kpi_owners", "kpi_id", "owners.person", "person_id", "person"),
    ("kpi", "kpi_owners", "kpi_id", "owners.delegated_from", "delegated_from_id", "person"),
    ("kpi", "kpi_inputs", "kpi_id", "inputs.controlled_by_unit", "controlled_by_unit_id", "unit"),
    ("kpi", "kpi_inputs", "kpi_id", "inputs.controlled_by_person", "controlled_by_person_id", "person"),
    ("kpi", "kpi_drivers", "kpi_id", "drivers.kpi", "driver_kpi_id", "kpi"),
    ("objective", "objectives", "objective_id", "cycle", "cycle_id", "cycle"),
    ("objective", "objectives", "objective_id", "unit", "org_unit_id", "unit"),
    ("objective", "objectives", "objective_id", "owner", "owner_id", "person"),
    ("objective", "objectives", "objective_id", "sponsor", "sponsor_id", "person"),
    ("objective", "objectives", "objective_id", "supports", "supports_id", "objective"),
    ("key_result", "key_results", "key_result_id", "objective", "objective_id", "objective"),
    ("key_result", "key_results", "key_result_id", "cycle", "cycle_id", "cycle"),
    ("key_result", "key_results", "key_result_id", "champion", "champion_id", "person"),
    ("key_result", "key_results", "key_result_id", "reviewer", "reviewer_id", "person"),
    ("key_result", "key_results", "key_result_id", "status_rule", "status_rule", "status_rule"),
    ("key_result", "key_results", "key_result_id", "attestation.by", "attested_by_id", "person"),
    ("key_result", "key_result_links", "key_result_id", "links.kpi", "kpi_id", "kpi"),
    ("key_result", "key_result_links", "key_result_id", "links.approver", "approver_id", "person"),
    ("key_result", "key_result_demand", "key_result_id", "demand.unit", "org_unit_id", "unit"),
    ("waiver", "waivers", "waiver_id", "approved_by", "approved_by_id", "person"),
    ("change_request", "change_requests", "change_request_id", "requested_by", "requested_by_id", "person"),
    ("change_request", "change_requests", "change_request_id", "approved_by", "approved_by_id", "person"),
    ("capacity", "capacity", "capacity_id", "unit", "org_unit_id", "unit"),
    ("capacity", "capacity", "capacity_id", "cycle", "cycle_id", "cycle"),
    ("dependency", "dependencies", "dependency_id", "key_result", "key_result_id", "key_result"),
    ("dependency", "dependencies", "dependency_id", "provider_unit", "provider_unit_id", "unit"),
    ("dependency", "dependencies", "dependency_id", "confirmed_by", "confirmed_by_id", "person"),
    ("dependency", "dependencies", "dependency_id", "risk_owner", "risk_owner_id", "person"),
    ("escalation", "escalations", "escalation_id", "by", "by_id", "person"),
    ("decision", "decisions", "decision_id", "kpi", "kpi_id", "kpi"),
    ("decision", "decisions", "decision_id", "key_result", "key_result_id", "key_result"),
    ("decision", "decisions", "decision_id", "decided_by", "decided_by_id", "person"),
    ("check_in", "check_ins", "check_in_id", "key_result", "key_result_id", "key_result"),
    ("check_in", "check_ins", "check_in_id", "by", "reported_by_id", "person"),
] -%}

with
{% for name, model in [
    ("companies", "int_company__versions"), ("units", "int_org_unit__versions"), ("people", "int_person__versions"),
    ("cycles", "int_cycle__versions"), ("feeds", "int_feed__versions"), ("kpis", "int_kpi__versions"),
    ("objectives", "int_objective__versions"), ("key_results", "int_key_result__versions"),
] -%}
{{ name }} as (
    select versions.*
    from {{ ref(model) }} as versions
    inner join {{ ref("int_run__context") }} as run
        on versions.valid_from <= run.as_of and versions.valid_to > run.as_of
),

{% endfor -%}
{% for name, parent in [
    ("kpi_owners", "kpis"), ("kpi_inputs", "kpis"), ("kpi_drivers", "kpis"), ("key_result_links", "key_results"),
    ("key_result_demand", "key_results"),
] -%}
{{ name }} as (
    select children.*
    from {{ ref("stg_lake__" ~ name) }} as children
    inner join {{ parent }} as parents on children.record_key = parents.record_key
),

{% endfor -%}
{% for name, id in plain_tables -%}
{{ name }} as (
    {{ version_intervals(ref("stg_lake__" ~ name), id) }}
    select intervals.*
    from intervals
    inner join {{ ref("int_run__context") }} as run
        on intervals.valid_from <= run.as_of and intervals.valid_to > run.as_of
),

{% endfor -%}
known as (
    {% for type, name, id in [
        ("unit", "units", "org_unit_id"), ("person", "people", "person_id"), ("cycle", "cycles", "cycle_id"),
        ("feed", "feeds", "feed_id"), ("kpi", "kpis", "kpi_id"), ("objective", "objectives", "objective_id"),
        ("key_result", "key_results", "key_result_id"),
    ] -%}
    select
        '{{ type }}' as referenced_type,
        {{ id }} as referenced_id
    from {{ name }}
    union all
    {% endfor -%}
    select
        'status_rule' as referenced_type,
        choice as referenced_id
    from {{ ref("int_status_rule__choices") }}
),

stated as (
    {% for subject_type, name, id, reference, column, referenced_type in references -%}
    select
        '{{ subject_type }}' as subject_type,
        {{ id }} as subject_id,
        '{{ reference }}' as reference,
        '{{ referenced_type }}' as referenced_type,
        {{ column }} as referenced_id,
        source_file,
        source_row
    from {{ name }}
    union all
    {% endfor -%}
    {% for subject_type, name, id in [
        ("waiver", "waivers", "waiver_id"), ("change_request", "change_requests", "change_request_id"),
    ] -%}
    select
        '{{ subject_type }}' as subject_type,
        {{ id }} as subject_id,
        'subject' as reference,
        subject_type as referenced_type,
        subject_id as referenced_id,
        source_file,
        source_row
    from {{ name }}
    where subject_type in ('kpi', 'key_result', 'objective', 'feed', 'person', 'unit', 'cycle')
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select distinct
    stated.subject_type,
    stated.subject_id,
    stated.reference,
    stated.referenced_type,
    stated.referenced_id,
    known.referenced_id is not null as is_resolved,
    stated.source_file,
    stated.source_row
from stated
left join known
    on stated.referenced_type = known.referenced_type and stated.referenced_id = known.referenced_id
where stated.referenced_id is not null
