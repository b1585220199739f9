{#-
  Pearson's correlation from sums that come out the same in whatever order an engine takes them, in one pass over the
  rows. Sorting them for each of its aggregates (`aggregate_in_order`) costs some thirty times as much.

  The values lie between -1 and 1 (`scaled_to_range`); they and their products are counted in units of 2^-54, and whole
  numbers add up exactly. Of up to 500 rows the sum fits an integer of 64 bits.
-#}

{#- A value between the least and the greatest of its series, as a number from -1 to 1; null in a series of one value. -#}
{% macro scaled_to_range(value, least, greatest) -%}
    (({{ value }} - {{ least }}) / nullif({{ greatest }} - {{ least }}, 0) * 2 - 1)
{%- endmacro %}

{#- Sum of numbers from -1 to 1 over a group. -#}
{% macro sum_of_scaled(value) -%}
    sum(cast(round(({{ value }}) * 18014398509481984) as bigint)) / cast(18014398509481984 as double)
{%- endmacro %}

{#- Sum of the squared deviations of a group from its mean, of its sums; of two figures, that of their products. -#}
{% macro deviations_of_sums(products, first_sum, second_sum, row_count) -%}
    ({{ products }} - {{ first_sum }} * {{ second_sum }} / {{ row_count }})
{%- endmacro %}

{#-
  Correlation of two figures of a group, of its sums. Null where either does not vary: by less than a hundred-thousandth of
  its range, which is what the digits carry.
-#}
{% macro correlation_of_sums(products, first_sum, second_sum, first_squares, second_squares, row_count) -%}
    {%- set first = deviations_of_sums(first_squares, first_sum, first_sum, row_count) -%}
    {%- set second = deviations_of_sums(second_squares, second_sum, second_sum, row_count) -%}
    case
        when {{ first }} > 1e-10 * {{ row_count }} and {{ second }} > 1e-10 * {{ row_count }}
            then {{ deviations_of_sums(products, first_sum, second_sum, row_count) }} / sqrt({{ first }} * {{ second }})
    end
{%- endmacro %}
