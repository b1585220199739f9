{#-
  Sums of floating-point numbers depend on their order in the last digit, and a warehouse that is built again must hold
  the same rows. Within a group of few rows these add up in a stated order, where the engine can; elsewhere the last digit
  is not promised. A sum over a window states its order itself. Of many rows: `exact_sum` (exact_sum.sql).
-#}

{#- Sum of `value` over a group, added up in the order of `in_order`. -#}
{% macro sum_in_order(value, in_order) -%}
    {{ aggregate_in_order("sum", value, in_order) }}
{%- endmacro %}

{#- The same of any aggregate: `value` is all that stands between its brackets. -#}
{% macro aggregate_in_order(aggregate, value, in_order) -%}
    {{ return(adapter.dispatch("aggregate_in_order", "line_of_sight")(aggregate, value, in_order)) }}
{%- endmacro %}

{% macro default__aggregate_in_order(aggregate, value, in_order) -%}
    {{ aggregate }}({{ value }} order by {{ in_order }})
{%- endmacro %}

{% macro spark__aggregate_in_order(aggregate, value, in_order) -%}
    {{ aggregate }}({{ value }})
{%- endmacro %}
