{#-
  Control charts: the only place where their formulas and constants stand; docs/process_control.md explains each choice.

  XmR as NHS England's "Making Data Count" draws it; where its guides are silent, as its reference implementation in R
  (nhs-r-community/NHSRplotthedots 0.2.2) does. Screening of moving ranges: L. S. Nelson, Journal of Quality Technology
  14(3), 1982.
-#}

{#- 3 sigma of a single value, as a multiple of the average moving range: 3 / d2 for ranges of two values. -#}
{%- macro limit_factor() -%} 2.66 {%- endmacro -%}

{#- 3 sigma of a moving range, as a multiple of their average (D4 for ranges of two values): beyond it, a range is screened out. -#}
{%- macro screening_factor() -%} 3.267 {%- endmacro -%}

{#- Points of a trend or of a shift. -#}
{%- macro run_length() -%} 7 {%- endmacro -%}

{#- Fewest points for limits: with fewer no value, however far away, can lie outside the limits that it widens itself. -#}
{%- macro fewest_points() -%} 5 {%- endmacro -%}

{#- Fewest points for limits that are more than a trial. -#}
{%- macro fewest_firm_points() -%} 12 {%- endmacro -%}

{#-
  Difference below which two figures of a chart are the same one: nine digits, as macros/status.sql compares shares, but of
  the size of the figures, because a KPI may count in millions or in millionths.
-#}
{% macro chart_tolerance(centre, average_moving_range) -%}
    1e-9 * (abs({{ centre }}) + coalesce({{ average_moving_range }}, 0))
{%- endmacro %}

{#- Whether a moving range counts towards the limits. A process that never moves has ranges of 0, and keeps them. -#}
{% macro is_range_kept(moving_range, average_moving_range, tolerance) -%}
    {{ moving_range }} < {{ screening_factor() }} * {{ average_moving_range }} - {{ tolerance }}
    or {{ average_moving_range }} <= {{ tolerance }}
{%- endmacro %}

{#- 1 above, -1 below, 0 equal, null where the difference is null. -#}
{% macro side_of(difference, tolerance) -%}
    case
        when {{ difference }} > {{ tolerance }} then 1
        when {{ difference }} < -{{ tolerance }} then -1
        when {{ difference }} is not null then 0
    end
{%- endmacro %}

{#- How far a value lies outside a band of which either end may be missing; 0 inside. -#}
{% macro distance_to_band(value, lower_limit, upper_limit) -%}
    greatest(coalesce({{ lower_limit }} - {{ value }}, 0), coalesce({{ value }} - {{ upper_limit }}, 0), 0)
{%- endmacro %}

{#-
  What a special cause means for the KPI. Of a band, which has no better side, it is an improvement only when it brought
  the value nearer to the band than the mean is. A marked point exactly on the mean is a concern: doubt is no improvement.
-#}
{% macro variation(special_cause, direction, side, value, centre, lower_limit, upper_limit) -%}
    case
        when {{ special_cause }} is null then 'common_cause'
        when {{ direction }} = 'increase' and {{ side }} = 1 then 'improvement'
        when {{ direction }} = 'decrease' and {{ side }} = -1 then 'improvement'
        when {{ direction }} in ('increase', 'decrease') then 'concern'
        when {{ direction }} = 'band' and coalesce({{ lower_limit }}, {{ upper_limit }}) is null then null
        when {{ direction }} = 'band'
            and {{ distance_to_band(value, lower_limit, upper_limit) }}
            < {{ distance_to_band(centre, lower_limit, upper_limit) }} then 'improvement'
        when {{ direction }} = 'band' then 'concern'
    end
{%- endmacro %}

{#-
  Whether the process, as it is, passes its target: all that common cause can bring lies on the good side of it, all on the
  bad side, or it lies between the limits. A limit exactly on the target is between.
-#}
{% macro assurance(
    direction, target, lower_limit, upper_limit, lower_process_limit, upper_process_limit, tolerance
) -%}
    case
        when {{ direction }} = 'increase' and coalesce({{ target }}, {{ lower_limit }}) is not null
            then case
                when coalesce({{ target }}, {{ lower_limit }}) < {{ lower_process_limit }} - {{ tolerance }}
                    then 'consistently_passes'
                when coalesce({{ target }}, {{ lower_limit }}) > {{ upper_process_limit }} + {{ tolerance }}
                    then 'consistently_fails'
                else 'inconsistent'
            end
        when {{ direction }} = 'decrease' and coalesce({{ target }}, {{ upper_limit }}) is not null
            then case
                when coalesce({{ target }}, {{ upper_limit }}) > {{ upper_process_limit }} + {{ tolerance }}
                    then 'consistently_passes'
                when coalesce({{ target }}, {{ upper_limit }}) < {{ lower_process_limit }} - {{ tolerance }}
                    then 'consistently_fails'
                else 'inconsistent'
            end
        when {{ direction }} = 'band' and coalesce({{ lower_limit }}, {{ upper_limit }}) is not null
            then case
                when coalesce({{ lower_limit }} < {{ lower_process_limit }} - {{ tolerance }}, true)
                    and coalesce({{ upper_limit }} > {{ upper_process_limit }} + {{ tolerance }}, true)
                    then 'consistently_passes'
                when {{ lower_limit }} > {{ upper_process_limit }} + {{ tolerance }}
                    or {{ upper_limit }} < {{ lower_process_limit }} - {{ tolerance }}
                    then 'consistently_fails'
                else 'inconsistent'
            end
    end
{%- endmacro %}
