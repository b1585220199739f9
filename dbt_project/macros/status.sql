{#-
  Status of a key result from its progress and a row of the seed status_rules: the only place where it is decided.

  family `gap`     expected - progress, at most on_track_limit or at_risk_limit
  family `ratio`   progress / expected, at least the limits; on track while nothing is expected yet
  family `level`   progress alone, at least the limits

  Thresholds are inclusive. Figures are rounded to nine digits before they are compared: 0.8 - 0.7 is 0.1 to a person.
  `achieved` needs progress_raw of 1, and of a stay_ key result also that its time is over: a limit is kept to the end.
-#}
{% macro status(direction, progress_raw, expected, is_over, family, on_track_limit, at_risk_limit) -%}
    {%- set progress = clamped(progress_raw) -%}
    case
        when {{ progress_raw }} is null or {{ expected }} is null or {{ family }} is null then 'not_assessable'
        when round({{ progress_raw }}, 9) >= 1
            and ({{ is_over }} or {{ direction }} not in ('stay_above', 'stay_below', 'stay_within')) then 'achieved'
        when {{ family }} = 'gap' and round({{ expected }} - {{ progress }}, 9) <= {{ on_track_limit }} then 'on_track'
        when {{ family }} = 'gap' and round({{ expected }} - {{ progress }}, 9) <= {{ at_risk_limit }} then 'at_risk'
        when {{ family }} = 'gap' then 'off_track'
        when {{ family }} = 'ratio' and {{ expected }} = 0 then 'on_track'
        when {{ family }} = 'ratio' and round({{ progress }} / {{ expected }}, 9) >= {{ on_track_limit }} then 'on_track'
        when {{ family }} = 'ratio' and round({{ progress }} / {{ expected }}, 9) >= {{ at_risk_limit }} then 'at_risk'
        when {{ family }} = 'ratio' then 'off_track'
        when {{ family }} = 'level' and round({{ progress }}, 9) >= {{ on_track_limit }} then 'on_track'
        when {{ family }} = 'level' and round({{ progress }}, 9) >= {{ at_risk_limit }} then 'at_risk'
        when {{ family }} = 'level' then 'off_track'
        else 'not_assessable'
    end
{%- endmacro %}

{#- Status of a guardrail: its limits are kept, inclusive, or not. -#}
{% macro guardrail_status(actual, guardrail_min, guardrail_max) -%}
    case
        when {{ actual }} is null or ({{ guardrail_min }} is null and {{ guardrail_max }} is null) then 'not_assessable'
        when {{ actual }} < {{ guardrail_min }} or {{ actual }} > {{ guardrail_max }} then 'off_track'
        else 'on_track'
    end
{%- endmacro %}
