{#-
  Sums of floating-point numbers depend on their order in the last digit, and a warehouse that is built again must hold
  the same rows. Within a group of few rows these add up in a stated order, where the engine can; elsewhere the last digit
  is not promised. A sum over a window states its order itself, and still depends on what else the window is computed
  with; one of a list does not (series.sql). Of many rows: `exact_sum` (exact_sum.sql).
-#}

{#- Sum of `value` over a group, added up in the order of `in_order`. -#}
{% macro sum_in_order(value, in_order) -%}
    {{ aggregate_in_order("sum", value, in_order) }}
{%- endmacro %}

{#-
  The same over a group of which `at_most` (a column of its rows) is no less than their number. Two numbers come to the same
  either way round, and most groups have no more; sorting costs as much as everything else that is computed of them.
-#}
{% macro sum_of_few_in_order(value, in_order, at_most) -%}
    {{ return(adapter.dispatch("sum_of_few_in_order", "line_of_sight")(value, in_order, at_most)) }}
{%- endmacro %}

{% macro default__sum_of_few_in_order(value, in_order, at_most) -%}
    case
        when max({{ at_most }}) <= 2 then sum({{ value }})
        else {{ sum_in_order(value, in_order) }} filter (where {{ at_most }} > 2)
    end
{%- endmacro %}

{% macro spark__sum_of_few_in_order(value, in_order, at_most) -%}
    sum({{ value }})
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
