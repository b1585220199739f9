{#-
  What the incremental models were built from: the only basis on which the next build may add to them. One set of
  tables in the warehouse itself, written in the transaction that changes the model, so that both change or neither.

    increments.builds     one row per incremental model that stands: code, as_of, known_at and rows
    increments.loads      one row per incremental model and load that it holds
    increments.inputs     one row per incremental model and row of its small inputs, as a digest
    increments.decisions  one row per incremental model: why its last build was a whole one, null for an increment
    increments.touched    one row per fact of key results and key result that its running build computes anew
    increments.periods    one row per other model, KPI and period that its running build computes anew

  A model without a row in builds is built whole. DuckDB only: elsewhere every build is a whole one.
-#}

{#- Whether this target keeps state, that is, builds by increments. -#}
{% macro keeps_increments() -%}
    {{ return(target.type == "duckdb") }}
{%- endmacro %}

{#- Materialization of a model that is built by increments where the target can. -#}
{% macro by_increments() -%}
    {{ return("incremental" if target.type == "duckdb" else "table") }}
{%- endmacro %}

{#- Makes the tables; run at the start of every dbt command, before any view that reads them. -#}
{% macro create_increments() -%}
    {% if keeps_increments() -%}
        create schema if not exists increments;
        create table if not exists increments.builds (
            model varchar, code varchar, as_of date, known_at timestamp, row_count bigint
        );
        create table if not exists increments.loads (model varchar, load_id varchar, content varchar);
        create table if not exists increments.inputs (
            model varchar, subject_id varchar, content varchar, first_day date, end_day date, latest_day date
        );
        create table if not exists increments.decisions (model varchar, whole_because varchar);
        create table if not exists increments.touched (model varchar, key_result_id varchar, from_day date);
        create table if not exists increments.periods (model varchar, kpi_id varchar, period_start_on date);
    {%- endif %}
{%- endmacro %}

{#-
  Digest of everything that decides what a model's rows are, given the lake: the files of the model and of all its
  ancestors, every macro of the project, and dbt's version.
-#}
{% macro code_of(unique_id) -%}
    {%- set nodes, files = [unique_id], [] -%}
    {%- for id in nodes -%}
        {%- set node = graph.nodes.get(id) -%}
        {%- if node -%}
            {%- do files.append(id ~ ":" ~ node.checksum.checksum) -%}
            {%- for parent in node.depends_on.nodes or [] if parent not in nodes -%}
                {%- do nodes.append(parent) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, macro in context["line_of_sight"].items() if macro.macro is defined -%}
        {%- do files.append(name ~ ":" ~ local_md5(macro.macro.macro_sql)) -%}
    {%- endfor -%}
    {{ return(local_md5(dbt_version ~ "|" ~ files | sort | join("|"))) }}
{%- endmacro %}

{#- What identifies a load of the ledger: another file under the name of an old load is another load. -#}
{% macro load_content(loads) -%}
    concat_ws('|', {{ loads }}.file_sha256, {{ loads }}.rows_accepted, {{ loads }}.rows_deleted, {{ loads }}.loaded_at)
{%- endmacro %}

{#-
  Why the model must be built whole, as text; none when its state allows an increment. Whatever is not understood is
  a reason.
-#}
{% macro whole_build_reason() -%}
    {%- set observations = "fct_kpi_observation" -%}
    {%- if flags.FULL_REFRESH or config.get("full_refresh") -%}
        {{ return("it was asked for") }}
    {%- endif -%}
    {%- set relation = adapter.get_relation(this.database, this.schema, this.identifier) -%}
    {%- if relation is none or relation.type != "table" -%}
        {{ return("there is no table yet") }}
    {%- endif -%}
    {%- set tables = run_query(
        "select count(*) from duckdb_tables() where database_name = current_database() and schema_name = 'increments'"
    ) -%}
    {%- if tables.columns[0].values()[0] < 6 -%}
        {{ return("nothing is known of the last build") }}
    {%- endif -%}
    {%- set judged -%}
        select
            case
                when (select count(*) from increments.builds where model = '{{ this.identifier }}') <> 1
                    then 'nothing is known of the last build'
                when builds.code is distinct from '{{ code_of(model.unique_id) }}' then 'the code has changed'
                when builds.as_of is null or builds.as_of > run.as_of then 'as_of went back'
                when builds.known_at is null or builds.known_at > run.known_at then 'known_at went back'
                when exists (
                    select then_loads.load_id
                    from increments.loads as then_loads
                    left join {{ ref("stg_lake__loads") }} as loads
                        on then_loads.load_id = loads.load_id and then_loads.content = {{ load_content("loads") }}
                    where then_loads.model = '{{ this.identifier }}' and loads.load_id is null
                ) then 'the lake is another one: loads are gone or differ'
                {% if this.identifier != observations -%}
                when standing.known_at is null or builds.known_at > standing.known_at or exists (
                    select held.load_id
                    from increments.loads as held
                    left join increments.loads as standing_loads
                        on
                            standing_loads.model = '{{ observations }}'
                            and held.load_id = standing_loads.load_id
                            and held.content = standing_loads.content
                    where held.model = '{{ this.identifier }}' and standing_loads.load_id is null
                ) then '{{ observations }} went back'
                {%- endif %}
                when builds.row_count is distinct from (select count(*) from {{ this }})
                    then 'somebody else changed the table'
            end as reason
        from {{ ref("int_run__context") }} as run
        left join increments.builds as builds on builds.model = '{{ this.identifier }}'
        left join increments.builds as standing on standing.model = '{{ observations }}'
    {%- endset -%}
    {%- set reasons = run_query(judged).columns[0].values() -%}
    {{ return(reasons[0] if reasons | length == 1 else "nothing is known of the run") }}
{%- endmacro %}

{#-
  dbt's own question, asked by is_incremental() and by the materialization: here a model is also built whole when its
  state does not allow an increment.
-#}
{% macro should_full_refresh() -%}
    {%- if execute and keeps_increments() and model.config.materialized == "incremental" -%}
        {{ return(whole_build_reason() is not none) }}
    {%- endif -%}
    {%- set stated = config.get("full_refresh") -%}
    {{ return(flags.FULL_REFRESH if stated is none else stated) }}
{%- endmacro %}

{#-
  First statement of a build, in its transaction: a model that is built whole has no past.

  What an increment computes anew is written down first: the engine plans well only what it can count.

  touched: query of the key results that this build computes anew (key_result_id, from_day), or none.
  periods: query of the periods that an increment computes anew (kpi_id, period_start_on), or none.
  staged: view that the model reads by way of staged(), or none.
-#}
{% macro begin_increment(touched=none, periods=none, staged=none) -%}
    {% if keeps_increments() and execute -%}
        {%- set reason = whole_build_reason() -%}
        {%- if reason is not none -%}
            {%- do log(this.identifier ~ " is built whole: " ~ reason, info=true) -%}
            {%- for part in ["builds", "loads", "inputs"] %}
            delete from increments.{{ part }} where model = '{{ this.identifier }}';
            {%- endfor %}
        {%- endif %}
        delete from increments.decisions where model = '{{ this.identifier }}';
        insert into increments.decisions values (
            '{{ this.identifier }}', {{ "null" if reason is none else dbt.string_literal(reason) }}
        );
        {% if touched is not none -%}
        delete from increments.touched where model = '{{ this.identifier }}';
        insert into increments.touched
        select '{{ this.identifier }}', key_result_id, from_day from ({{ touched }});
        {%- endif %}
        {% if periods is not none -%}
        delete from increments.periods where model = '{{ this.identifier }}';
        {% if reason is none -%}
        insert into increments.periods
        select '{{ this.identifier }}', kpi_id, period_start_on from ({{ periods }});
        {%- endif %}
        {%- endif %}
        {% if staged is not none -%}
        create or replace temporary table {{ staged.identifier }}__staged as select * from {{ staged }};
        {%- endif %}
    {%- endif %}
{%- endmacro %}

{#-
  A view as a table of this build, written by begin_increment: a view of many joins within a query of many more is
  planned badly. Unit tests, and targets without increments, read the view.
-#}
{% macro staged(view) -%}
    {%- if not execute or not keeps_increments() or model.resource_type == "unit_test" -%}
        {{ return(view) }}
    {%- endif -%}
    {{ return(view.identifier ~ "__staged") }}
{%- endmacro %}

{#-
  Last statement of a build, in its transaction: what the model now holds.

  loads: relation with the loads that it holds (load_id, content).
  inputs: relation with its small inputs (subject_id, content, first_day, end_day, latest_day), or none.
-#}
{% macro end_increment(loads, inputs=none) -%}
    {% if keeps_increments() and execute -%}
        {%- for part in ["builds", "loads", "inputs"] %}
        delete from increments.{{ part }} where model = '{{ this.identifier }}';
        {%- endfor %}
        insert into increments.loads
        select '{{ this.identifier }}', load_id, content from {{ loads }};
        {% if inputs is not none -%}
        insert into increments.inputs
        select '{{ this.identifier }}', subject_id, content, first_day, end_day, latest_day from {{ inputs }};
        {%- endif %}
        insert into increments.builds
        select
            '{{ this.identifier }}', '{{ code_of(model.unique_id) }}', run.as_of,
            {% if this.identifier == "fct_kpi_observation" -%}
            run.known_at,
            {%- else -%}
            (select known_at from increments.builds where model = 'fct_kpi_observation'),
            {%- endif %}
            (select count(*) from {{ this }})
        from {{ ref("int_run__context") }} as run;
    {%- endif %}
{%- endmacro %}

{#-
  Strategy `touched`: deletes the rows that the model's macro `<model>__is_touched` says are touched, and inserts what
  was computed anew. dbt's own delete+insert deletes only rows whose keys come back.
-#}
{% macro get_incremental_touched_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }} as standing
    where {{ context[model.name ~ "__is_touched"]("standing") }};
    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{%- endmacro %}

{#- Tells dbt's parser of the models that the macros above read, without asking the unit tests for their rows. -#}
{% macro judged_by_the_run() -%}
    {%- if not execute -%}
        {%- do ref("int_run__context") -%}
        {%- do ref("stg_lake__loads") -%}
    {%- endif -%}
{%- endmacro %}
