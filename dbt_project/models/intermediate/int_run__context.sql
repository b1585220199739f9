{#- The environment, and not a variable of dbt: a changed variable would parse the whole project again. -#}
{%- set as_of = env_var("LOS_AS_OF", "") or run_started_at.strftime("%Y-%m-%d") -%}
{%- set known_at = env_var("LOS_KNOWN_AT", "") or run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") -%}
{%- set run_id = env_var("LOS_RUN_ID", "") -%}
{%- set project_hash = env_var("LOS_PROJECT_HASH", "") -%}

select
    cast('{{ as_of }}' as date) as as_of,
    cast('{{ known_at }}' as timestamp) as known_at,
    cast(nullif('{{ run_id }}', '') as {{ dbt.type_string() }}) as run_id,
    {{ "'" ~ project_hash ~ "'" if project_hash else "cast(null as " ~ dbt.type_string() ~ ")" }} as project_hash,
    {{ "true" if env_var("LOS_REBUILD", "") else "false" }} as is_rebuild
