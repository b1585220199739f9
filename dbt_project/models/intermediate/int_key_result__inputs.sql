{{ config(materialized="view", enabled=keeps_increments()) }}

-- Everything but observations that fct_key_result_kpi and fct_key_result_daily are computed from, as digests of whole
-- rows, so that a column which is added to an input counts by itself. Ends are kept apart: they move every day.
with key_results as (
    select * from {{ ref("int_key_result__intervals") }}
),

links as (
    select * from {{ ref("int_key_result_kpi__intervals") }}
),

linked as (
    select distinct
        key_result_id,
        kpi_id
    from links
),

grains as {{ grains_of_observations() }}

select
    key_result_id as subject_id,
    'key_result|' || {{ digest_of("key_results", ["first_day", "end_day", "latest_day"]) }} as content,
    first_day,
    end_day,
    latest_day
from key_results
union all
select
    key_result_id as subject_id,
    'link|' || {{ digest_of("links", ["first_day", "end_day"]) }} as content,
    first_day,
    end_day,
    cast(null as date) as latest_day
from links
union all
-- Where a grain changes, every period of the KPI ends on another day.
select
    links.key_result_id as subject_id,
    'grain|' || links.kpi_id || '|' || coalesce(grains.content, '') as content,
    cast('1900-01-01' as date) as first_day,
    cast('1900-01-01' as date) as end_day,
    cast(null as date) as latest_day
from linked as links
left join grains on links.kpi_id = grains.subject_id
union all
select
    mentions.key_result_id as subject_id,
    'mention|' || {{ digest_of("mentions", []) }} as content,
    key_results.first_day,
    key_results.end_day,
    cast(null as date) as latest_day
from {{ ref("int_key_result__links") }} as mentions
inner join key_results on mentions.key_result_interval_key = key_results.key_result_interval_key
{% for child in ["checkpoints", "milestones"] -%}
union all
select
    key_results.key_result_id as subject_id,
    '{{ child }}|' || {{ digest_of(child, []) }} as content,
    key_results.first_day,
    key_results.end_day,
    cast(null as date) as latest_day
from {{ ref("stg_lake__key_result_" ~ child) }} as {{ child }}
inner join key_results on {{ child }}.record_key = key_results.record_key
{% endfor %}
