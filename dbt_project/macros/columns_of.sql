{#- The columns of a model, as documented, but for some; `relation` is its name in the query. -#}
{% macro columns_of(name, relation, but=[]) -%}
    {{ return(adapter.dispatch("columns_of", "line_of_sight")(name, relation, but)) }}
{%- endmacro %}

{% macro default__columns_of(name, relation, but) -%}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- for column in graph.nodes["model.line_of_sight." ~ name].columns if column not in but -%}
            {%- do columns.append(relation ~ "." ~ column) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}
