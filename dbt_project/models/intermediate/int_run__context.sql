-- The environment, and not a variable of dbt: a changed variable would parse the whole project again.
select
    {% if env_var("LOS_AS_OF", "") -%}
    cast('{{ env_var("LOS_AS_OF", "") }}' as date) as as_of,
    {%- else -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d") }}' as date) as as_of,
    {%- endif %}
    {% if env_var("LOS_KNOWN_AT", "") -%}
    cast('{{ env_var("LOS_KNOWN_AT", "") }}' as timestamp) as known_at,
    {%- else -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp) as known_at,
    {%- endif %}
    cast(nullif('{{ env_var("LOS_RUN_ID", "") }}', '') as {{ dbt.type_string() }}) as run_id
