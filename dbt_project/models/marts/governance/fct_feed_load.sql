-- The ledger knows the first day of the newest period, the observations its last one.
with newest_periods as (
    select
        load_id,
        max(period_end_on) as newest_period_end_on
    from {{ ref("fct_kpi_observation") }}
    where value is not null
    group by load_id
),

offsets as (
    select
        feeds.feed_id,
        cast(ceil(coalesce(feeds.agreed_offset_days, 0)) as integer) as agreed_offset_days
    from {{ ref("int_feed__versions") }} as feeds
    inner join {{ ref("int_run__context") }} as run on feeds.valid_from <= run.as_of and feeds.valid_to > run.as_of
),

measured as (
    select
        loads.*,
        {{ days_between(
            "coalesce(newest_periods.newest_period_end_on, loads.newest_period_on)", "cast(loads.loaded_at as date)"
        ) }} as data_latency_days,
        offsets.agreed_offset_days
    from {{ ref("stg_lake__loads") }} as loads
    left join newest_periods on loads.load_id = newest_periods.load_id
    left join offsets on loads.kind = 'feed' and loads.source_feed = offsets.feed_id
    where loads.kind in ('feed', 'definitions')
)

select
    load_id,
    kind,
    source_feed,
    source_file,
    file_sha256,
    status,
    reason_code,
    message,
    rows_read,
    rows_accepted,
    rows_quarantined,
    rows_collapsed,
    rows_deleted,
    cast(rows_quarantined as double) / nullif(rows_read, 0) as quarantined_share,
    duration_seconds,
    rows_read / nullif(duration_seconds, 0.0) as rows_per_second,
    data_latency_days,
    case
        when data_latency_days is not null then greatest(0, data_latency_days - coalesce(agreed_offset_days, 0))
    end as excess_latency_days,
    oldest_period_on,
    newest_period_on,
    loaded_at
from measured
