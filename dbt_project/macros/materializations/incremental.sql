{#-
  A fact on DuckDB that takes in what is new: the model's rows replace those of the same `unique_key`. In full, it is
  replaced as any table. Both in one transaction, so that a build which fails leaves the old rows.

  Which of the two is the model's own question (`takes_in_only_new`), not dbt's `is_incremental`: that asks only whether the
  table is there.
-#}
{% materialization incremental, adapter="duckdb" %}
    {%- if not takes_in_only_new() -%}
        {{ return(replaced("table")) }}
    {%- endif -%}
    {%- set target = this.incorporate(type="table") -%}
    {%- set news = this.identifier ~ "__news" -%}
    {%- set key = config.require("unique_key") | join(", ") -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement("main") -%}
        create or replace temp table {{ news }} as ({{ model.compiled_code }});
        delete from {{ target }} where ({{ key }}) in (select ({{ key }}) from {{ news }});
        insert into {{ target }} by name from {{ news }};
        drop table {{ news }};
    {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}
