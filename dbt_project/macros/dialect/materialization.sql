{#-
  How a model of no table of its own is kept: `kind` ("ephemeral" or "view"), except on Spark, which analyses, plans and
  computes such a model again in each query and at each place that names it. There it is a table.
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
