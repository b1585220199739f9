{#- The environment, and not a variable of dbt: a changed variable would parse the whole project again. -#}
{%- set as_of = env_var("LOS_AS_OF", "") or run_started_at.strftime("%Y-%m-%d") -%}
{%- set known_at = env_var("LOS_KNOWN_AT", "") or run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") -%}
{%- set run_id = env_var("LOS_RUN_ID", "") -%}

select
    cast('{{ as_of }}' as date) as as_of,
    cast('{{ known_at }}' as timestamp) as known_at,
    cast(nullif('{{ run_id }}', '') as {{ dbt.type_string() }}) as run_id
