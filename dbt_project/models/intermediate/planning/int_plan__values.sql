-- What was known of a KPI on the day on which the plan is judged. What came with its first delivery is history: it
-- counts as known, and as punctual where it was due before.
with wanted as (
    select distinct
        kpi_id,
        judged_on,
        agreed_offset_days
    from {{ ref("int_plan__links") }}
    where is_proof and is_kpi_known
),

first_vintages as (
    select
        kpi_id,
        min(vintage_at) as first_vintage_at
    from {{ ref("fct_kpi_observation") }}
    group by kpi_id
),

known as (
    select
        wanted.kpi_id,
        wanted.judged_on,
        observations.value,
        observations.period_start_on,
        observations.period_end_on,
        row_number() over (
            partition by wanted.kpi_id, wanted.judged_on, observations.period_start_on
            order by observations.vintage_at desc
        ) as newness,
        min(observations.data_latency_days) over (
            partition by wanted.kpi_id, wanted.judged_on, observations.period_start_on
        ) <= wanted.agreed_offset_days
        or observations.period_end_on
        < {{ add_days("cast(first_vintages.first_vintage_at as date)", "-1 * wanted.agreed_offset_days") }}
            as is_punctual
    from wanted
    inner join {{ ref("fct_kpi_observation") }} as observations
        on wanted.kpi_id = observations.kpi_id and wanted.judged_on >= observations.period_end_on
    inner join first_vintages on wanted.kpi_id = first_vintages.kpi_id
    where
        cast(observations.vintage_at as date) <= wanted.judged_on
        or observations.vintage_at = first_vintages.first_vintage_at
)

select
    kpi_id,
    judged_on,
    value,
    is_punctual,
    period_start_on,
    period_end_on,
    row_number() over (partition by kpi_id, judged_on order by period_start_on) as place
from known
where newness = 1 and value is not null
