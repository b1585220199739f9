select
    links.key_result_kpi_interval_key,
    links.kpi_id,
    links.link_type,
    links.grain,
    links.calendar,
    links.direction,
    links.measured_as,
    links.trailing_periods,
    links.target,
    links.lower_limit,
    links.upper_limit,
    links.locked_direction,
    links.locked_target,
    links.locked_lower_limit,
    links.locked_upper_limit,
    links.starts_on,
    greatest(links.first_day, news.news_from) as from_day,
    links.end_day
from {{ ref("int_key_result_kpi__intervals") }} as links
inner join {{ ref("int_key_result__news") }} as news
    on links.key_result_id = news.key_result_id and links.end_day > news.news_from
