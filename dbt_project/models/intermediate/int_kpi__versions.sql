{{ version_intervals(ref("stg_lake__kpis"), "kpi_id") }},

feeds as (
    select
        feeds.feed_id,
        feeds.agreed_offset_days
    from {{ ref("int_feed__versions") }} as feeds
    inner join {{ ref("int_run__context") }} as run on feeds.valid_from <= run.as_of and feeds.valid_to > run.as_of
)

select
    {{ row_key(["intervals.kpi_id", "intervals.valid_from"]) }} as kpi_key,
    intervals.record_key,
    intervals.kpi_id,
    intervals.kpi_name,
    intervals.description,
    intervals.formula,
    intervals.unit,
    intervals.org_unit_id,
    intervals.feed_id,
    intervals.direction,
    intervals.grain,
    intervals.calendar,
    intervals.aggregation,
    intervals.valid_min,
    intervals.valid_max,
    intervals.target,
    intervals.lower_limit,
    intervals.upper_limit,
    intervals.category,
    intervals.indicator,
    intervals.tier,
    intervals.decision_threshold,
    intervals.decision,
    intervals.decision_forum,
    intervals.constraint_min,
    intervals.constraint_max,
    intervals.constraint_reason,
    intervals.constraint_owner_id,
    intervals.cost_amount,
    intervals.cost_currency,
    intervals.cost_volume_kpi_id,
    intervals.lifecycle,
    intervals.max_manual_share,
    coalesce(intervals.freshness_days, feeds.agreed_offset_days) as agreed_offset_days,
    intervals.valid_from,
    intervals.valid_to,
    intervals.load_id,
    intervals.source_file,
    intervals.source_row
from intervals
left join feeds on intervals.feed_id = feeds.feed_id
