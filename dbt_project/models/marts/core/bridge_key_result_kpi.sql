with links as (
    select
        links.*,
        -- The same link twice in one version is one link, as first stated.
        row_number() over (
            partition by links.record_key, links.kpi_id, links.link_type order by links.position
        ) as mention
    from {{ ref("stg_lake__key_result_links") }} as links
),

measured as (
    select
        record_key,
        kpi_id,
        row_number() over (partition by record_key order by coalesce(weight, 0) desc, position asc) as place
    from {{ ref("stg_lake__key_result_links") }}
    where link_type = 'measures'
)

select
    {{ row_key([
        "key_results.key_result_id", "links.kpi_id", "links.link_type", "key_results.valid_from",
    ]) }} as key_result_kpi_key,
    key_results.key_result_id,
    links.kpi_id,
    links.link_type,
    coalesce(key_results.cycle_id, '(unknown)') as cycle_id,
    links.approver_id,
    {{ evidence_state("evidence", "links.expected_sign") }} as evidence_state,
    case
        when links.link_type <> 'drives' then 'not_claimed_to_lead'
        when measured.kpi_id is null then 'no_measure'
        when measured.kpi_id = links.kpi_id then 'is_the_measure'
        else {{ evidence_null_reason("evidence") }}
    end as evidence_null_reason,
    links.weight,
    links.expected_sign,
    links.lag_periods,
    links.minimum_effect,
    links.guardrail_min,
    links.guardrail_max,
    evidence.lead_periods,
    evidence.observation_count,
    evidence.correlation,
    evidence.p_value,
    links.approved_on,
    key_results.valid_from,
    key_results.valid_to,
    key_results.valid_from <= run.as_of and key_results.valid_to > run.as_of as is_current,
    links.record_key,
    links.load_id,
    links.source_file,
    links.source_row
from links
inner join {{ ref("int_key_result__versions") }} as key_results on links.record_key = key_results.record_key
cross join {{ ref("int_run__context") }} as run
left join measured on links.record_key = measured.record_key and measured.place = 1
left join {{ ref("int_kpi__lead_evidence") }} as evidence
    on
        links.link_type = 'drives'
        and links.kpi_id = evidence.leading_kpi_id
        and measured.kpi_id = evidence.kpi_id
        and key_results.valid_from <= run.as_of
        and key_results.valid_to > run.as_of
where links.mention = 1
