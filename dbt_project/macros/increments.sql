{#-
  A fact that grows with the history takes in what is new, and leaves the rest as it stands. On DuckDB only: elsewhere, and
  whenever anything but new loads could have changed a row, it is built in full (docs/decisions/0040).

  What a fact was built from stands in the schema `builds`, written in the same transaction as its rows:

      kind        id        detail
      project               hash of the project's files
      known_at              knowledge date of the newest build
      rebuilt_at            knowledge date of the newest build in full
      load        load id   every load that was known
      grain       KPI       its grain, on which the end of a period depends
-#}

{#- Days after which a fact is built in full, whatever is new: no change by hand outlives them. -#}
{%- macro days_between_rebuilds() -%} 7 {%- endmacro -%}

{%- macro origins_of(relation) -%} builds.{{ relation.identifier }}__origins {%- endmacro -%}

{#-
  Whether `this` takes in only what is new. Not when the project changed, a build in full was asked for or is due, the
  knowledge date went back, or a load that was known is gone. What cannot be told counts as changed.
-#}
{% macro takes_in_only_new() -%}
    {{ return(adapter.dispatch("takes_in_only_new", "line_of_sight")()) }}
{%- endmacro %}

{% macro default__takes_in_only_new() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro duckdb__takes_in_only_new() -%}
    {{ return(still_holds(this)) }}
{%- endmacro %}

{#- The same of any fact, on DuckDB. -#}
{% macro still_holds(fact) -%}
    {%- if model.resource_type != "model" -%}
        {#- A unit test has no past. -#}
        {{ return(false) }}
    {%- endif -%}
    {%- set run = ref("int_run__context") -%}
    {%- set loads = ref("stg_lake__loads") -%}
    {%- if not execute or should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if none in (load_cached_relation(fact), load_cached_relation(run), load_cached_relation(loads)) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if not has_origins(fact) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set answer = run_query(
        "with built as ("
        "    select"
        "        max(case when kind = 'project' then detail end) as project_hash,"
        "        cast(max(case when kind = 'known_at' then detail end) as timestamp) as known_at,"
        "        cast(max(case when kind = 'rebuilt_at' then detail end) as timestamp) as rebuilt_at"
        "    from " ~ origins_of(fact) ~
        "),"
        "gone as ("
        "    select count(*) as load_count"
        "    from " ~ origins_of(fact) ~ " as built"
        "    left join " ~ loads ~ " as loads on built.id = loads.load_id"
        "    where built.kind = 'load' and loads.load_id is null"
        ") "
        "select coalesce("
        "    run.project_hash = built.project_hash"
        "    and not run.is_rebuild"
        "    and run.known_at >= built.known_at"
        "    and run.known_at < built.rebuilt_at + interval " ~ days_between_rebuilds() ~ " day"
        "    and gone.load_count = 0,"
        "    false"
        ") from " ~ run ~ " as run cross join built cross join gone"
    ) -%}
    {{ return(answer.rows | length == 1 and answer.rows[0][0]) }}
{%- endmacro %}

{#- Before the models: the schema. Two facts that made it at once would be in each other's way. -#}
{% macro open_builds() -%}
    {{ return(adapter.dispatch("open_builds", "line_of_sight")()) }}
{%- endmacro %}

{% macro default__open_builds() -%}{%- endmacro %}

{% macro duckdb__open_builds() -%} create schema if not exists builds {%- endmacro %}

{#- Whether it stands anywhere what a fact was built from. -#}
{% macro has_origins(fact) -%}
    {%- set found = run_query(
        "select table_name from information_schema.tables where table_schema || '.' || table_name = '"
        ~ origins_of(fact) | trim ~ "'"
    ) -%}
    {{ return(found.rows | length == 1) }}
{%- endmacro %}

{#-
  After `this` is built, in its transaction: what it was built from. A build that took in only what is new leaves the day of
  the last build in full as it was.
-#}
{% macro remember_origins() -%}
    {{ return(adapter.dispatch("remember_origins", "line_of_sight")()) }}
{%- endmacro %}

{% macro default__remember_origins() -%}{%- endmacro %}

{% macro duckdb__remember_origins() -%}
    {%- if execute -%}
        create or replace table {{ origins_of(this) }} as
        {{ origins_now(this, takes_in_only_new()) }}
    {%- endif -%}
{%- endmacro %}

{#- What a build that is under way is made from; one `in_part` leaves the last build in full of `fact` as it was. -#}
{% macro origins_now(fact, in_part) -%}
    {%- set run = ref("int_run__context") -%}
    select 'project' as kind, '' as id, run.project_hash as detail from {{ run }} as run
    union all
    select 'known_at', '', cast(run.known_at as varchar) from {{ run }} as run
    union all
    {% if in_part -%}
    select built.kind, built.id, built.detail from {{ origins_of(fact) }} as built where built.kind = 'rebuilt_at'
    {%- else -%}
    select 'rebuilt_at', '', cast(run.known_at as varchar) from {{ run }} as run
    {%- endif %}
    union all
    select 'load', loads.load_id, null from {{ ref("stg_lake__loads") }} as loads
    union all
    select 'grain', grains.kpi_id, grains.grain from ({{ current_grains() }}) as grains
{%- endmacro %}

{#- KPIs and their grains on the business date. -#}
{% macro current_grains() -%}
    select
        kpis.kpi_id,
        kpis.grain
    from {{ ref("int_kpi__versions") }} as kpis
    inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
{%- endmacro %}

{#-
  The periods of KPIs (kpi_id, period_start_on) of which a row may come out otherwise than it stands: a load that was not
  known when `fact` was built has one, a vintage of which the time came since, and those of KPIs whose grain changed.
-#}
{% macro periods_with_news(observations, fact) -%}
    {%- set new_loads -%}
        select loads.load_id
            from {{ ref("stg_lake__loads") }} as loads
            left join {{ origins_of(fact) }} as built on built.kind = 'load' and loads.load_id = built.id
            where built.id is null
    {%- endset -%}
    {%- set known_at -%}
        select cast(built.detail as timestamp) from {{ origins_of(fact) }} as built where built.kind = 'known_at'
    {%- endset -%}
    {%- set regrained -%}
        select coalesce(grains.kpi_id, built.id)
            from ({{ current_grains() }}) as grains
            full outer join (
                select * from {{ origins_of(fact) }} where kind = 'grain'
            ) as built on grains.kpi_id = built.id
            where grains.grain is distinct from built.detail
    {%- endset -%}
    {#- One query for each: an engine skips the files that hold nothing of it, which it cannot for an "or". -#}
    {%- for condition in [
        "load_id in (" ~ new_loads ~ ")", "vintage_at > (" ~ known_at ~ ")", "kpi_id in (" ~ regrained ~ ")",
    ] %}
    select
        observations.kpi_id,
        observations.period_start_on
    from {{ observations }} as observations
    where
        observations.{{ condition }}
    {{ "union" if not loop.last }}
    {%- endfor %}
{%- endmacro %}
