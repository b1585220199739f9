{#-
  Sums of floating-point numbers depend on their order in the last digit, and a warehouse that is built again must hold
  the same rows: these add up in a stated order, where the engine can. Elsewhere the last digit is not promised.
-#}

{#- Sum of `value` over a group, added up in the order of `in_order`. -#}
{% macro sum_in_order(value, in_order) -%}
    {{ return(adapter.dispatch("sum_in_order", "line_of_sight")(value, in_order)) }}
{%- endmacro %}

{% macro default__sum_in_order(value, in_order) -%}
    sum({{ value }} order by {{ in_order }})
{%- endmacro %}

{% macro spark__sum_in_order(value, in_order) -%}
    sum({{ value }})
{%- endmacro %}
