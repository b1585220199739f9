{#-
  Sums of many floating-point numbers that come out the same in whatever order an engine takes them, at the cost of a plain
  sum: each is counted in a unit of 2^-60 of the greatest among them, and whole numbers add up exactly. Sorting them
  instead (`sum_in_order`) costs some eight times a plain sum.
-#}

{#- Binary logarithm of the smallest number above 0. A smaller unit would be 0. -#}
{%- macro least_exponent() -%} -1074 {%- endmacro -%}

{#- The unit of a group. A power of two: dividing by it changes no digit. -#}
{% macro sum_unit(value) -%}
    pow(
        cast(2 as double),
        greatest(
            ceil(log2(case when max(abs({{ value }})) > 0 then max(abs({{ value }})) else 1 end)) - 60,
            {{ least_exponent() }}
        )
    )
{%- endmacro %}

{#- Sum of `value` over a group; `unit` is the group's `sum_unit`. -#}
{% macro exact_sum(value, unit) -%}
    cast(sum(cast(({{ value }}) / ({{ unit }}) as decimal(38, 0))) as double) * max({{ unit }})
{%- endmacro %}

{#- Sum of the squares of `value`, counted in a unit of 2^-60 of the greatest square. -#}
{% macro exact_sum_of_squares(value, unit) -%}
    {%- set half = "((" ~ unit ~ ") * pow(cast(2 as double), 30))" -%}
    {%- set square = "greatest(" ~ half ~ " * " ~ half ~ ", pow(cast(2 as double), " ~ least_exponent() ~ "))" -%}
    {{ exact_sum("(" ~ value ~ ") * (" ~ value ~ ")", square) }}
{%- endmacro %}

{#- Standard deviation of a sample, of the sum of its `count` values and that of their squares. -#}
{% macro deviation_of_sums(total, squares, count) -%}
    sqrt(greatest({{ squares }} - {{ total }} * {{ total }} / {{ count }}, 0) / nullif({{ count }} - 1, 0))
{%- endmacro %}
