{#-
  Sums of many floating-point numbers that come out the same in whatever order an engine takes them, at the cost of a plain
  sum: each is counted in a unit of 2^-60 of the greatest among them, and whole numbers add up exactly. Sorting them
  instead (`sum_in_order`) costs some eight times a plain sum.
-#}

{#- The unit of a group. A power of two: dividing by it changes no digit. -#}
{% macro sum_unit(value) -%}
    pow(cast(2 as double), ceil(log2(case when max(abs({{ value }})) > 0 then max(abs({{ value }})) else 1 end)) - 60)
{%- endmacro %}

{#- Sum of `value` over a group; `unit` is the group's `sum_unit`. -#}
{% macro exact_sum(value, unit) -%}
    cast(sum(cast(({{ value }}) / ({{ unit }}) as decimal(38, 0))) as double) * max({{ unit }})
{%- endmacro %}
