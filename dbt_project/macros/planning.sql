{#- The figures of a plan's readiness and the words for its verdicts: the only place where they stand (design 10). -#}

{#- Fewest values of a KPI that say where it stands before it is to move. -#}
{%- macro fewest_baseline_observations() -%} 20 {%- endmacro -%}

{#- Newest periods due whose punctuality counts, and the share of them that must have arrived in time. -#}
{%- macro fresh_periods() -%} 13 {%- endmacro -%}
{%- macro fresh_share_wanted() -%} 0.95 {%- endmacro -%}

{#- Load of a unit up to which it fits, and up to which it is tight; both inclusive. -#}
{%- macro fits_load() -%} 0.85 {%- endmacro -%}
{%- macro tight_load() -%} 1.0 {%- endmacro -%}

{#- Ratios of figures that add up thousands of values agree to nine digits. -#}
{% macro load_verdict(load) -%}
    case
        when round({{ load }}, 9) <= {{ fits_load() }} then 'fits'
        when round({{ load }}, 9) <= {{ tight_load() }} then 'tight'
        when {{ load }} is not null then 'exceeds'
    end
{%- endmacro %}

{#-
  What a criterion is needed for: `any_plan` (even a key result that only measures a baseline), `target` (whoever
  promises a target), `decision` (does not stop the plan: somebody must say that he wants it all the same).
-#}
{% macro plan_verdict(failed_any_plan, failed_target) -%}
    case
        when {{ failed_any_plan }} > 0 then 'not_a_plan'
        when {{ failed_target }} > 0 then 'baseline_only'
        else 'ready'
    end
{%- endmacro %}

{#- 1 where more is better, -1 where less is; null where the goal is to keep a level. -#}
{% macro wanted_sign(direction) -%}
    case {{ direction }} when 'increase' then 1 when 'decrease' then -1 end
{%- endmacro %}
