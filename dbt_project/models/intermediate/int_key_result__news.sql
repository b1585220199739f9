{%- do depends_on(
    "int_key_result__inputs", "int_key_result_kpi__intervals", "stg_lake__loads", "stg_lake__observations",
    "int_kpi__versions", "int_run__context"
) -%}
{%- set facts_can_be_kept = facts_can_be_kept() -%}
{%- set fact = fact_of_key_results("daily") if execute -%}
{%- set from_the_beginning = "cast('0001-01-01' as date)" %}

{% if not facts_can_be_kept -%}
select distinct
    key_result_id,
    {{ from_the_beginning }} as news_from
from {{ ref("int_key_result__intervals") }}
union all
select
    {{ everything() }} as key_result_id,
    {{ from_the_beginning }} as news_from
{%- else -%}
with inputs as (
    select * from {{ ref("int_key_result__inputs") }}
),

links as (
    select * from {{ ref("int_key_result_kpi__intervals") }}
),

-- What begins or ends on another day than before changes the days between.
changed as (
    select
        coalesce(inputs.key_result_id, built.key_result_id) as key_result_id,
        case
            when built.input_id is null then inputs.first_day
            when inputs.input_id is null then built.first_day
            when inputs.first_day <> built.first_day or inputs.fingerprint <> built.fingerprint
                then least(inputs.first_day, built.first_day)
            else least(inputs.end_day, built.end_day)
        end as news_from
    from inputs
    full outer join {{ inputs_of(fact) }} as built
        on
            inputs.key_result_id = built.key_result_id
            and inputs.input = built.input
            and inputs.input_id = built.input_id
    where
        built.input_id is null
        or inputs.input_id is null
        or inputs.first_day <> built.first_day
        or inputs.end_day <> built.end_day
        or inputs.fingerprint <> built.fingerprint
),

observed as (
    {{ periods_with_news(ref("stg_lake__observations"), fact) }}
),

-- A value counts from the end of its period.
news as (
    select
        links.key_result_id,
        observed.period_start_on as news_from
    from observed
    inner join links on observed.kpi_id = links.kpi_id and observed.period_start_on < links.end_day
    union all
    select
        links.key_result_id,
        {{ from_the_beginning }} as news_from
    from links
    inner join changed on links.calendar = 'working_days' and changed.key_result_id = '(calendar)'
    union all
    select
        key_result_id,
        news_from
    from changed
    where key_result_id <> '(calendar)'
)

select
    key_result_id,
    min(news_from) as news_from
from news
group by key_result_id
{%- endif %}
