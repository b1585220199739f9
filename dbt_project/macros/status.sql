{#-
  Status of a key result from its progress and a row of the seed status_rules: the only place where it is decided.

  family `gap`          expected - progress, at most on_track_limit or at_risk_limit
  family `ratio`        progress / expected, at least the limits; on track while nothing is expected yet
  family `level`        progress alone, at least the limits
  family `probability`  chance of reaching the target by the due day, at least the limits; without a forecast not
                        assessable, whatever the progress

  Thresholds are inclusive. Figures are rounded to nine digits before they are compared: 0.8 - 0.7 is 0.1 to a person.
-#}
{% macro status(
    direction, progress_raw, expected, is_over, family, on_track_limit, at_risk_limit, probability
) -%}
    {%- set figure = status_figure(progress_raw, expected, family, probability) -%}
    case
        when {{ progress_raw }} is null or {{ expected }} is null or {{ family }} is null then 'not_assessable'
        when {{ is_achieved(direction, progress_raw, is_over) }} then 'achieved'
        when {{ family }} = 'ratio' and {{ expected }} = 0 then 'on_track'
        when {{ family }} = 'gap' and {{ figure }} <= {{ on_track_limit }} then 'on_track'
        when {{ family }} = 'gap' and {{ figure }} <= {{ at_risk_limit }} then 'at_risk'
        when {{ family }} = 'gap' then 'off_track'
        when {{ figure }} is null then 'not_assessable'
        when {{ figure }} >= {{ on_track_limit }} then 'on_track'
        when {{ figure }} >= {{ at_risk_limit }} then 'at_risk'
        when {{ figure }} < {{ at_risk_limit }} then 'off_track'
        else 'not_assessable'
    end
{%- endmacro %}

{#- Figure that a family compares with its limits; null where there is none. -#}
{% macro status_figure(progress_raw, expected, family, probability) -%}
    {%- set progress = clamped(progress_raw) -%}
    case {{ family }}
        when 'gap' then round({{ expected }} - {{ progress }}, 9)
        when 'ratio' then round({{ progress }} / nullif({{ expected }}, 0), 9)
        when 'level' then round({{ progress }}, 9)
        when 'probability' then round({{ probability }}, 9)
    end
{%- endmacro %}

{#-
  Whether a key result is achieved, by any rule: progress_raw of 1, and of a stay_ key result also that its time is
  over: a limit is kept to the end.
-#}
{% macro is_achieved(direction, progress_raw, is_over) -%}
    (
        round({{ progress_raw }}, 9) >= 1
        and ({{ is_over }} or {{ direction }} not in ('stay_above', 'stay_below', 'stay_within'))
    )
{%- endmacro %}

{#- Why there is no status, or no progress (`progress_null_reason`); null when nothing is missing. -#}
{% macro status_null_reason(progress_null_reason, direction, progress_raw, is_over, family, probability) -%}
    case
        when {{ progress_null_reason }} is not null then {{ progress_null_reason }}
        when {{ family }} is null then 'unknown_status_rule'
        when
            {{ family }} = 'probability' and {{ probability }} is null
            and not {{ is_achieved(direction, progress_raw, is_over) }}
            then 'no_forecast'
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

{#-
  Place of a status in a roll-up; the greatest of several is theirs. A red one is never hidden by one that nobody can
  assess, and that one is never hidden by a green one: silence is never green.
-#}
{% macro status_severity(status) -%}
    case {{ status }}
        when 'achieved' then 0
        when 'on_track' then 1
        when 'not_assessable' then 2
        when 'at_risk' then 3
        when 'off_track' then 4
    end
{%- endmacro %}

{#- The status of a place in a roll-up: the inverse of status_severity. -#}
{% macro status_of_severity(severity) -%}
    case {{ severity }}
        when 0 then 'achieved'
        when 1 then 'on_track'
        when 2 then 'not_assessable'
        when 3 then 'at_risk'
        when 4 then 'off_track'
    end
{%- endmacro %}

{#- Level of a status, 0 to 3, higher is better; null for what cannot be assessed. -#}
{% macro status_rank(status) -%}
    case {{ status }} when 'off_track' then 0 when 'at_risk' then 1 when 'on_track' then 2 when 'achieved' then 3 end
{%- endmacro %}

{#-
  Levels by which a reported status is better than the computed one, -3 to 3, negative when it is worse; null, never 0,
  when either is unknown (design 7; "optimism" elsewhere).
-#}
{% macro status_divergence(reported_status, computed_status) -%}
    {{ status_rank(reported_status) }} - {{ status_rank(computed_status) }}
{%- endmacro %}

{#-
  Status of a roll-up that a reader is shown: a part that is withheld (`is_part_withheld`) takes the green from it, but
  hides no red that the other parts show.
-#}
{% macro shown_status(severity, is_part_withheld) -%}
    case
        when {{ severity }} >= {{ status_severity("'at_risk'") }} then {{ status_of_severity(severity) }}
        when {{ is_part_withheld }} then 'withheld'
        else coalesce({{ status_of_severity(severity) }}, 'not_assessable')
    end
{%- endmacro %}
