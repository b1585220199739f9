{#- The members in brackets that every dimension has, so that facts never lose rows to a join. -#}

{#- One typed null per type, comma separated; the types as contracts name them. -#}
{% macro nulls(types) -%}
    {%- for type in types -%}
        cast(null as {{ dbt.type_string() if type == "string" else type }}){{ ", " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Validity of a member that always exists: valid_from, valid_to, is_current. -#}
{% macro for_ever() -%}
    cast('1900-01-01' as date), cast('9999-12-31' as date), true
{%- endmacro %}
