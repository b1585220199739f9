with links as (
    select
        links.*,
        -- The same link twice in one version is one link, as first stated.
        row_number() over (
            partition by links.record_key, links.kpi_id, links.link_type order by links.position
        ) as mention
    from {{ ref("stg_lake__key_result_links") }} as links
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
    links.weight,
    links.expected_sign,
    links.lag_periods,
    links.minimum_effect,
    links.guardrail_min,
    links.guardrail_max,
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
where links.mention = 1
