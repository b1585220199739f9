{#-
  Status of a KPI by its own target and limits, whatever key results want of it: the only place where it is decided.

  off_track  beyond a limit; or short of the target of a KPI that has no limit on that side
  at_risk    short of the target, within the limits
  on_track   at the target or better, within the limits; of a band: within the limits

  Target and limits are inclusive; the sign of `direction` says which side of the target is better. Without a value, or
  without anything to hold it to, nobody can say.
-#}
{% macro kpi_status(direction, value, target, lower_limit, upper_limit) -%}
    case
        when {{ value }} is null or {{ kpi_null_reason(direction, target, lower_limit, upper_limit) }} is not null
            then 'not_assessable'
        when {{ value }} < {{ lower_limit }} or {{ value }} > {{ upper_limit }} then 'off_track'
        when {{ direction }} = 'increase' and {{ value }} < {{ target }}
            then case when {{ lower_limit }} is null then 'off_track' else 'at_risk' end
        when {{ direction }} = 'decrease' and {{ value }} > {{ target }}
            then case when {{ upper_limit }} is null then 'off_track' else 'at_risk' end
        else 'on_track'
    end
{%- endmacro %}

{#- What a KPI lacks to be judged at all; null when it is complete. -#}
{% macro kpi_null_reason(direction, target, lower_limit, upper_limit) -%}
    case
        when {{ lower_limit }} is not null or {{ upper_limit }} is not null then null
        when {{ direction }} = 'band' then 'no_limit'
        when {{ target }} is null then 'no_target'
    end
{%- endmacro %}
