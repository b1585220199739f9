{#-
  Aggregate: the texts of a group that are not null, in their own order, joined by `; `; null when there are none. dbt's
  own listagg leaves the order open on Spark, and makes an empty text of none.
-#}
{% macro joined_texts(text) -%}
    {{ return(adapter.dispatch("joined_texts", "line_of_sight")(text)) }}
{%- endmacro %}

{% macro default__joined_texts(text) -%}
    string_agg({{ text }}, '; ' order by {{ text }})
{%- endmacro %}

{% macro spark__joined_texts(text) -%}
    listagg({{ text }}, '; ') within group (order by {{ text }})
{%- endmacro %}
