{#- Two texts joined by `; `, either of which may be null; null when both are. -#}
{% macro joined_reasons(first, second) -%}
    coalesce({{ first }} || '; ' || {{ second }}, {{ first }}, {{ second }})
{%- endmacro %}
