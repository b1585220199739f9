{#-
  Progress of a key result: the only place where its formulas stand.

  increase, decrease   (actual - baseline) / (target - baseline), as Viva Goals, ServiceNow and Operately compute it;
                       the sign of the range makes one formula serve both directions.
  stay_*               periods that met the limit / periods due so far, inclusive, as ServiceNow does; a missing period
                       counts as not met.
  milestone            weight of the completed milestones / weight of all, see fct_key_result_daily.

  Null, never 0, where it is unknown: progress_null_reason says why.
-#}
{% macro progress_raw(direction, actual, baseline, target, periods_met, periods_due) -%}
    case
        -- Without this, a decreasing key result starts at minus zero.
        when {{ direction }} in ('increase', 'decrease') and {{ actual }} = {{ baseline }} and {{ target }} <> {{ baseline }}
            then cast(0 as double)
        when {{ direction }} in ('increase', 'decrease')
            then ({{ actual }} - {{ baseline }}) / nullif({{ target }} - {{ baseline }}, 0)
        when {{ direction }} in ('stay_above', 'stay_below', 'stay_within')
            then cast({{ periods_met }} as double) / nullif({{ periods_due }}, 0)
    end
{%- endmacro %}

{#- progress_raw clamped to 0 to 1; null stays null. -#}
{% macro clamped(progress_raw) -%}
    case
        when {{ progress_raw }} < 0 then cast(0 as double)
        when {{ progress_raw }} > 1 then cast(1 as double)
        else {{ progress_raw }}
    end
{%- endmacro %}

{#-
  Attainment that the goal won by moving after its lock (design 7, goalposts): measured by the current definition, less
  by the locked one; null when either is.
-#}
{% macro attainment_drift(vs_current, vs_locked) -%}
    {{ vs_current }} - {{ vs_locked }}
{%- endmacro %}

{#- What the definition lacks for progress to exist at all; null when it is complete. -#}
{% macro definition_null_reason(direction, baseline, target, lower_limit, upper_limit) -%}
    case
        when {{ direction }} in ('increase', 'decrease') and {{ target }} is null then 'no_target'
        when {{ direction }} in ('increase', 'decrease') and {{ baseline }} is null then 'no_baseline'
        when {{ direction }} in ('increase', 'decrease') and {{ baseline }} = {{ target }} then 'degenerate_range'
        when {{ direction }} = 'stay_above' and coalesce({{ lower_limit }}, {{ target }}) is null then 'no_limit'
        when {{ direction }} = 'stay_below' and coalesce({{ upper_limit }}, {{ target }}) is null then 'no_limit'
        when {{ direction }} = 'stay_within' and ({{ lower_limit }} is null or {{ upper_limit }} is null) then 'no_limit'
    end
{%- endmacro %}

{#-
  Progress expected by the end of `day`, as a share: 1 from the due day on; before it the newest declared checkpoint
  (`checkpoint`: 0 before the first one, null when none is declared), else the elapsed share of the time between start
  and due day (Viva Goals). For stay_ key results 1 instead, because every period that is due should have met its limit
  (as ServiceNow scores them).
-#}
{% macro expected_progress(direction, day, starts_on, due_on, checkpoint) -%}
    case
        when {{ day }} < {{ starts_on }} then cast(0 as double)
        when {{ direction }} in ('stay_above', 'stay_below', 'stay_within') then coalesce({{ checkpoint }}, cast(1 as double))
        when {{ day }} >= {{ due_on }} then cast(1 as double)
        else
            coalesce(
                {{ checkpoint }},
                cast({{ days_between(starts_on, day) }} as double) / nullif({{ days_between(starts_on, due_on) }}, 0)
            )
    end
{%- endmacro %}
