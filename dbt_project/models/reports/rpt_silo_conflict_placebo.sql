{#- Bars of a histogram; the release's own movement lies in one of them, beyond almost all others. -#}
{%- set bins = 24 -%}

with conflicts as (
    select * from {{ ref("rpt_silo_conflict") }}
    where method = 'placebo' and not is_withheld
),

movements as (
    select
        conflicts.silo_conflict_key,
        conflicts.unit,
        abs(conflicts.statistic) as statistic,
        case when tests.side = 1 then placebos.rise else placebos.fall end as movement
    from conflicts
    inner join {{ ref("fct_silo_conflict") }} as facts on conflicts.silo_conflict_key = facts.silo_conflict_key
    inner join {{ ref("int_tremor__tests") }} as tests on facts.tremor_key = tests.tremor_key
    inner join {{ ref("int_tremor__placebos") }} as placebos on {{ placebos_of("tests", "placebos") }}
),

ranges as (
    select
        silo_conflict_key,
        unit,
        max(statistic) as statistic,
        least(min(movement), max(statistic)) as lowest,
        greatest(max(movement), max(statistic)) as highest
    from movements
    group by silo_conflict_key, unit
),

binned as (
    select
        movements.silo_conflict_key,
        least(
            floor((movements.movement - ranges.lowest) / nullif(ranges.highest - ranges.lowest, 0) * {{ bins }}),
            {{ bins - 1 }}
        ) as bin,
        count(*) as placebo_count
    from movements
    inner join ranges on movements.silo_conflict_key = ranges.silo_conflict_key
    group by
        movements.silo_conflict_key,
        least(
            floor((movements.movement - ranges.lowest) / nullif(ranges.highest - ranges.lowest, 0) * {{ bins }}),
            {{ bins - 1 }}
        )
),

numbers as (
    {% for bin in range(bins) -%}
    select {{ bin }} as bin
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    {{ row_key(["ranges.silo_conflict_key", "numbers.bin"]) }} as placebo_bin_key,
    ranges.silo_conflict_key,
    ranges.unit,
    cast(numbers.bin as int) as bin,
    ranges.lowest + numbers.bin * (ranges.highest - ranges.lowest) / {{ bins }} as from_movement,
    ranges.lowest + (numbers.bin + 1) * (ranges.highest - ranges.lowest) / {{ bins }} as to_movement,
    cast(coalesce(binned.placebo_count, 0) as int) as placebo_count,
    least(
        floor((ranges.statistic - ranges.lowest) / nullif(ranges.highest - ranges.lowest, 0) * {{ bins }}),
        {{ bins - 1 }}
    ) = numbers.bin as holds_release
from ranges
cross join numbers
left join binned on ranges.silo_conflict_key = binned.silo_conflict_key and numbers.bin = binned.bin
