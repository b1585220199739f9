{#- A number that differs when one of the columns does, on one engine: for comparing, and not for keeping. -#}
{% macro fingerprint(columns, also=[]) -%}
    {{ return(adapter.dispatch("fingerprint", "line_of_sight")(columns, also)) }}
{%- endmacro %}

{% macro default__fingerprint(columns, also) -%}
    hash({{ (columns + also) | join(", ") }})
{%- endmacro %}

{% macro spark__fingerprint(columns, also) -%}
    xxhash64({{ (columns + also) | join(", ") }})
{%- endmacro %}
