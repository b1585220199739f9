{#-
  Tables and views on DuckDB, replaced in one statement.

  dbt's own way builds beside the old relation, renames both, and drops the old one after the commit. DuckDB replaces a
  relation inside the transaction, and a build that fails leaves the old one; that spares a run a fifth of its builds' time
  (docs/decisions/0038). Indexes, grants, Python models and foreign keys are left out: the project has none.
-#}
{% materialization table, adapter="duckdb" %}
    {{ return(replaced("table")) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
    {{ return(replaced("view")) }}
{% endmaterialization %}

{% macro replaced(kind) %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type=kind) -%}
    {%- set is_enforced = config.get("contract").enforced -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and existing.type != kind -%}
        {{ drop_relation_if_exists(existing) }}
    {%- endif -%}
    {%- if is_enforced -%}
        {{ get_assert_columns_equivalent(model.compiled_code) }}
    {%- endif -%}
    {%- call statement("main") -%}
        {%- if kind == "table" and is_enforced -%}
            create or replace table {{ target }} {{ get_table_columns_and_constraints() }};
            insert into {{ target }} {{ get_column_names() }} ({{ get_select_subquery(model.compiled_code) }});
        {%- else -%}
            create or replace {{ kind }} {{ target }} as ({{ model.compiled_code }});
        {%- endif -%}
    {%- endcall -%}
    {%- do persist_docs(target, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target]}) }}
{% endmacro %}
