{#-
  How a model is kept that is no plain table: `kind` ("ephemeral", "view" or "incremental"), except on Spark, where it is
  one. Spark analyses, plans and computes ephemeral models and views again in each query and at each place that names
  them, and of what is new it knows nothing.
-#}
{% macro kept_as(kind) -%}
    {{ return(adapter.dispatch("kept_as", "line_of_sight")(kind)) }}
{%- endmacro %}

{% macro default__kept_as(kind) -%}
    {{ return(kind) }}
{%- endmacro %}

{% macro spark__kept_as(kind) -%}
    {{ return("table") }}
{%- endmacro %}
