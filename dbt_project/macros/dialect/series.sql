{#-
  Lists of numbers. Whatever is computed of a list comes out the same in its last digit wherever the list came from, which
  no window promises: an engine adds up the rows of a window in the order that suits it.
-#}

{#- The values of a group in the order of `in_order`, those that are null too. -#}
{% macro series_in_order(value, in_order) -%}
    {{ return(adapter.dispatch("series_in_order", "line_of_sight")(value, in_order)) }}
{%- endmacro %}

{% macro default__series_in_order(value, in_order) -%}
    list({{ value }} order by {{ in_order }})
{%- endmacro %}

{% macro spark__series_in_order(value, in_order) -%}
    transform(
        array_sort(collect_list(struct({{ in_order }} as place, {{ value }} as value))), element -> element.value
    )
{%- endmacro %}

{#- `count` elements of a list from place `first`, 1 for the first. -#}
{% macro series_part(list, first, count) -%}
    {{ return(adapter.dispatch("series_part", "line_of_sight")(list, first, count)) }}
{%- endmacro %}

{% macro default__series_part(list, first, count) -%}
    list_slice({{ list }}, {{ first }}, {{ first }} + {{ count }} - 1)
{%- endmacro %}

{% macro spark__series_part(list, first, count) -%}
    slice({{ list }}, cast({{ first }} as int), cast({{ count }} as int))
{%- endmacro %}

{#- The elements of a list that are above `limit`. -#}
{% macro series_above(list, limit) -%}
    {{ return(adapter.dispatch("series_above", "line_of_sight")(list, limit)) }}
{%- endmacro %}

{% macro default__series_above(list, limit) -%}
    list_filter({{ list }}, lambda element: element > {{ limit }})
{%- endmacro %}

{% macro spark__series_above(list, limit) -%}
    filter({{ list }}, element -> element > {{ limit }})
{%- endmacro %}

{#- How many elements a list has. -#}
{% macro series_length(list) -%}
    {{ return(adapter.dispatch("series_length", "line_of_sight")(list)) }}
{%- endmacro %}

{% macro default__series_length(list) -%} len({{ list }}) {%- endmacro %}

{% macro spark__series_length(list) -%} size({{ list }}) {%- endmacro %}

{#- The least element of a list. -#}
{% macro series_least(list) -%}
    {{ return(adapter.dispatch("series_least", "line_of_sight")(list)) }}
{%- endmacro %}

{% macro default__series_least(list) -%} list_min({{ list }}) {%- endmacro %}

{% macro spark__series_least(list) -%} array_min({{ list }}) {%- endmacro %}

{#- Every seventh element of a list from place `first`. -#}
{% macro series_sevenths(list, first) -%}
    {{ return(adapter.dispatch("series_sevenths", "line_of_sight")(list, first)) }}
{%- endmacro %}

{% macro default__series_sevenths(list, first) -%}
    list_slice({{ list }}, {{ first }}, len({{ list }}), 7)
{%- endmacro %}

{% macro spark__series_sevenths(list, first) -%}
    filter({{ list }}, (element, place) -> place + 1 >= {{ first }} and mod(place + 1 - {{ first }}, 7) = 0)
{%- endmacro %}

{#- Sum of the elements, in their order. -#}
{% macro series_sum(list) -%}
    {{ return(adapter.dispatch("series_sum", "line_of_sight")(list)) }}
{%- endmacro %}

{% macro default__series_sum(list) -%} list_sum({{ list }}) {%- endmacro %}

{% macro spark__series_sum(list) -%}
    aggregate({{ list }}, cast(0 as double), (total, element) -> total + element)
{%- endmacro %}

{#- Mean of the elements that are not null; null without one. -#}
{% macro series_mean(list) -%}
    {{ return(adapter.dispatch("series_mean", "line_of_sight")(list)) }}
{%- endmacro %}

{% macro default__series_mean(list) -%}
    list_avg({{ list }})
{%- endmacro %}

{% macro spark__series_mean(list) -%}
    (
        aggregate({{ list }}, cast(0 as double), (total, element) -> total + coalesce(element, 0))
        / nullif(size(filter({{ list }}, element -> element is not null)), 0)
    )
{%- endmacro %}

{#- Variance of the elements that are not null, around their mean; null without one. -#}
{% macro series_variance(list) -%}
    {{ return(adapter.dispatch("series_variance", "line_of_sight")(list)) }}
{%- endmacro %}

{% macro default__series_variance(list) -%}
    list_var_pop({{ list }})
{%- endmacro %}

{% macro spark__series_variance(list) -%}
    {{ series_mean("transform(" ~ list ~ ", element -> power(element - " ~ series_mean(list) ~ ", 2))") }}
{%- endmacro %}
