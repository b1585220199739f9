{#- Calendar arithmetic on the periods of a KPI: `grain` is day, week, month or quarter. -#}

{#- Last day of the period that starts on `starts_on`. -#}
{% macro period_end(grain, starts_on) -%}
    case {{ grain }}
        when 'week' then {{ add_days(starts_on, 6) }}
        when 'month' then {{ add_days(add_months(starts_on, 1), -1) }}
        when 'quarter' then {{ add_days(add_months(starts_on, 3), -1) }}
        else {{ starts_on }}
    end
{%- endmacro %}

{#- Number of the period that holds `day`: consecutive periods have consecutive numbers. Weeks start on Monday. -#}
{% macro period_number(grain, day) -%}
    case {{ grain }}
        when 'week' then cast(floor({{ days_between("cast('1900-01-01' as date)", day) }} / 7.0) as integer)
        when 'month' then cast(extract(year from {{ day }}) * 12 + extract(month from {{ day }}) as integer)
        when 'quarter' then cast(extract(year from {{ day }}) * 4 + extract(quarter from {{ day }}) as integer)
        else {{ days_between("cast('1900-01-01' as date)", day) }}
    end
{%- endmacro %}

{#- Weekday of `day`: 0 for Monday, as 1 January 1900 was one. -#}
{% macro weekday(day) -%}
    mod(mod({{ days_between("cast('1900-01-01' as date)", day) }}, 7) + 7, 7)
{%- endmacro %}

{#- First day of the period that holds `day`. -#}
{% macro period_start(grain, day) -%}
    case {{ grain }}
        when 'week' then {{ add_days(day, "-1 * " ~ weekday(day)) }}
        when 'month' then cast(date_trunc('month', {{ day }}) as date)
        when 'quarter' then cast(date_trunc('quarter', {{ day }}) as date)
        else {{ day }}
    end
{%- endmacro %}

{#- First day of the period that lies `count` periods before the one that starts on `starts_on`. -#}
{% macro periods_before(grain, starts_on, count) -%}
    case {{ grain }}
        when 'week' then {{ add_days(starts_on, "-7 * " ~ count) }}
        when 'month' then {{ add_months(starts_on, "-1 * " ~ count) }}
        when 'quarter' then {{ add_months(starts_on, "-3 * " ~ count) }}
        else {{ add_days(starts_on, "-1 * " ~ count) }}
    end
{%- endmacro %}

{#-
  Whether the data is stale at the end of `day`: the period after the newest one with a value was due by then, that is,
  it ended agreed_offset_days ago or earlier.
-#}
{% macro is_stale(grain, newest_period_end, agreed_offset_days, day) -%}
    {{ add_days(
        period_end(grain, add_days(newest_period_end, 1)), "ceil(coalesce(" ~ agreed_offset_days ~ ", 0))"
    ) }} <= {{ day }}
{%- endmacro %}

{#-
  Periods due by the end of `day` of those that start on `starts_on` or later. A period is due when it has ended
  agreed_offset_days before, or when it or a later one has its value already (`newest_period_start`, may be null).
-#}
{% macro periods_due(grain, starts_on, day, agreed_offset_days, newest_period_start) -%}
    greatest(
        0,
        greatest(
            {{ period_number(grain, add_days(day, "1 - ceil(coalesce(" ~ agreed_offset_days ~ ", 0))")) }} - 1,
            coalesce({{ period_number(grain, newest_period_start) }}, 0)
        ) - {{ period_number(grain, add_days(starts_on, -1)) }}
    )
{%- endmacro %}

{#-
  The same as periods_due for a KPI of working days, from rows of dim_date: `due` is the day less the agreed offset,
  `newest` the day of the newest value, `start` the day on which the key result starts. Each may be missing.
-#}
{% macro working_days_due(due, newest, start) -%}
    greatest(
        0,
        greatest(coalesce({{ due }}.working_day_number, 0), coalesce({{ newest }}.working_day_number, 0))
        - coalesce({{ start }}.working_day_number - case when {{ start }}.is_working_day then 1 else 0 end, 0)
    )
{%- endmacro %}

{#- Whether a value meets the limits of a stay_ key result; limits are inclusive. -#}
{% macro meets_limits(direction, actual, lower_limit, upper_limit, target) -%}
    case {{ direction }}
        when 'stay_above' then {{ actual }} >= coalesce({{ lower_limit }}, {{ target }})
        when 'stay_below' then {{ actual }} <= coalesce({{ upper_limit }}, {{ target }})
        when 'stay_within' then {{ actual }} >= {{ lower_limit }} and {{ actual }} <= {{ upper_limit }}
    end
{%- endmacro %}
