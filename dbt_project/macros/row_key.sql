{#- Key of a row from the columns of its grain, joined by `|`: readable, stable, the same on every engine. -#}
{% macro row_key(columns) -%}
    {%- for column in columns -%}
        cast({{ column }} as {{ dbt.type_string() }}){{ " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
