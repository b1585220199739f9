{#-
  The two facts of key results take in what is new, on DuckDB only. `int_key_result__news` says from which day on each key
  result is computed anew; the models from there to the facts hold nothing else, and the facts keep what stands before it
  (docs/decisions/0041).

  What was known when the news were told stands in the schema `builds`, as macros/increments.sql has it, and besides

      build       dbt's invocation that told the news
      rows        of a fact
      hashes      of a fact: the sum of the hashes of its rows, by which a change by hand is found

  fct_key_result_daily, the last of the two, has a copy of all of it and of `int_key_result__inputs`; the other says from
  which build it is.
-#}

{%- macro fact_of_key_results(name) -%}
    {{ return(adapter.dispatch("fact_of_key_results", "line_of_sight")(name)) }}
{%- endmacro -%}

{%- macro default__fact_of_key_results(name) -%}
    {{ return(api.Relation.create(database=this.database, schema="marts", identifier="fct_key_result_" ~ name)) }}
{%- endmacro -%}

{#-
  In a fact: that it is built after these models, which its materialization and its hooks read and its query does not. A unit
  test, which has neither, need not give them.
-#}
{% macro depends_on() -%}
    {{ return(adapter.dispatch("depends_on", "line_of_sight")(*varargs)) }}
{%- endmacro %}

{% macro default__depends_on() -%}
    {%- if model.resource_type == "model" -%}
        {%- for name in varargs -%}
            {%- do ref(name) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{%- macro inputs_of(fact) -%} builds.{{ fact.identifier }}__inputs {%- endmacro -%}

{#- Id of the row that says that the news are everything. -#}
{%- macro everything() -%} '(all)' {%- endmacro -%}

{#- For the model that tells the news: whether the facts can keep anything. -#}
{% macro facts_can_be_kept() -%}
    {{ return(adapter.dispatch("facts_can_be_kept", "line_of_sight")()) }}
{%- endmacro %}

{% macro default__facts_can_be_kept() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro duckdb__facts_can_be_kept() -%}
    {%- set kpi, daily = fact_of_key_results("kpi"), fact_of_key_results("daily") -%}
    {%- if not still_holds(daily) or load_cached_relation(kpi) is none or not has_origins(kpi) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set unchanged = [] -%}
    {%- for fact in [kpi, daily] -%}
        {%- do unchanged.append(
            "exists ("
            "    select 1 from (" ~ rows_and_hashes(fact) ~ ") as now"
            "    inner join " ~ origins_of(fact) ~ " as counted"
            "        on counted.kind = 'rows' and counted.detail = cast(now.row_count as varchar)"
            "    inner join " ~ origins_of(fact) ~ " as hashed"
            "        on hashed.kind = 'hashes' and hashed.detail = cast(now.hashes as varchar)"
            ")"
        ) -%}
    {%- endfor -%}
    {%- set answer = run_query(
        "select"
        "    (select detail from " ~ origins_of(kpi) ~ " where kind = 'build')"
        "    = (select detail from " ~ origins_of(daily) ~ " where kind = 'build')"
        "    and " ~ unchanged | join(" and ")
    ) -%}
    {{ return(answer.rows[0][0] is true) }}
{%- endmacro %}

{#-
  How many rows a fact has, and the sum of their hashes; of those only that `news` are of, when they are named. Keys are left
  out: they repeat what other columns say.
-#}
{% macro rows_and_hashes(fact, news=none) -%}
    {%- set columns = [] -%}
    {%- for column in columns_of(fact.identifier, "fact") if not column.endswith("_key") -%}
        {%- do columns.append(column) -%}
    {%- endfor -%}
    select
        count(*) as row_count,
        coalesce(sum(hash({{ columns | join(", ") }})), 0) as hashes
    from {{ fact }} as fact
    {% if news -%}
    where fact.rowid in (
        select fact.rowid from {{ fact }} as fact
        inner join {{ news }} as news on {{ has_news() }}
    )
    {%- endif %}
{%- endmacro %}

{#- Whether a row `fact` is one that `news` are of. -#}
{%- macro has_news() -%} fact.key_result_id = news.key_result_id and fact.as_of >= news.news_from {%- endmacro -%}

{#- For a fact: whether `news` are only what is new to it. -#}
{% macro takes_in_only_the(news) -%}
    {%- if model.resource_type != "model" or not execute -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set answer = run_query("select count(*) from " ~ news ~ " where key_result_id = " ~ everything()) -%}
    {{ return(answer.rows[0][0] == 0) }}
{%- endmacro %}

{#- After the news are told, in their transaction: what was known of. -#}
{% macro remember_news() -%}
    {{ return(adapter.dispatch("remember_news", "line_of_sight")()) }}
{%- endmacro %}

{% macro default__remember_news() -%}{%- endmacro %}

{% macro duckdb__remember_news() -%}
    {%- if execute -%}
        create or replace table {{ origins_of(this) }} as
        {{ origins_now(fact_of_key_results("daily"), takes_in_only_the(this)) }}
        union all
        select 'build', '', '{{ invocation_id }}'
    {%- endif -%}
{%- endmacro %}

{#- The rows of a fact that `news` are of give way to those of `query`; of what goes, `adopt` has to know. -#}
{% macro replace_what_has(news, query) -%}
    create or replace temp table {{ this.identifier }}__removed as {{ rows_and_hashes(this, news) }};
    delete from {{ this }} as fact using {{ news }} as news where {{ has_news() }};
    insert into {{ this }} by name ({{ query }});
{%- endmacro %}

{#-
  After a fact is built, in its transaction: from which build it is, and with `inputs` what that was made from. A fact that
  was built without the models before it is of no build; then the next one is in full.
-#}
{% macro adopt(news, inputs=none) -%}
    {{ return(adapter.dispatch("adopt", "line_of_sight")(news, inputs)) }}
{%- endmacro %}

{% macro default__adopt(news, inputs) -%}{%- endmacro %}

{% macro duckdb__adopt(news, inputs) -%}
    {%- if execute -%}
        {%- if inputs -%}
        create or replace table {{ inputs_of(this) }} as from {{ inputs }};
        {%- endif %}
        create or replace table {{ origins_of(this) }} as
        with counted as (
            {%- if takes_in_only_the(news) %}
            select
                cast(counted.detail as hugeint) - removed.row_count + added.row_count as row_count,
                cast(hashed.detail as hugeint) - removed.hashes + added.hashes as hashes
            from {{ origins_of(this) }} as counted
            inner join {{ origins_of(this) }} as hashed on counted.kind = 'rows' and hashed.kind = 'hashes'
            cross join {{ this.identifier }}__removed as removed
            cross join ({{ rows_and_hashes(this, news) }}) as added
            {%- else %}
            {{ rows_and_hashes(this) }}
            {%- endif %}
        )

        select kind, id, detail
        from {{ origins_of(news) }}
        where
            {{ "true" if inputs else "kind = 'build'" }}
            and exists (from {{ origins_of(news) }} where kind = 'build' and detail = '{{ invocation_id }}')
        union all
        select 'rows', '', cast(row_count as varchar) from counted
        union all
        select 'hashes', '', cast(hashes as varchar) from counted
    {%- endif -%}
{%- endmacro %}
