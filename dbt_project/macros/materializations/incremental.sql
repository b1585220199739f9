{#-
  A fact on DuckDB that takes in what is new. Its rows take the place of those with the same `unique_key`; of a fact whose
  meta names a model of `news`, of those from the day on that the news have for their key result. In full, it is replaced
  as any table. All in one transaction, so that a build which fails leaves the old rows.

  Which of the two is the model's own question (`takes_in_only_new`), not dbt's `is_incremental`: that asks only whether the
  table is there.
-#}
{% materialization incremental, adapter="duckdb" %}
    {%- set news = ref(config.get("meta")["news"]) if "news" in config.get("meta", {}) -%}
    {%- if not (takes_in_only_the(news) if news else takes_in_only_new()) -%}
        {{ return(replaced("table")) }}
    {%- endif -%}
    {%- if load_cached_relation(this) is none -%}
        {{ exceptions.raise_compiler_error(
            this ~ " is gone, and only what is new was computed for it: build the models before it too"
        ) }}
    {%- endif -%}
    {%- set target = this.incorporate(type="table") -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement("main") -%}
        {%- if news -%}
        {{ replace_what_has(news, model.compiled_code) }}
        {%- else %}
        {%- set rows = this.identifier ~ "__news" -%}
        {%- set key = config.require("unique_key") -%}
        create or replace temp table {{ rows }} as ({{ model.compiled_code }});
        delete from {{ target }} as fact
        using (select distinct {{ key | join(", ") }} from {{ rows }}) as news
        where {% for column in key %}fact.{{ column }} = news.{{ column }}{{ " and " if not loop.last }}{% endfor %};
        insert into {{ target }} by name from {{ rows }};
        drop table {{ rows }};
        {%- endif %}
    {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}
