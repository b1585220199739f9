{#-
  Before the models: whatever an engine needs to read the folders of the lake as the tables of the source `raw`. DuckDB
  reads them where they lie.
-#}
{% macro open_lake() -%}
    {%- if execute -%}
        {%- do adapter.dispatch("open_lake", "line_of_sight")() -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__open_lake() -%}{%- endmacro %}

{#-
  External tables, made anew by each run: the columns are those of all files together, and dropping one leaves its files.
-#}
{% macro spark__open_lake() -%}
    {%- set lake = env_var("LOS_LAKE_DIR", "") -%}
    {%- if not (lake.startswith("/") or "://" in lake) -%}
        {%- do exceptions.raise_compiler_error(
            "Spark needs the absolute path of the lake in LOS_LAKE_DIR; found '" ~ lake ~ "'"
        ) -%}
    {%- endif -%}
    {%- do run_query("create schema if not exists raw") -%}
    {%- for source in graph.sources.values() if source.source_name == "raw" -%}
        {%- set table = source.schema ~ "." ~ source.name -%}
        {%- set folder = lake ~ "/" ~ source.meta.folder -%}
        {%- do run_query("drop table if exists " ~ table) -%}
        {%- set options -%}
            path '{{ folder | replace("'", "\\'") }}', pathGlobFilter '*.parquet', recursiveFileLookup 'true', mergeSchema 'true'
        {%- endset -%}
        {%- do run_query("create table " ~ table ~ " using parquet options (" ~ options ~ ")") -%}
    {%- endfor -%}
{%- endmacro %}
