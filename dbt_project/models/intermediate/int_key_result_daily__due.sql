{{ config(materialized="view") }}

-- The days of key results that the build of fct_key_result_daily computes.
select days.*
from {{ ref("int_key_result__days") }} as days
{% if keeps_increments() -%}
inner join increments.touched as touched
    on
        days.key_result_id = touched.key_result_id
        and touched.model = 'fct_key_result_daily'
        and days.day >= touched.from_day
{%- endif %}
