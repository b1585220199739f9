{#-
  Whether a change makes a goal easier or harder: the only place where that is decided.

  field          name as int_goal__fields gives it; parts of lists are `milestones.<id>.due_on` and the like
  direction      which way the value must go before the change: that of the key result, or of the KPI
  old, new       the values as text, null where there is none; dates in ISO form, so that they compare as text
  old_number, new_number   the same as numbers, null for text

  A target is easier when less is asked for, a limit when more is allowed. A baseline is easier when it puts more of the
  way behind (progress = (actual - baseline) / (target - baseline)). `neutral`: the direction does not use the field.
  Null where it cannot be told; goal_difficulty_null_reason says why.
-#}
{% macro goal_difficulty(subject_type, field, direction, old, new, old_number, new_number) -%}
    {%- set leaf = "case when " ~ field ~ " like 'milestones.%.due_on' then 'due_on'"
        ~ " when " ~ field ~ " like 'checkpoints.%' then 'checkpoint'"
        ~ " when " ~ field ~ " like 'guardrails.%.min' then 'lower_limit'"
        ~ " when " ~ field ~ " like 'guardrails.%.max' then 'upper_limit'"
        ~ " when " ~ field ~ " like 'guardrails.%' then 'guardrail'"
        ~ " when " ~ field ~ " like 'milestones.%.weight' then 'weight'"
        ~ " when " ~ field ~ " like 'milestones.%' then 'milestone' else " ~ field ~ " end" -%}
    case
        when {{ field }} = 'state' and {{ old }} = 'committed' then 'easier'
        when {{ field }} = 'state' and {{ new }} = 'committed' then 'harder'
        when {{ leaf }} in ('milestone', 'guardrail') and {{ new }} is null then 'easier'
        when {{ leaf }} in ('milestone', 'guardrail') and {{ old }} is null then 'harder'
        when {{ field }} like 'guardrails.%' and {{ leaf }} in ('lower_limit', 'upper_limit') and {{ new }} is null
            then 'easier'
        when {{ field }} like 'guardrails.%' and {{ leaf }} in ('lower_limit', 'upper_limit') and {{ old }} is null
            then 'harder'
        when {{ subject_type }} = 'key_result' and {{ field }} in ('target', 'stretch', 'baseline')
            and {{ direction }} in ('stay_within', 'milestone') then 'neutral'
        when {{ subject_type }} = 'key_result' and {{ field }} in ('stretch', 'baseline')
            and {{ direction }} in ('stay_above', 'stay_below') then 'neutral'
        when {{ subject_type }} = 'key_result' and {{ field }} = 'lower_limit'
            and {{ direction }} not in ('stay_above', 'stay_within') then 'neutral'
        when {{ subject_type }} = 'key_result' and {{ field }} = 'upper_limit'
            and {{ direction }} not in ('stay_below', 'stay_within') then 'neutral'
        when {{ old }} is null or {{ new }} is null then null
        when {{ field }} in ('target', 'stretch') and {{ direction }} in ('increase', 'stay_above')
            then case when {{ new_number }} < {{ old_number }} then 'easier' else 'harder' end
        when {{ field }} in ('target', 'stretch') and {{ direction }} in ('decrease', 'stay_below')
            then case when {{ new_number }} > {{ old_number }} then 'easier' else 'harder' end
        when {{ field }} = 'baseline' and {{ direction }} = 'increase'
            then case when {{ new_number }} < {{ old_number }} then 'easier' else 'harder' end
        when {{ field }} = 'baseline' and {{ direction }} = 'decrease'
            then case when {{ new_number }} > {{ old_number }} then 'easier' else 'harder' end
        when {{ leaf }} in ('lower_limit', 'checkpoint')
            then case when {{ new_number }} < {{ old_number }} then 'easier' else 'harder' end
        when {{ leaf }} = 'upper_limit'
            then case when {{ new_number }} > {{ old_number }} then 'easier' else 'harder' end
        when {{ leaf }} = 'due_on' then case when {{ new }} > {{ old }} then 'easier' else 'harder' end
        -- Periods before the start are not judged.
        when {{ field }} = 'starts_on' and {{ direction }} in ('stay_above', 'stay_below', 'stay_within')
            then case when {{ new }} > {{ old }} then 'easier' else 'harder' end
    end
{%- endmacro %}

{#- Why goal_difficulty is null; null when it is not. -#}
{% macro goal_difficulty_null_reason(difficulty, old, new) -%}
    case
        when {{ difficulty }} is not null then null
        when {{ old }} is null then 'value_added'
        when {{ new }} is null then 'value_removed'
        else 'not_comparable'
    end
{%- endmacro %}
