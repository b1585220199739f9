{#- Edges of the longest line of sight that is looked for: a KPI further away than that is not in sight of a goal. -#}
{% macro longest_line_of_sight() -%}
    {{ return(6) }}
{%- endmacro %}
