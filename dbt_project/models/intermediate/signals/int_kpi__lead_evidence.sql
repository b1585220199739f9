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

newest as (
    select
        kpi_id,
        period_index,
        change,
        min(change) over (partition by kpi_id) as least_change,
        max(change) over (partition by kpi_id) as greatest_change
    from numbered
    where is_next and newness <= {{ lead_window() }}
),

-- A correlation is the same in whatever unit.
changes as (
    select
        kpi_id,
        period_index,
        {{ scaled_to_range("change", "least_change", "greatest_change") }} as change
    from newest
),

memory_sums as (
    select
        changes.kpi_id,
        count(*) as row_count,
        {{ sum_of_scaled("changes.change") }} as sum_now,
        {{ sum_of_scaled("earlier_changes.change") }} as sum_before,
        {{ sum_of_scaled("changes.change * changes.change") }} as squares_now,
        {{ sum_of_scaled("earlier_changes.change * earlier_changes.change") }} as squares_before,
        {{ sum_of_scaled("changes.change * earlier_changes.change") }} as products
    from changes
    inner join changes as earlier_changes
        on changes.kpi_id = earlier_changes.kpi_id and changes.period_index - 1 = earlier_changes.period_index
    group by changes.kpi_id
),

-- What a change keeps of the one before: two series with such a memory correlate more by chance.
memories as (
    select
        kpi_id,
        {{ correlation_of_sums(
            "products", "sum_now", "sum_before", "squares_now", "squares_before", "row_count"
        ) }} as memory
    from memory_sums
),

together as (
    select
        pairs.leading_kpi_id,
        pairs.kpi_id,
        leader.period_index,
        leader.change as leader_change,
        own.change as own_change
    from pairs
    inner join changes as leader on pairs.leading_kpi_id = leader.kpi_id
    inner join changes as own on pairs.kpi_id = own.kpi_id and leader.period_index = own.period_index
    where pairs.has_same_periods
),

-- One join for each lag: with the lags as rows, an engine may join by KPI alone, each period with each.
pair_sums as (
    {% for lag in range(1, (longest_lead() | int) + 1) -%}
    select
        together.leading_kpi_id,
        together.kpi_id,
        {{ lag }} as lag_periods,
        count(*) as row_count,
        {% for name, change in [
            ("leader", "together.leader_change"), ("own", "together.own_change"), ("follower", "follower.change"),
        ] -%}
        {{ sum_of_scaled(change) }} as sum_of_{{ name }},
        {{ sum_of_scaled(change ~ " * " ~ change) }} as squares_of_{{ name }},
        {% endfor -%}
        {{ sum_of_scaled("together.leader_change * follower.change") }} as leader_and_follower,
        {{ sum_of_scaled("together.leader_change * together.own_change") }} as leader_and_own,
        {{ sum_of_scaled("together.own_change * follower.change") }} as own_and_follower
    from together
    inner join changes as follower
        on together.kpi_id = follower.kpi_id and together.period_index + {{ lag }} = follower.period_index
    group by together.leading_kpi_id, together.kpi_id
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- Of a KPI that never changes there is none.
plain as (
    select
        leading_kpi_id,
        kpi_id,
        lag_periods,
        {% for first, second in [("leader", "follower"), ("leader", "own"), ("own", "follower")] -%}
        {{ correlation_of_sums(
            first ~ "_and_" ~ second, "sum_of_" ~ first, "sum_of_" ~ second, "squares_of_" ~ first,
            "squares_of_" ~ second, "row_count"
        ) }} as {{ first }}_{{ second }},
        {% endfor -%}
        row_count as pair_count
    from pair_sums
),

correlated as (
    select
        leading_kpi_id,
        kpi_id,
        lag_periods,
        pair_count,
        (leader_follower - leader_own * own_follower)
        / sqrt(greatest((1 - leader_own * leader_own) * (1 - own_follower * own_follower), 1e-12)) as correlation
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
