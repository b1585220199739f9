{#-
  Aggregate: the texts of a group that are not null, in their own order unless another is stated; null when there are
  none. dbt's own listagg leaves the order open on Spark, and makes an empty text of none.
-#}
{% macro joined_texts(text, separator="'; '", in_order=none) -%}
    {{ return(adapter.dispatch("joined_texts", "line_of_sight")(text, separator, in_order or text)) }}
{%- endmacro %}

{% macro default__joined_texts(text, separator, in_order) -%}
    string_agg({{ text }}, {{ separator }} order by {{ in_order }})
{%- endmacro %}

{% macro spark__joined_texts(text, separator, in_order) -%}
    listagg({{ text }}, {{ separator }}) within group (order by {{ in_order }})
{%- endmacro %}
