with current_kpis as (
    select
        kpis.kpi_id,
        kpis.kpi_key,
        run.as_of
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
),

ranked as (
    select
        lines.*,
        row_number() over (
            partition by lines.kpi_id
            order by lines.step_count, lines.preference, lines.target_id, lines.kpi_ids, lines.from_on
        ) as place
    from {{ ref("int_kpi__sight_lines") }} as lines
    inner join {{ ref("int_run__context") }} as run on lines.from_on <= run.as_of and lines.until_on > run.as_of
),

ended as (
    select
        lines.kpi_id,
        max(lines.until_on) as lost_on
    from {{ ref("int_kpi__sight_lines") }} as lines
    inner join {{ ref("int_run__context") }} as run on lines.until_on <= run.as_of
    group by lines.kpi_id
)

select
    current_kpis.kpi_id,
    current_kpis.kpi_key,
    ranked.path as line_of_sight,
    ranked.target_type,
    ranked.target_id,
    case
        when ranked.kpi_id is not null then null
        when ended.lost_on is not null then 'lost'
        else 'never_had_one'
    end as null_reason,
    cast(ranked.step_count as int) as step_count,
    coalesce(counts.path_count, 0) as path_count,
    ranked.kpi_id is not null as has_line_of_sight,
    current_kpis.as_of,
    case when ranked.kpi_id is null then ended.lost_on end as lost_on
from current_kpis
left join ranked on current_kpis.kpi_id = ranked.kpi_id and ranked.place = 1
left join ended on current_kpis.kpi_id = ended.kpi_id
left join {{ ref("int_kpi__sight_counts") }} as counts on current_kpis.kpi_id = counts.kpi_id
