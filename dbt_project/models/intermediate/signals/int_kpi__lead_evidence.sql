{#-
  Correlation of changes from period to period: levels of two KPIs that both drift correlate without any cause. What the
  follower's own change of the earlier period says is taken off (partial correlation): of two KPIs that move together
  and fall back the next day, neither leads, and plain correlation would say that they do, the wrong way round.
-#}
with pairs as (
    select
        pairs.leading_kpi_id,
        pairs.kpi_id,
        leading_kpis.kpi_id is null or kpis.kpi_id is null as is_unknown,
        leading_kpis.grain = kpis.grain and leading_kpis.calendar = kpis.calendar as has_same_periods
    from {{ ref("int_kpi__lead_pairs") }} as pairs
    cross join {{ ref("int_run__context") }} as run
    left join {{ ref("int_kpi__versions") }} as leading_kpis
        on
            pairs.leading_kpi_id = leading_kpis.kpi_id
            and run.as_of >= leading_kpis.valid_from
            and run.as_of < leading_kpis.valid_to
    left join {{ ref("int_kpi__versions") }} as kpis
        on
            pairs.kpi_id = kpis.kpi_id
            and run.as_of >= kpis.valid_from
            and run.as_of < kpis.valid_to
),

needed as (
    select kpi_id from pairs
    union
    select leading_kpi_id as kpi_id from pairs
),

numbered as (
    select
        points.kpi_id,
        points.period_index,
        points.change,
        lag(points.period_index) over (
            partition by points.kpi_id order by points.period_index
        ) = points.period_index - 1 as is_next,
        row_number() over (partition by points.kpi_id order by points.period_index desc) as newness
    from {{ ref("int_tremor__points") }} as points
    inner join needed on points.kpi_id = needed.kpi_id
),

changes as (
    select
        kpi_id,
        period_index,
        change
    from numbered
    where is_next and newness <= {{ lead_window() }}
),

-- What a change keeps of the one before: two series with such a memory correlate more by chance.
memories as (
    select
        changes.kpi_id,
        case
            when
                {{ aggregate_in_order("stddev_samp", "changes.change", "changes.period_index") }} > 0
                and {{ aggregate_in_order("stddev_samp", "earlier_changes.change", "changes.period_index") }} > 0
                then {{ aggregate_in_order("corr", "changes.change, earlier_changes.change", "changes.period_index") }}
        end as memory
    from changes
    inner join changes as earlier_changes
        on changes.kpi_id = earlier_changes.kpi_id and changes.period_index - 1 = earlier_changes.period_index
    group by changes.kpi_id
),

lags as (
    {% for lag in range(1, (longest_lead() | int) + 1) -%}
    select {{ lag }} as lag_periods
    {{ "union all" if not loop.last }}
    {% endfor %}
),

plain as (
    select
        pairs.leading_kpi_id,
        pairs.kpi_id,
        lags.lag_periods,
        count(*) as pair_count,
        {% for name, first, second in [
            ("of_both", "leading_changes", "changes"), ("of_leading_and_own", "leading_changes", "own_changes"),
            ("of_own", "own_changes", "changes"),
        ] -%}
    -- Of a KPI that never changes there is none.
    case
        when
            {{ aggregate_in_order("stddev_samp", first ~ ".change", "changes.period_index") }} > 0
            and {{ aggregate_in_order("stddev_samp", second ~ ".change", "changes.period_index") }} > 0
            then {{ aggregate_in_order(
                "corr", first ~ ".change, " ~ second ~ ".change", "changes.period_index"
            ) }}
    end as {{ name }}{{ "," if not loop.last }}
    {% endfor %}
    from pairs
    cross join lags
    inner join changes as leading_changes on pairs.leading_kpi_id = leading_changes.kpi_id
    inner join changes as own_changes
        on pairs.kpi_id = own_changes.kpi_id and leading_changes.period_index = own_changes.period_index
    inner join changes
        on pairs.kpi_id = changes.kpi_id and leading_changes.period_index + lags.lag_periods = changes.period_index
    where pairs.has_same_periods
    group by pairs.leading_kpi_id, pairs.kpi_id, lags.lag_periods
),

correlated as (
    select
        leading_kpi_id,
        kpi_id,
        lag_periods,
        pair_count,
        (of_both - of_leading_and_own * of_own)
        / sqrt(greatest((1 - of_leading_and_own * of_leading_and_own) * (1 - of_own * of_own), 1e-12)) as correlation
    from plain
),

-- Bartlett (1946): with memories of both, so many pairs say as much as fewer without.
weighed as (
    select
        correlated.*,
        least(
            correlated.pair_count,
            greatest(
                4.5,
                correlated.pair_count
                / greatest(1 + 2 * coalesce(leading_memories.memory, 0) * coalesce(memories.memory, 0), 0.5)
            )
        ) as independent_count
    from correlated
    left join memories as leading_memories on correlated.leading_kpi_id = leading_memories.kpi_id
    left join memories on correlated.kpi_id = memories.kpi_id
    where correlated.correlation is not null and correlated.pair_count >= {{ fewest_lead_pairs() }}
),

tested as (
    select
        *,
        abs(correlation) * sqrt((independent_count - 3) / greatest(1 - correlation * correlation, 1e-12)) as t
    from weighed
),

assessed as (
    select
        *,
        -- Two tails, and as many lags as were tried.
        least(
            cast(1 as double),
            {{ longest_lead() }} * 2 * {{ normal_tail(student_as_normal("t", "independent_count - 3")) }}
        ) as p_value
    from tested
),

ranked as (
    select
        *,
        row_number() over (
            partition by leading_kpi_id, kpi_id order by p_value asc, abs(correlation) desc, lag_periods
        ) as place
    from assessed
),

counts as (
    select
        leading_kpi_id,
        kpi_id,
        max(pair_count) as pair_count
    from correlated
    group by leading_kpi_id, kpi_id
)

select
    pairs.leading_kpi_id,
    pairs.kpi_id,
    case
        when pairs.is_unknown then 'unknown_kpi'
        when not pairs.has_same_periods then 'different_periods'
        when coalesce(counts.pair_count, 0) < {{ fewest_lead_pairs() }} then 'too_little_history'
        when ranked.leading_kpi_id is null then 'never_changes'
    end as null_reason,
    cast(ranked.lag_periods as int) as lead_periods,
    cast(ranked.pair_count as int) as observation_count,
    round(ranked.correlation, 6) as correlation,
    round(ranked.p_value, 6) as p_value
from pairs
left join ranked on pairs.leading_kpi_id = ranked.leading_kpi_id and pairs.kpi_id = ranked.kpi_id and ranked.place = 1
left join counts on pairs.leading_kpi_id = counts.leading_kpi_id and pairs.kpi_id = counts.kpi_id
