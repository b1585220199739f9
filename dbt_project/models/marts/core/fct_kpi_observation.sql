{{ config(
    materialized=kept_as("incremental"), unique_key=["kpi_id", "period_start_on"], on_schema_change="fail"
) }}

{%- set takes_in_only_new = takes_in_only_new() -%}
{%- set observed = "observed" if takes_in_only_new else ref("stg_lake__observations") -%}
{%- set in_order -%}
over (
            partition by observations.kpi_id, observations.period_start_on
            order by
                observations.vintage_at, observations.loaded_at, observations.load_id, observations.source_row
        )
{%- endset -%}
{%- set is_known -%}
vintage_at <= (select run.known_at from {{ ref("int_run__context") }} as run)
{%- endset %}

-- A tombstone (obs_status M, no value) is a vintage like any other: as the newest one it is current, and says that the
-- period has no value. Whoever wants values takes those that are current and not null.
-- Ranking is what costs most, and few periods have more than one vintage: the others are spared it.
with
{% if takes_in_only_new -%}
news as (
    {{ periods_with_news(ref("stg_lake__observations"), this) }}
),

observed as (
    select observations.*
    from {{ ref("stg_lake__observations") }} as observations
    inner join news on observations.kpi_id = news.kpi_id and observations.period_start_on = news.period_start_on
),

{% endif -%}
repeated as (
    select
        kpi_id,
        period_start_on
    from {{ observed }}
    where {{ is_known }}
    group by kpi_id, period_start_on
    having count(*) > 1
),

ranked as (
    select
        observations.*,
        lag(observations.value) {{ in_order }} as restates_value,
        lag(observations.vintage_at) {{ in_order }} as restates_vintage_at,
        lead(observations.vintage_at) {{ in_order }} as next_vintage_at
    from {{ observed }} as observations
    inner join repeated
        on observations.kpi_id = repeated.kpi_id and observations.period_start_on = repeated.period_start_on
    where observations.{{ is_known }}
),

vintages as (
    select * from ranked
    -- A vintage that was loaded again, to repair its file, is the newer load's row.
    where next_vintage_at is null or next_vintage_at > vintage_at
    union all
    select
        observations.*,
        cast(null as double) as restates_value,
        cast(null as timestamp) as restates_vintage_at,
        cast(null as timestamp) as next_vintage_at
    from {{ observed }} as observations
    left join repeated
        on observations.kpi_id = repeated.kpi_id and observations.period_start_on = repeated.period_start_on
    where repeated.kpi_id is null and observations.{{ is_known }}
),

grains as (
    {{ current_grains() }}
),

placed as (
    select
        vintages.*,
        {{ period_end("grains.grain", "vintages.period_start_on") }} as period_end_on
    from vintages
    left join grains on vintages.kpi_id = grains.kpi_id
)

select
    {{ row_key(["kpi_id", "period_start_on", "vintage_at"]) }} as kpi_observation_key,
    kpi_id,
    unit,
    obs_status,
    source_type,
    source_feed,
    source_file,
    load_id,
    value,
    restates_value,
    {{ days_between("period_end_on", "cast(vintage_at as date)") }} as data_latency_days,
    source_row,
    next_vintage_at is null as is_current,
    period_start_on,
    period_end_on,
    vintage_at,
    restates_vintage_at,
    available_at,
    loaded_at
from placed
