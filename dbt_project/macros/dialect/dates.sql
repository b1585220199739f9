{#-
  The few expressions that engines spell differently. Everything else in this project is common SQL.
  All of them take and give dates, never timestamps.
-#}

{#- `day` moved by a whole number of days. -#}
{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch("add_days", "line_of_sight")(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, cast({{ days }} as int))
{%- endmacro %}

{#- `day` moved by a whole number of months, to the month's last day where it has no such day. -#}
{% macro add_months(day, months) -%}
    {{ return(adapter.dispatch("add_months", "line_of_sight")(day, months)) }}
{%- endmacro %}

{% macro default__add_months(day, months) -%}
    cast({{ day }} + cast({{ months }} as integer) * interval '1 month' as date)
{%- endmacro %}

{% macro spark__add_months(day, months) -%}
    add_months({{ day }}, cast({{ months }} as int))
{%- endmacro %}

{#- Days from the first date to the second, negative when it is earlier. -#}
{% macro days_between(first, second) -%}
    {{ return(adapter.dispatch("days_between", "line_of_sight")(first, second)) }}
{%- endmacro %}

{% macro default__days_between(first, second) -%}
    cast({{ second }} - {{ first }} as integer)
{%- endmacro %}

{% macro spark__days_between(first, second) -%}
    datediff({{ second }}, {{ first }})
{%- endmacro %}

{#- A lateral table with one row per day from `first` up to, not including, `end`; its column is `day`. -#}
{% macro days_from_until(first, end) -%}
    {{ return(adapter.dispatch("days_from_until", "line_of_sight")(first, end)) }}
{%- endmacro %}

{% macro default__days_from_until(first, end) -%}
    cross join lateral (
        select cast(moment as date) as day from unnest(range({{ first }}, {{ end }}, interval '1 day')) as moments (moment)
    ) as days
{%- endmacro %}

{% macro spark__days_from_until(first, end) -%}
    -- A sequence that ends before it starts would count backwards.
    lateral view explode(
        case when {{ first }} < {{ end }} then sequence({{ first }}, date_sub({{ end }}, 1)) end
    ) days as day
{%- endmacro %}
