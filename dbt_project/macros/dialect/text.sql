{#- A value as text, as the engine writes it; dates in ISO form. -#}
{% macro as_text(value) -%}
    cast({{ value }} as {{ dbt.type_string() }})
{%- endmacro %}

{#- A number as text, the same on every engine: without an exponent and without trailing zeros, to nine digits. -#}
{% macro number_text(number) -%}
    {{ return(adapter.dispatch("number_text", "line_of_sight")(number)) }}
{%- endmacro %}

{% macro default__number_text(number) -%}
    case
        when {{ number }} = floor({{ number }}) and abs({{ number }}) < 1e15 then cast(cast({{ number }} as bigint) as varchar)
        when abs({{ number }}) >= 1e-6 and abs({{ number }}) < 1e15
            then rtrim(cast(cast({{ number }} as decimal(38, 9)) as varchar), '0')
        else cast({{ number }} as varchar)
    end
{%- endmacro %}

{% macro spark__number_text(number) -%}
    case
        when {{ number }} = floor({{ number }}) and abs({{ number }}) < 1e15 then cast(cast({{ number }} as bigint) as string)
        when abs({{ number }}) >= 1e-6 and abs({{ number }}) < 1e15
            then rtrim('0', cast(cast({{ number }} as decimal(38, 9)) as string))
        else cast({{ number }} as string)
    end
{%- endmacro %}

{#- Whether two values differ; two nulls do not. -#}
{% macro differs(first, second) -%}
    ({{ first }} is distinct from {{ second }})
{%- endmacro %}
