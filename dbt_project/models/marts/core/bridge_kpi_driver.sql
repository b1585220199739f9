with drivers as (
    select
        *,
        -- The same driver twice in one version is one driver, as first stated.
        row_number() over (partition by record_key, driver_kpi_id order by position) as mention
    from {{ ref("stg_lake__kpi_drivers") }}
)

select
    {{ row_key(["kpis.kpi_id", "drivers.driver_kpi_id", "kpis.valid_from"]) }} as kpi_driver_key,
    kpis.kpi_id,
    drivers.driver_kpi_id,
    {{ evidence_state("evidence", "drivers.sign") }} as evidence_state,
    {{ evidence_null_reason("evidence") }} as evidence_null_reason,
    drivers.sign,
    drivers.lag_periods,
    evidence.lead_periods,
    evidence.observation_count,
    evidence.correlation,
    evidence.p_value,
    kpis.valid_from,
    kpis.valid_to,
    kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of as is_current,
    kpis.record_key,
    drivers.load_id,
    drivers.source_file,
    drivers.source_row
from drivers
inner join {{ ref("int_kpi__versions") }} as kpis on drivers.record_key = kpis.record_key
cross join {{ ref("int_run__context") }} as run
left join {{ ref("int_kpi__lead_evidence") }} as evidence
    on
        drivers.driver_kpi_id = evidence.leading_kpi_id
        and kpis.kpi_id = evidence.kpi_id
        and kpis.valid_from <= run.as_of
        and kpis.valid_to > run.as_of
where drivers.mention = 1
